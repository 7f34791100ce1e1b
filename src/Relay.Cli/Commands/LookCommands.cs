using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Relay.Cli.Commands;

/// <summary>Verbs that ask and change nothing.</summary>
internal static class LookCommands
{
    private static readonly string[] NodeColumns = ["node", "state", "version", "connections", "channels", "shards", "moving", "memory", "drain", "ready"];

    public static IEnumerable<Command> All(Screen screen) => [Nodes(screen), Shards(screen), Channels(screen), Connections(screen), History(screen), Presence(screen), Audit(screen)];

    private static Command Nodes(Screen screen) => Ask("nodes", "Nodes of the cluster: state, load, readiness.", screen, [], "/api/v1/nodes", "nodes", NodeColumns,
        static one => [one.Cell("node"), one.Cell("state"), one.Cell("version"), one.Cell("connections"), one.Cell("channels"), one.Cell("shards"), one.Cell("shards_moving"), Bytes(one.Cell("memory_bytes")), one.Cell("drain"), Ready(one)]);

    private static Command Shards(Screen screen) => Ask("shards", "Parts of the channels, their owners, and those on their way.", screen, [], "/api/v1/shards", "shards", ["shard", "owner", "state", "to", "pinned to"],
        static one => [one.Cell("shard"), one.Cell("owner"), one.Cell("state"), one.Cell("to"), one.Cell("pinned_to")]);

    private static Command Channels(Screen screen) => Ask(
        "channels", "Channels that somebody subscribes to: where they stand, who owns them.", screen,
        [new Option<string?>("--prefix") { Description = "Only names that begin so." }, new Option<string?>("--pattern") { Description = "Only names that match, such as topics/*." }],
        "/api/v1/channels/details", "channels", ["channel", "offset", "subscribers", "durability", "owner"],
        static one => [one.Cell("channel"), one.Cell("offset") is { Length: > 0 } offset ? offset : one.Cell("unavailable"), one.Cell("subscribers"), one.Cell("durability"), one.Cell("owner")]);

    private static Command Connections(Screen screen) => Ask(
        "connections", "Who is connected.", screen,
        [
            new Option<string?>("--user") { Description = "Of this user." }, new Option<string?>("--agent") { Description = "Of this agent." }, new Option<string?>("--address") { Description = "From addresses that begin so." },
            new Option<string?>("--dialect") { Description = "Of this client family." }, new Option<string?>("--channel") { Description = "Subscribed to this channel or pattern." },
        ],
        "/api/v1/connections", "connections", ["connection", "node", "dialect", "address", "user", "agent", "since", "unsent"],
        static one => [one.Cell("connection"), one.Cell("node"), one.Cell("dialect"), one.Cell("address"), one.Cell("user"), one.Cell("agent"), one.Cell("opened_at"), one.Cell("unsent_bytes")]);

    private static Command Audit(Screen screen) => Ask("audit", "What operators did, newest first.", screen, [], "/api/v1/audit", "entries", ["at", "who", "from", "act", "target", "result"],
        static one => [one.Cell("at"), one.Cell("who"), one.Cell("from"), one.Cell("act"), one.Cell("target"), one.Cell("result")]);

    private static Command History(Screen screen)
    {
        var channel = new Argument<string>("channel");
        var limit = new Option<int>("--limit") { Description = "The newest so many.", DefaultValueFactory = static _ => 20 };
        var since = new Option<string?>("--since") { Description = "Behind this place instead, as epoch:offset." };
        var command = new Command("history", "Stored events of a channel, oldest first.") { channel, limit, since };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var path = Api.With("/api/v1/history", "channel", parsed.GetValue(channel));
            path = parsed.GetValue(since) is { } place ? Api.With(path, "since", place) : Api.With(path, "limit", parsed.GetValue(limit).ToString(CultureInfo.InvariantCulture));
            var answer = await api.GetAsync(path, cancellationToken);
            Show(screen, parsed, answer.Items("events"), ["offset", "time", "event", "data"],
                static one => [one.Cell("offset"), Time(one), one.Cell("event"), one.TryGetProperty("data", out var data) ? data.GetRawText() : ""], "nothing is stored");
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Presence(Screen screen)
    {
        var channel = new Argument<string>("channel");
        var command = new Command("presence", "Who is present on a channel.") { channel };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var answer = await api.GetAsync(Api.With("/api/v1/presence", "channel", parsed.GetValue(channel)), cancellationToken);
            if (!screen.IsForPeople(parsed))
            {
                screen.Write(answer);
                return CommandLine.Done;
            }

            Show(screen, parsed, answer.Items("members"), ["connection", "user"], static one => [one.Cell("client_id"), one.Cell("user_id")], "nobody is present");
            await screen.Output.WriteLineAsync($"{answer.Cell("count")} connections, {answer.Cell("users")} users");
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Ask(
        string name, string description, Screen screen, Option<string?>[] filters, string path, string list, string[] columns, Func<JsonElement, IEnumerable<string>> row)
    {
        var limit = new Option<int>("--limit") { Description = "At most so many.", DefaultValueFactory = static _ => 1000 };
        var command = new Command(name, description) { limit };
        foreach (var filter in filters)
        {
            command.Options.Add(filter);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = new Api(Target.Of(parsed));
            var asked = filters.Aggregate(path, (so, filter) => Api.With(so, filter.Name.TrimStart('-'), parsed.GetValue(filter)));
            var items = new List<JsonElement>();
            await foreach (var item in api.ListAsync(asked, list, parsed.GetValue(limit), cancellationToken))
            {
                items.Add(item);
            }

            Show(screen, parsed, items, columns, row, "none");
            return CommandLine.Done;
        });
        return command;
    }

    private static void Show(Screen screen, ParseResult parsed, IEnumerable<JsonElement> items, string[] columns, Func<JsonElement, IEnumerable<string>> row, string whenEmpty)
    {
        if (screen.IsForPeople(parsed))
        {
            screen.Table(columns, items.Select(row), whenEmpty);
            return;
        }

        foreach (var item in items)
        {
            screen.Write(item);
        }
    }

    private static string Ready(JsonElement node) => node.Cell("answers") == "no" ? "does not answer" : node.Cell("ready") == "no" ? "no: " + node.Cell("reasons") : node.Cell("ready");

    private static string Bytes(string text) => long.TryParse(text, CultureInfo.InvariantCulture, out var bytes) ? $"{bytes / 1048576.0:0} MiB" : "";

    private static string Time(JsonElement one) =>
        long.TryParse(one.Cell("timestamp"), CultureInfo.InvariantCulture, out var ms) ? DateTimeOffset.FromUnixTimeMilliseconds(ms).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture) : "";
}
