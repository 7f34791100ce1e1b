using System.Text.Json;
using Relay.Actors;
using Relay.Actors.Explain;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>What this node says of deliveries, to whichever node asks for a caller.</summary>
internal sealed class ExplainVerbs(RelaySystem relay) : INodeVerbs
{
    public const string Find = "explain.find";
    public const string Judge = "explain.judge";

    public async Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => verb switch
    {
        Find => Found(arguments),
        Judge => await JudgedAsync(arguments),
        _ => null,
    };

    private byte[] Found(JsonElement arguments)
    {
        var (id, channel) = (arguments.TextOf("message") ?? "", arguments.TextOf("channel"));
        return AdminJson.Of(json =>
        {
            json.WriteBoolean("on", relay.Deliveries.IsOn);
            if (relay.Deliveries.OldestMicros is { } oldest)
            {
                json.WriteNumber("oldest_us", oldest);
            }

            json.WriteStartArray("events");
            foreach (var found in relay.FindEvents(id, channel))
            {
                json.WriteStartObject();
                AdminJson.Write(json, found.Event);
                if (found.Nodes is not null)
                {
                    json.WriteList("nodes", found.Nodes);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("failures");
            foreach (var failure in relay.FindFailures(id, channel))
            {
                json.WriteStartObject();
                json.WriteString("channel", failure.Channel);
                json.WriteString("outcome", failure.Outcome);
                json.WriteString("reason", failure.Reason);
                json.WriteString("publisher", failure.Publisher);
                json.WriteNumber("us", failure.TimeMicros);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private async Task<byte[]?> JudgedAsync(JsonElement arguments)
    {
        if (AdminJson.ReadEvent(arguments) is not { } message)
        {
            return null;
        }

        var most = (int)Math.Clamp(arguments.NumberOf("limit") ?? ExplainApi.UsualLimit, 1, ExplainApi.MostLimit);
        var here = await relay.ExplainHereAsync(message, arguments.TextOf("user"), arguments.TextOf("connection"), most, CancellationToken.None);
        return AdminJson.Of(json =>
        {
            json.WriteNumber("connections", here.Connections);
            json.WriteStartArray("verdicts");
            foreach (var one in here.Verdicts)
            {
                json.WriteStartObject();
                Write(json, one);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private void Write(Utf8JsonWriter json, ConnectionVerdict one)
    {
        json.WriteString("connection", one.ClientId);
        json.WriteNumber("number", one.Id);
        json.WriteText("user", one.User);
        json.WriteString("dialect", Dialects.ByKind(one.Kind).Profile.Name);
        json.WriteString("node", relay.NodeName);
        json.WriteString("verdict", one.Verdict.Name);
        json.WriteString("reason", one.Verdict.Reason);
        json.WriteBoolean("matched", one.Verdict.Matched);
        if (one.Verdict.QueuedMicros is not null)
        {
            json.WriteString("by", one.Verdict.ByCatchUp ? "catch_up" : "live");
        }

        json.WriteTime("queued_at", one.Verdict.QueuedMicros);
        json.WriteTime("written_at", one.Verdict.WrittenMicros);
        json.WriteTime("acked_at", one.Verdict.AckedMicros);
        json.WriteTime("at", one.Verdict.AtMicros);
    }
}
