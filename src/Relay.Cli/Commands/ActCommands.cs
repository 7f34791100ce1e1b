using System.CommandLine;
using System.Text.Json;

namespace Relay.Cli.Commands;

/// <summary>Verbs that change something. Each is in the audit of the node that was asked.</summary>
internal static class ActCommands
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    public static IEnumerable<Command> All(Screen screen) => [Drain(screen), Undrain(screen), Move(screen), Kick(screen)];

    private static Command Drain(Screen screen)
    {
        var node = new Argument<string>("node");
        var keep = new Option<bool>("--keep-clients") { Description = "Its clients stay; only its channels go." };
        var noWait = new Option<bool>("--no-wait") { Description = "Do not wait until it is empty." };
        var command = new Command("drain", "Bring a node's channels and clients to the others; it stays a member without shards.") { node, keep, noWait };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var path = $"/api/v1/nodes/{Uri.EscapeDataString(parsed.GetValue(node)!)}";
            await api.PostAsync(path + "/drain", new { keep_clients = parsed.GetValue(keep) }, cancellationToken);
            return parsed.GetValue(noWait) ? CommandLine.Done : await WaitAsync(screen, api, path, cancellationToken);
        });
        return command;
    }

    private static async Task<int> WaitAsync(Screen screen, Api api, string path, CancellationToken cancellationToken)
    {
        var told = "";
        while (true)
        {
            var answer = await api.GetAsync(path, cancellationToken);
            var state = answer.TryGetProperty("node", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : answer;
            var now = $"{state.Cell("shards")} shards and {state.Cell("connections")} connections left";
            if (state.Cell("drain") == "drained")
            {
                await screen.Output.WriteLineAsync("drained");
                return CommandLine.Done;
            }

            if (state.Cell("drain") == "none")
            {
                await screen.Error.WriteLineAsync("relay: the drain was taken back");
                return CommandLine.Failed;
            }

            if (now != told)
            {
                await screen.Error.WriteLineAsync(told = now);
            }

            await Task.Delay(Look, TimeProvider.System, cancellationToken);
        }
    }

    private static Command Undrain(Screen screen)
    {
        var node = new Argument<string>("node");
        var command = new Command("undrain", "Let a drained node take part again.") { node };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            await api.PostAsync($"/api/v1/nodes/{Uri.EscapeDataString(parsed.GetValue(node)!)}/undrain", new { }, cancellationToken);
            await screen.Output.WriteLineAsync("it takes part again");
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Move(Screen screen)
    {
        var shard = new Argument<int>("shard");
        var to = new Argument<string?>("node") { Arity = ArgumentArity.ZeroOrOne, Description = "Where it stays from now on; none = where it belongs." };
        var command = new Command("move", "Pin a part of the channels to a node, or let it go where it belongs.") { shard, to };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var number = parsed.GetValue(shard);
            if (parsed.GetValue(to) is { } target)
            {
                await api.PostAsync($"/api/v1/shards/{number}/move", new { to = target }, cancellationToken);
            }
            else
            {
                await api.DeleteAsync($"/api/v1/shards/{number}/pin", cancellationToken);
            }

            await screen.Output.WriteLineAsync("asked for; relay shards shows the move");
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Kick(Screen screen)
    {
        var connection = new Option<string?>("--connection");
        var user = new Option<string?>("--user");
        var reason = new Option<string?>("--reason") { Description = "Told to the client." };
        var command = new Command("kick", "Close connections. They may come back; POST /api/v1/revoke keeps somebody out.") { connection, user, reason };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(connection) is null) == (result.GetValue(user) is null))
            {
                result.AddError("Either --connection or --user.");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var body = new Dictionary<string, string?>(StringComparer.Ordinal) { ["connection"] = parsed.GetValue(connection), ["user"] = parsed.GetValue(user), ["reason"] = parsed.GetValue(reason) };
            var answer = await api.PostAsync("/api/v1/disconnect", body.Where(static one => one.Value is not null).ToDictionary(StringComparer.Ordinal), cancellationToken);
            screen.Write(answer);
            return CommandLine.Done;
        });
        return command;
    }
}
