using System.Buffers;
using System.Text.Json;

namespace Relay.Actors.Sessions;

/// <summary>
/// What is stored of a durable session besides its channel's events: the snapshot of its stream. It is there as long as the session is, so it also says that
/// there is one; messages and requests are in the events. Immutable.
/// </summary>
/// <param name="CreatedMicros">Microseconds since 1970-01-01 UTC.</param>
/// <param name="LastActivityMicros">The same; at most <see cref="Precision"/> behind what the session knew, later messages aside.</param>
/// <param name="Participants">User ids as far as they are known, the session's creator first.</param>
internal sealed record SessionFacts(long CreatedMicros, long LastActivityMicros, IReadOnlyList<string> Participants)
{
    /// <summary>Uses of a session closer together than this are stored as one: a write per join or keystroke would be more than they are worth.</summary>
    public static TimeSpan Precision(TimeSpan timeToLive) => TimeSpan.FromTicks(Math.Min(TimeSpan.TicksPerMinute, timeToLive.Ticks / 10));

    /// <summary><c>{"created":…,"last_activity":…,"participants":[…]}</c>.</summary>
    public byte[] ToJson()
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("created", CreatedMicros);
            json.WriteNumber("last_activity", LastActivityMicros);
            json.WriteStartArray("participants");
            foreach (var participant in Participants)
            {
                json.WriteStringValue(participant);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>What <see cref="ToJson"/> wrote; null when it is anything else.</summary>
    public static SessionFacts? FromJson(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var json = JsonDocument.Parse(bytes);
            var root = json.RootElement;
            return new SessionFacts(
                root.GetProperty("created").GetInt64(),
                root.GetProperty("last_activity").GetInt64(),
                [.. root.GetProperty("participants").EnumerateArray().Select(static participant => participant.GetString()!)]);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }
}
