using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol;

/// <summary>
/// The payload of a PostgreSQL <c>NOTIFY</c> (protocols.md, <c>context</c>, database bridge): <c>{"channel","event","data","timestamp"}</c>.
/// Any well-formed event name passes; the timestamp is the database's and is not read, since the channel dates its events itself.
/// </summary>
public sealed class DatabaseNotification
{
    private DatabaseNotification(string channel, string name, ReadOnlyMemory<byte> data)
    {
        Channel = channel;
        Event = name;
        Data = data;
        Channels = string.Equals(channel, ChannelName.Global, StringComparison.Ordinal) ? [channel] : [channel, ChannelName.Global];
    }

    /// <summary>The channel named; valid.</summary>
    public string Channel { get; }

    /// <summary>The event's name.</summary>
    public string Event { get; }

    /// <summary>The JSON value of <c>data</c>: a slice of the memory that was read; empty when missing.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Where it goes: <see cref="Channel"/> and, if that is another, <c>global</c>.</summary>
    public IReadOnlyList<string> Channels { get; }

    /// <summary>Reads a payload; false with the reason when it is to be dropped.</summary>
    /// <param name="payload">The UTF-8 text. Kept, so the caller does not change it afterwards.</param>
    /// <param name="notification">The notification.</param>
    /// <param name="fault">Why not.</param>
    public static bool TryParse(
        ReadOnlyMemory<byte> payload, [NotNullWhen(true)] out DatabaseNotification? notification, out EnvelopeFault fault)
    {
        notification = null;
        switch (JsonObjectReader.Open(payload.Span, checkUtf8: true, out var reader))
        {
            case JsonShape.Invalid:
                fault = EnvelopeFault.NotJson;
                return false;
            case JsonShape.Null or JsonShape.Other:
                fault = EnvelopeFault.NotObject;
                return false;
        }

        JsonValue channel = default;
        JsonValue name = default;
        JsonValue data = default;
        while (reader.Read())
        {
            if (reader.Name.SequenceEqual("channel"u8))
            {
                channel = reader.Value;
            }
            else if (reader.Name.SequenceEqual("event"u8))
            {
                name = reader.Value;
            }
            else if (reader.Name.SequenceEqual("data"u8))
            {
                data = reader.Value;
            }
        }

        fault = EnvelopeFault.None;
        if (reader.Failed)
        {
            fault = EnvelopeFault.NotJson;
        }
        else if (!ChannelName.TryParse(channel.Utf8, out var channelName))
        {
            fault = EnvelopeFault.InvalidChannel;
        }
        else if (!EventName.TryParse(name.Utf8, out var eventName))
        {
            fault = EnvelopeFault.WrongType;
        }
        else
        {
            notification = new DatabaseNotification(channelName, eventName, payload.Slice(data.Start, data.Raw.Length));
        }

        return notification is not null;
    }
}
