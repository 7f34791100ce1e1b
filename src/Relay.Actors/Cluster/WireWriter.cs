using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>
/// Writes the pieces that messages between nodes are made of: numbers as LEB128 (signed ones in zigzag), fixed ones little-endian, texts and bytes behind their length, what may be
/// null behind a byte. Used again after <see cref="Clear"/>; by one thread at a time.
/// </summary>
internal sealed class WireWriter
{
    // What was once much larger is not kept by every thread.
    private const int LargestKept = 256 * 1024;

    private readonly ArrayBufferWriter<byte> _bytes = new(256);

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public int Length => _bytes.WrittenCount;

    /// <summary>An empty writer of the calling thread, for what is written and copied before anything else can use it.</summary>
    /// <param name="own">A <see cref="ThreadStaticAttribute"/> field of the caller's.</param>
    public static WireWriter Of(ref WireWriter? own) => own is { _bytes.Capacity: <= LargestKept } ? own.Clear() : own = new WireWriter();

    public WireWriter Clear()
    {
        _bytes.ResetWrittenCount();
        return this;
    }

    public WireWriter Byte(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
        return this;
    }

    public WireWriter Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    public WireWriter Fixed(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.GetSpan(8), value);
        _bytes.Advance(8);
        return this;
    }

    /// <summary>Above or equal to zero.</summary>
    public WireWriter Count(int value) => Unsigned((ulong)value);

    public WireWriter Number(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63)));

    public WireWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        Count(bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>As it is, without a length.</summary>
    public WireWriter Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public WireWriter Text(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Count(length);
        Encoding.UTF8.GetBytes(text, _bytes.GetSpan(length));
        _bytes.Advance(length);
        return this;
    }

    public WireWriter TextOrNull(string? text) => text is null ? Flag(false) : Flag(true).Text(text);

    public WireWriter Position(StreamPosition position) => Fixed(position.Epoch.Value).Number(position.Offset);

    public WireWriter PositionOrNull(StreamPosition? position) => position is { } known ? Flag(true).Position(known) : Flag(false);

    private WireWriter Unsigned(ulong value)
    {
        var span = _bytes.GetSpan(10);
        var length = 0;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        _bytes.Advance(length);
        return this;
    }
}
