using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>
/// The bytes of one record, the same in every store. Numbers are little endian.
/// <code>
/// offset size
///      0    1  version, 1
///      1    1  parts: bit 0 scope, bit 1 id, bit 2 key; other bits 0
///      2    4  flags, the writer's own
///      6    8  offset in the stream
///     14    8  time, microseconds since 1970-01-01 UTC
///     22    2+n scope, then id, then key: each only if its bit is set; length in bytes, then UTF-8
///      …    m  payload, up to the last four bytes
///     -4    4  CRC-32C (Castagnoli, as in RFC 3720) over the stream's name in UTF-8 and everything before
/// </code>
/// </summary>
/// <remarks>
/// The name of the stream is in the sum and the offset in the bytes, so that a record that stands in another place than it was written to is as damaged as one
/// with a flipped bit. The epoch is not: a stream that lost its tail goes on under another epoch with the records that are left.
/// </remarks>
internal static class RecordFormat
{
    private const byte Version = 1;
    private const int HeadBytes = 22;
    private const int SumBytes = 4;
    private const byte HasScope = 1;
    private const byte HasId = 2;
    private const byte HasKey = 4;

    /// <summary>Bytes that writing it needs.</summary>
    public static int Measure(in JournalRecord record) =>
        HeadBytes + Measure(record.Scope) + Measure(record.Id) + Measure(record.Key) + record.Payload.Length + SumBytes;

    /// <summary>Writes the record; <paramref name="to"/> has the measured size.</summary>
    public static void Write(ReadOnlySpan<byte> stream, in JournalRecord record, Span<byte> to)
    {
        to[0] = Version;
        to[1] = (byte)((record.Scope is null ? 0 : HasScope) | (record.Id is null ? 0 : HasId) | (record.Key is null ? 0 : HasKey));
        BinaryPrimitives.WriteUInt32LittleEndian(to[2..], record.Flags);
        BinaryPrimitives.WriteInt64LittleEndian(to[6..], record.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(to[14..], record.TimeMicros);
        var at = HeadBytes;
        at += Write(record.Scope, to[at..]);
        at += Write(record.Id, to[at..]);
        at += Write(record.Key, to[at..]);
        record.Payload.Span.CopyTo(to[at..]);
        at += record.Payload.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(to[at..], Sum(stream, to[..at]));
    }

    /// <summary>As an array of its own.</summary>
    public static byte[] ToArray(ReadOnlySpan<byte> stream, in JournalRecord record)
    {
        var bytes = new byte[Measure(record)];
        Write(stream, record, bytes);
        return bytes;
    }

    /// <summary>Reads a written record; the payload is a slice of <paramref name="bytes"/>.</summary>
    /// <returns>Null when all is well, otherwise what is wrong.</returns>
    public static string? TryRead(ReadOnlySpan<byte> stream, ReadOnlyMemory<byte> bytes, long expectedOffset, out JournalRecord record)
    {
        record = default;
        var span = bytes.Span;
        if (span.Length < HeadBytes + SumBytes)
        {
            return $"only {span.Length} bytes";
        }

        var end = span.Length - SumBytes;
        if (BinaryPrimitives.ReadUInt32LittleEndian(span[end..]) != Sum(stream, span[..end]))
        {
            return "its checksum does not fit";
        }

        if (span[0] != Version)
        {
            return $"format {span[0]} is not known to this version";
        }

        var at = HeadBytes;
        var parts = span[1];
        if (!TryText(span[..end], parts, HasScope, ref at, out var scope) || !TryText(span[..end], parts, HasId, ref at, out var id) ||
            !TryText(span[..end], parts, HasKey, ref at, out var key))
        {
            return "a text is longer than the record";
        }

        record = new JournalRecord
        {
            Offset = BinaryPrimitives.ReadInt64LittleEndian(span[6..]),
            TimeMicros = BinaryPrimitives.ReadInt64LittleEndian(span[14..]),
            Flags = BinaryPrimitives.ReadUInt32LittleEndian(span[2..]),
            Scope = scope,
            Id = id,
            Key = key,
            Payload = bytes[at..end],
        };
        return record.Offset == expectedOffset ? null : $"it says it has offset {record.Offset}";
    }

    private static uint Sum(ReadOnlySpan<byte> stream, ReadOnlySpan<byte> bytes) => ~Crc(Crc(~0u, stream), bytes);

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (var one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return crc;
    }

    private static int Measure(string? text) => text is null ? 0 : 2 + Encoding.UTF8.GetByteCount(text);

    private static int Write(string? text, Span<byte> to)
    {
        if (text is null)
        {
            return 0;
        }

        var length = Encoding.UTF8.GetBytes(text, to[2..]);
        BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)length);
        return 2 + length;
    }

    private static bool TryText(ReadOnlySpan<byte> span, byte parts, byte part, ref int at, out string? text)
    {
        text = null;
        if ((parts & part) == 0)
        {
            return true;
        }

        if (at + 2 > span.Length || at + 2 + BinaryPrimitives.ReadUInt16LittleEndian(span[at..]) > span.Length)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16LittleEndian(span[at..]);
        text = Encoding.UTF8.GetString(span.Slice(at + 2, length));
        at += 2 + length;
        return true;
    }
}
