using System.Buffers;
using System.Text.Json;
using Relay.Actors.Explain;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>Pieces of JSON that the operators' interface reads and writes, of callers and between nodes.</summary>
internal static class AdminJson
{
    /// <summary>An instant, RFC 3339 with microseconds; left out when there is none.</summary>
    public static void WriteTime(this Utf8JsonWriter json, string name, long? micros)
    {
        if (micros is { } time and not 0)
        {
            json.WriteString(name, ApiAnswers.Rfc3339(time));
        }
    }

    /// <summary>A text; left out when it is empty.</summary>
    public static void WriteText(this Utf8JsonWriter json, string name, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            json.WriteString(name, text);
        }
    }

    public static void WriteList(this Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    /// <summary>The JSON of one object.</summary>
    public static byte[] Of(Action<Utf8JsonWriter> members) => ApiAnswers.Object(members);

    /// <summary>One object's element, which needs no disposal.</summary>
    public static JsonElement Parse(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(new ReadOnlySequence<byte>(json));
        return JsonElement.ParseValue(ref reader);
    }

    public static string? TextOf(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? EventText.Of(value) : null;

    public static long? NumberOf(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    public static bool FlagOf(this JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>The entries of a list; none when there is no such list.</summary>
    public static IEnumerable<JsonElement> ListOf(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];

    public static IEnumerable<string> TextsOf(this JsonElement json, string name) => json.ListOf(name).Where(static one => one.ValueKind == JsonValueKind.String).Select(EventText.Of).OfType<string>();

    /// <summary>As nodes tell each other of an event.</summary>
    public static void Write(Utf8JsonWriter json, ExplainedEvent message)
    {
        json.WriteString("channel", message.Channel);
        json.WriteString("event", message.Event);
        json.WriteString("epoch", message.Position.Epoch.ToString());
        json.WriteNumber("offset", message.Position.Offset);
        json.WriteNumber("accepted_us", message.AcceptedMicros);
        json.WriteNumber("expires_us", message.ExpiresMicros);
        json.WriteNumber("excluded", message.Excluded);
    }

    /// <inheritdoc cref="Write"/>
    public static ExplainedEvent? ReadEvent(JsonElement json) =>
        json.TextOf("channel") is { } channel && json.TextOf("epoch") is { } text && Epoch.TryParse(System.Text.Encoding.UTF8.GetBytes(text), out var epoch)
            ? new ExplainedEvent(channel, json.TextOf("event") ?? "", new StreamPosition(epoch, json.NumberOf("offset") ?? 0), json.NumberOf("accepted_us") ?? 0)
            {
                ExpiresMicros = json.NumberOf("expires_us") ?? 0,
                Excluded = json.NumberOf("excluded") ?? 0,
            }
            : null;
}
