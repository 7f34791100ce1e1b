using System.CommandLine;
using System.Text.Json;

namespace Relay.Cli.Commands;

/// <summary><c>relay explain</c>: what became of an event, for each connection.</summary>
internal static class ExplainCommand
{
    public static Command Create(Screen screen)
    {
        var message = new Argument<string>("message") { Description = "Its id: the relay's (msg_…) or the publisher's." };
        var channel = new Option<string?>("--channel") { Description = "Where publishers use the same id on several." };
        var user = new Option<string?>("--user") { Description = "Only for this user's connections." };
        var connection = new Option<string?>("--connection") { Description = "Only for this connection." };
        var command = new Command("explain", "Say what became of an event: accepted, routed, written, acked; or why not.") { message, channel, user, connection };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var path = Api.With("/api/v1/explain", "message", parsed.GetValue(message));
            path = Api.With(Api.With(Api.With(path, "channel", parsed.GetValue(channel)), "user", parsed.GetValue(user)), "connection", parsed.GetValue(connection));
            var answer = await api.GetAsync(path, cancellationToken);
            if (!screen.IsForPeople(parsed))
            {
                screen.Write(answer);
            }
            else
            {
                Show(screen, answer);
            }

            return answer.Cell("status") == "accepted" ? CommandLine.Done : CommandLine.Failed;
        });
        return command;
    }

    private static void Show(Screen screen, JsonElement answer)
    {
        var output = screen.Output;
        output.WriteLine(answer.TryGetProperty("accepted", out var accepted) && accepted.ValueKind == JsonValueKind.Object
            ? $"accepted {accepted.Cell("at")} by {accepted.Cell("owner")} on {accepted.Cell("channel")} at {accepted.Cell("epoch")}:{accepted.Cell("offset")}, to nodes: {accepted.Cell("routed_to")}"
            : $"{answer.Cell("status")} {answer.Cell("reason")}".TrimEnd());
        foreach (var attempt in answer.Items("attempts"))
        {
            output.WriteLine($"another publish under that id {attempt.Cell("at")}: {attempt.Cell("status")} {attempt.Cell("reason")}".TrimEnd());
        }

        screen.Table(
            ["connection", "user", "node", "verdict", "when", "why"],
            answer.Items("verdicts").Select(static one => (IEnumerable<string>)
            [
                one.Cell("connection"), one.Cell("user"), one.Cell("node"), one.Cell("verdict"),
                First(one.Cell("acked_at"), one.Cell("written_at"), one.Cell("at"), one.Cell("queued_at")), one.Cell("reason"),
            ]),
            "no connection had to do with it");
    }

    private static string First(params string[] times) => Array.Find(times, static time => time.Length > 0) ?? "";
}
