using System.Buffers.Binary;
using System.Text;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// An event as a journal keeps it. Pure code. The journal's own columns hold offset, time, publish id and key; the payload holds the rest:
/// <code>
/// version  1 byte   1
/// format   1 byte   RawFormat
/// expires  8 bytes  little-endian microseconds since 1970-01-01 UTC, 0 = never
/// event    4 bytes  length, then UTF-8
/// data     4 bytes  length, then bytes
/// raw      the rest
/// </code>
/// Version 2, for a channel whose owner keeps more in the stream than the channel does, has between data and raw
/// <code>
/// key      4 bytes  length, then UTF-8; length -1 = the event has none. The journal's own key is the owner's
/// note     4 bytes  length, then the owner's bytes
/// </code>
/// The connection that must not get the event back is not kept: it means nothing after the event's first delivery.
/// </summary>
internal static class PublicationRecord
{
    private const byte Version = 1;
    private const byte NotedVersion = 2;
    private const int HeadBytes = 1 + 1 + sizeof(long);

    public static JournalRecord Write(Publication publication, string scope) => new()
    {
        Offset = publication.Position.Offset,
        TimeMicros = publication.TimestampMicros,
        Id = publication.IdempotencyKey,
        Scope = publication.IdempotencyKey is null ? null : scope,
        Key = publication.Key,
        Payload = Payload(publication),
    };

    /// <summary>Version 2.</summary>
    /// <param name="publication">The event.</param>
    /// <param name="scope">Whose its publish id is.</param>
    /// <param name="keptAs">The journal's key; null = the record goes with the channel's history.</param>
    /// <param name="note">The owner's bytes.</param>
    public static JournalRecord Write(Publication publication, string scope, string? keptAs, ReadOnlySpan<byte> note) =>
        Write(publication, scope) with { Key = keptAs, Payload = Noted(publication, note) };

    /// <exception cref="InvalidDataException">No version of this program wrote it, or a later one did.</exception>
    public static Publication Read(string channel, Epoch epoch, in JournalRecord record) => Read(channel, epoch, record, out _);

    /// <inheritdoc cref="Read(string, Epoch, in JournalRecord)"/>
    public static Publication Read(string channel, Epoch epoch, in JournalRecord record, out ReadOnlyMemory<byte> note)
    {
        note = default;
        var payload = record.Payload;
        if (payload.Length < HeadBytes || payload.Span[0] is not (Version or NotedVersion))
        {
            throw Unreadable(channel, record.Offset);
        }

        var rest = payload[HeadBytes..];
        var name = Take(ref rest, channel, record.Offset);
        var data = Take(ref rest, channel, record.Offset);
        var key = record.Key;
        if (payload.Span[0] == NotedVersion)
        {
            key = TakeKey(ref rest, channel, record.Offset);
            note = Take(ref rest, channel, record.Offset);
        }

        return new Publication
        {
            Channel = channel,
            Event = Encoding.UTF8.GetString(name.Span),
            Data = data,
            Position = new StreamPosition(epoch, record.Offset),
            TimestampMicros = record.TimeMicros,
            IdempotencyKey = record.Id,
            Key = key,
            ExpiresMicros = BinaryPrimitives.ReadInt64LittleEndian(payload.Span[2..]),
            RawFormat = (RawFormat)payload.Span[1],
            Raw = rest,
        };
    }

    private static byte[] Payload(Publication publication)
    {
        var nameBytes = Encoding.UTF8.GetByteCount(publication.Event);
        var payload = new byte[HeadBytes + sizeof(int) + nameBytes + sizeof(int) + publication.Data.Length + publication.Raw.Length];
        payload[0] = Version;
        payload[1] = (byte)publication.RawFormat;
        BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(2), publication.ExpiresMicros);
        var at = HeadBytes;
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(at), nameBytes);
        at += sizeof(int);
        at += Encoding.UTF8.GetBytes(publication.Event, payload.AsSpan(at));
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(at), publication.Data.Length);
        at += sizeof(int);
        publication.Data.CopyTo(payload.AsMemory(at));
        publication.Raw.CopyTo(payload.AsMemory(at + publication.Data.Length));
        return payload;
    }

    // The key and the note stand between what is the same in both versions and the raw bytes.
    private static byte[] Noted(Publication publication, ReadOnlySpan<byte> note)
    {
        var plain = Payload(publication);
        var shared = plain.Length - publication.Raw.Length;
        var key = publication.Key is { } text ? Encoding.UTF8.GetBytes(text) : null;
        var payload = new byte[plain.Length + sizeof(int) + (key?.Length ?? 0) + sizeof(int) + note.Length];
        plain.AsSpan(0, shared).CopyTo(payload);
        payload[0] = NotedVersion;
        var at = shared;
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(at), key?.Length ?? -1);
        at += sizeof(int);
        key?.CopyTo(payload, at);
        at += key?.Length ?? 0;
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(at), note.Length);
        at += sizeof(int);
        note.CopyTo(payload.AsSpan(at));
        plain.AsSpan(shared).CopyTo(payload.AsSpan(at + note.Length));
        return payload;
    }

    private static string? TakeKey(ref ReadOnlyMemory<byte> rest, string channel, long offset)
    {
        if (rest.Length >= sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(rest.Span) == -1)
        {
            rest = rest[sizeof(int)..];
            return null;
        }

        return Encoding.UTF8.GetString(Take(ref rest, channel, offset).Span);
    }

    private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> rest, string channel, long offset)
    {
        if (rest.Length < sizeof(int) || BinaryPrimitives.ReadInt32LittleEndian(rest.Span) is var length && (length < 0 || length > rest.Length - sizeof(int)))
        {
            throw Unreadable(channel, offset);
        }

        var taken = rest.Slice(sizeof(int), length);
        rest = rest[(sizeof(int) + length)..];
        return taken;
    }

    private static InvalidDataException Unreadable(string channel, long offset) =>
        new($"Event {offset} of channel '{channel}' was stored in a form that this version does not read; run the version that wrote it.");
}
