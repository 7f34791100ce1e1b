using System.Text.Json;
using Relay.Actors;
using Relay.Actors.Admin;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>What this node says of its connections, and does to them.</summary>
internal sealed class ConnectionVerbs(RelaySystem relay) : INodeVerbs
{
    public const string List = "connections";
    public const string Describe = "connection";
    public const string Disconnect = "disconnect";
    public const string Unsubscribe = "unsubscribe";

    /// <summary>Names of what connections are searched by.</summary>
    public static readonly string[] Filters = ["user", "agent", "address", "dialect", "channel"];

    public async Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => verb switch
    {
        List => await ListAsync(arguments),
        Describe => await DescribeAsync(arguments),
        Disconnect => Count(relay.Disconnect(
            arguments.TextOf("user"), arguments.TextOf("connection"), (int)(arguments.NumberOf("code") ?? 0), arguments.TextOf("reason") ?? "")),
        Unsubscribe => Count(await relay.UnsubscribeAsync(arguments.TextOf("user"), arguments.TextOf("connection"), arguments.TextOf("channel") ?? "", CancellationToken.None)),
        _ => null,
    };

    private static byte[] Count(int count) => AdminJson.Of(json => json.WriteNumber("count", count));

    private async Task<byte[]> ListAsync(JsonElement arguments)
    {
        var page = await relay.ListConnectionsAsync(
            new ConnectionQuery
            {
                User = arguments.TextOf("user"),
                Agent = arguments.TextOf("agent"),
                Address = arguments.TextOf("address"),
                Dialect = arguments.TextOf("dialect"),
                Channel = arguments.TextOf("channel"),
                After = arguments.NumberOf("after") ?? 0,
                Limit = (int)Math.Clamp(arguments.NumberOf("limit") ?? ConnectionApi.UsualLimit, 1, ConnectionApi.MostLimit),
            },
            CancellationToken.None);
        return AdminJson.Of(json =>
        {
            json.WriteNumber("total", page.Total);
            json.WriteStartArray("connections");
            foreach (var connection in page.Connections)
            {
                json.WriteStartObject();
                Write(json, connection);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private async Task<byte[]> DescribeAsync(JsonElement arguments)
    {
        var detail = await relay.DescribeConnectionAsync(arguments.TextOf("id") ?? "", CancellationToken.None);
        return AdminJson.Of(json =>
        {
            if (detail is null)
            {
                return;
            }

            Write(json, detail.Facts);
            json.WriteStartArray("subscriptions");
            foreach (var subscription in detail.Subscriptions)
            {
                json.WriteStartObject();
                json.WriteString("channel", subscription.Channel);
                json.WriteBoolean("pattern", subscription.IsPattern);
                json.WriteBoolean("presence", subscription.Presence != PresenceWish.None);
                json.WriteTime("live_since", subscription.LiveMicros);
                if (subscription.Events is { } events)
                {
                    json.WriteList("events", events);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private void Write(Utf8JsonWriter json, ConnectionFacts connection)
    {
        json.WriteString("connection", connection.ClientId);
        json.WriteNumber("number", connection.Number);
        json.WriteString("node", relay.NodeName);
        json.WriteString("dialect", connection.Dialect);
        json.WriteString("listener", connection.Listener);
        json.WriteString("address", connection.Address);
        json.WriteText("user", connection.User);
        json.WriteText("agent", connection.Agent);
        json.WriteBoolean("authenticated", connection.IsAuthenticated);
        json.WriteBoolean("service", connection.IsService);
        json.WriteTime("opened_at", connection.OpenedMicros);
        json.WriteNumber("silent_ms", (long)connection.Silent.TotalMilliseconds);
        json.WriteNumber("unsent_bytes", connection.UnsentBytes);
        json.WriteNumber("dropped_events", connection.DroppedEvents);
        json.WriteString("state", connection.IsClosing ? "closing" : "open");
        if (connection.TokenEnds is { } ends)
        {
            json.WriteString("token_ends_at", ApiAnswers.Rfc3339(ends.ToUnixTimeMilliseconds() * 1000));
        }
    }
}
