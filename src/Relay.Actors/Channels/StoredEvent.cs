using System.Buffers.Binary;
using System.Text;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// An event of a channel's history in memory, as bytes. Pure code. Not a format that leaves the process (that is <see cref="PublicationRecord"/>):
/// <code>
/// length    4 bytes  of the whole, this field included
/// time      8 bytes  microseconds since 1970-01-01 UTC
/// expires   8 bytes  likewise, 0 = never
/// excluded  8 bytes  connection
/// name      4 bytes  length of the event's name
/// key       4 bytes  length of the key, -1 = none
/// raw       4 bytes  length of the original frame
/// start     4 bytes  where data begins, counted from where raw begins
/// data      4 bytes  its length
/// format    1 byte   RawFormat
/// name, key, raw, then data unless it is a part of raw
/// </code>
/// Channel and position are the history's. The publish id is not kept: the window of known ids has it, and nobody else asks for it.
/// </summary>
internal static class StoredEvent
{
    private const int TimeAt = 4;
    private const int ExpiresAt = 12;
    private const int ExcludedAt = 20;
    private const int NameLengthAt = 28;
    private const int KeyLengthAt = 32;
    private const int RawLengthAt = 36;
    private const int DataStartAt = 40;
    private const int DataLengthAt = 44;
    private const int FormatAt = 48;
    private const int NameAt = 49;

    public static int Measure(Publication publication) =>
        NameAt + Encoding.UTF8.GetByteCount(publication.Event) + (publication.Key is { } key ? Encoding.UTF8.GetByteCount(key) : 0) + publication.Raw.Length
        + (StartWithinRaw(publication) is null ? publication.Data.Length : 0);

    /// <param name="publication">The event.</param>
    /// <param name="place">Exactly <see cref="Measure"/> bytes.</param>
    public static void Write(Publication publication, Span<byte> place)
    {
        var start = StartWithinRaw(publication);
        Put(place, 0, place.Length);
        BinaryPrimitives.WriteInt64LittleEndian(place[TimeAt..], publication.TimestampMicros);
        BinaryPrimitives.WriteInt64LittleEndian(place[ExpiresAt..], publication.ExpiresMicros);
        BinaryPrimitives.WriteInt64LittleEndian(place[ExcludedAt..], publication.ExcludedConnection);
        Put(place, RawLengthAt, publication.Raw.Length);
        Put(place, DataStartAt, start ?? publication.Raw.Length);
        Put(place, DataLengthAt, publication.Data.Length);
        place[FormatAt] = (byte)publication.RawFormat;

        var rest = place[NameAt..];
        var nameLength = Encoding.UTF8.GetBytes(publication.Event, rest);
        Put(place, NameLengthAt, nameLength);
        rest = rest[nameLength..];
        var keyLength = publication.Key is { } key ? Encoding.UTF8.GetBytes(key, rest) : 0;
        Put(place, KeyLengthAt, publication.Key is null ? -1 : keyLength);
        rest = rest[keyLength..];
        publication.Raw.Span.CopyTo(rest);
        if (start is null)
        {
            publication.Data.Span.CopyTo(rest[publication.Raw.Length..]);
        }
    }

    public static int LengthOf(ReadOnlySpan<byte> stored) => Get(stored, 0);

    public static long TimeOf(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadInt64LittleEndian(stored[TimeAt..]);

    public static bool IsAlive(ReadOnlySpan<byte> stored, long nowMicros) => ExpiresOf(stored) is var expires && (expires == 0 || expires > nowMicros);

    public static string NameOf(ReadOnlySpan<byte> stored) => EventName.Intern(stored.Slice(NameAt, Get(stored, NameLengthAt)));

    public static Publication Read(ReadOnlySpan<byte> stored, string channel, StreamPosition position)
    {
        var keyLength = Get(stored, KeyLengthAt);
        var key = stored.Slice(NameAt + Get(stored, NameLengthAt), Math.Max(0, keyLength));
        var bytes = stored[(NameAt + Get(stored, NameLengthAt) + key.Length)..].ToArray();
        return new Publication
        {
            Channel = channel,
            Event = NameOf(stored),
            Data = bytes.AsMemory(Get(stored, DataStartAt), Get(stored, DataLengthAt)),
            Position = position,
            TimestampMicros = TimeOf(stored),
            Key = keyLength < 0 ? null : Encoding.UTF8.GetString(key),
            ExpiresMicros = ExpiresOf(stored),
            Raw = bytes.AsMemory(0, Get(stored, RawLengthAt)),
            RawFormat = (RawFormat)stored[FormatAt],
            ExcludedConnection = BinaryPrimitives.ReadInt64LittleEndian(stored[ExcludedAt..]),
        };
    }

    private static long ExpiresOf(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadInt64LittleEndian(stored[ExpiresAt..]);

    // hooks and updates deliver the frame itself, of which data is a part.
    private static int? StartWithinRaw(Publication publication) =>
        publication.Raw.Span.Overlaps(publication.Data.Span, out var start) && start >= 0 && start + publication.Data.Length <= publication.Raw.Length ? start : null;

    private static int Get(ReadOnlySpan<byte> stored, int at) => BinaryPrimitives.ReadInt32LittleEndian(stored[at..]);

    private static void Put(Span<byte> place, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(place[at..], value);
}
