using System.Buffers;
using System.Text.Json;

namespace Relay.Client;

/// <summary>The native dialect's JSON (docs/protocols.md, <c>relay</c>), from a client's side.</summary>
internal static class Frames
{
    public static byte[] Write(string type, string? id, Action<Utf8JsonWriter>? more = null)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            if (id is not null)
            {
                json.WriteString("id", id);
            }

            more?.Invoke(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static void Place(this Utf8JsonWriter json, string name, RelayPlace place)
    {
        json.WriteStartObject(name);
        json.WriteString("epoch", place.Epoch);
        json.WriteNumber("offset", place.Offset);
        json.WriteEndObject();
    }

    public static byte[] Publish(string id, string channel, string name, JsonElement? data, PublishOptions options) => Write("publish", id, json =>
    {
        json.WriteString("channel", channel);
        json.WriteString("event", name);
        if (data is { ValueKind: not JsonValueKind.Undefined } payload)
        {
            json.WritePropertyName("data");
            payload.WriteTo(json);
        }

        if (options.Key is not null)
        {
            json.WriteString("key", options.Key);
        }

        if (options.TimeToLive is { } life)
        {
            json.WriteNumber("ttl", (long)life.TotalMilliseconds);
        }

        if (options.IfVersion is { } version)
        {
            json.Place("if_version", version);
        }
        else if (options.IfNew)
        {
            json.WriteNull("if_version");
        }

        if (options.TraceParent is not null)
        {
            json.WriteString("traceparent", options.TraceParent);
        }
    });

    public static byte[] Subscribe(string channel, SubscribeOptions options, RelayPlace? since, bool wish) => Write("subscribe", SubscribeId(channel), json =>
    {
        json.WriteString("channel", channel);
        if (since is { } place)
        {
            json.Place("since", place);
        }
        else if (wish)
        {
            Wish(json, options);
        }

        if (options.Events is { } events)
        {
            json.WriteStartObject("filter");
            json.WriteStartArray("events");
            foreach (var one in events)
            {
                json.WriteStringValue(one);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (options.Presence)
        {
            json.WriteBoolean("presence", true);
        }
    });

    public static string SubscribeId(string channel) => "s:" + channel;

    public static byte[] Unsubscribe(string channel) => Write("unsubscribe", null, json => json.WriteString("channel", channel));

    public static byte[] Resume(string session, IEnumerable<(string Channel, RelayPlace Place)> positions) => Write("resume", "resume", json =>
    {
        json.WriteString("session", session);
        json.WriteStartObject("positions");
        foreach (var (channel, place) in positions)
        {
            json.Place(channel, place);
        }

        json.WriteEndObject();
    });

    public static byte[] History(string id, string channel, HistoryOptions options) => Write("history", id, json =>
    {
        json.WriteString("channel", channel);
        if (options.Limit is { } limit)
        {
            json.WriteNumber("limit", limit);
        }

        if (options.Since is { } since)
        {
            json.Place("since", since);
        }

        if (options.Until is { } until)
        {
            json.WriteNumber("until", until);
        }

        if (options.SinceTime is { } time)
        {
            json.WriteNumber("since_time", time.ToUnixTimeMilliseconds());
        }

        if (options.Key is not null)
        {
            json.WriteString("key", options.Key);
        }

        if (options.LastPerKey)
        {
            json.WriteBoolean("last_per_key", true);
        }
    });

    public static RelayEvent ReadEvent(JsonElement frame) => new(frame.Text("channel") ?? "", frame.Text("event") ?? "", frame.TryGetProperty("data", out var data) ? data.Clone() : default)
    {
        Id = frame.Text("id"),
        Key = frame.Text("key"),
        Time = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(frame.Number("timestamp") ?? 0, 0, 253_402_300_799_999)),
        Place = frame.Place() is { Offset: > 0 } place ? place : null,
    };

    public static RelayPlace? Place(this JsonElement frame) => frame.Text("epoch") is { } epoch && frame.Number("offset") is { } offset ? new RelayPlace(epoch, offset) : null;

    public static string? Text(this JsonElement frame, string name) =>
        frame.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static long? Number(this JsonElement frame, string name) =>
        frame.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    public static bool? Flag(this JsonElement frame, string name) =>
        frame.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    public static IEnumerable<JsonElement> Objects(this JsonElement frame, string name) =>
        frame.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Where(static one => one.ValueKind == JsonValueKind.Object) : [];

    /// <summary>After what time a retry can help; null where none can.</summary>
    public static TimeSpan? RetryAfter(this JsonElement frame) => frame.Number("retry_after_ms") is { } pause ? TimeSpan.FromMilliseconds(Math.Clamp(pause, 0, 600_000)) : null;

    public static RelayRefusedException Refusal(this JsonElement frame) => new(frame.Text("code") ?? "REFUSED", frame.Text("error") ?? "refused");

    private static void Wish(Utf8JsonWriter json, SubscribeOptions options)
    {
        if (options.Last is { } last)
        {
            json.WriteNumber("last", last);
        }

        if (options.SinceTime is { } time)
        {
            json.WriteNumber("since_time", time.ToUnixTimeMilliseconds());
        }

        if (options.LastPerKey)
        {
            json.WriteBoolean("last_per_key", true);
        }
    }
}
