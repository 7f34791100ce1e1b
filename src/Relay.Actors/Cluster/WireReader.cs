using System.Buffers.Binary;
using System.Text;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>Reads what <see cref="WireWriter"/> wrote. Throws <see cref="InvalidDataException"/> where it cannot have been written by it.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public byte Byte() => Take(1)[0];

    public bool Flag() => Byte() switch { 0 => false, 1 => true, _ => throw Malformed() };

    public ulong Fixed() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public int Count() => Unsigned() is var value && value <= int.MaxValue ? (int)value : throw Malformed();

    /// <summary>A number of things that take at least <paramref name="least"/> bytes each: a forged one must not allocate.</summary>
    public int CountOf(int least) => Count() is var count && count <= _rest.Length / Math.Max(1, least) ? count : throw Malformed();

    public long Number() => Unsigned() is var value ? (long)(value >> 1) ^ -(long)(value & 1) : 0;

    /// <summary>A <see cref="Number"/> that counts something.</summary>
    public int Size() => Number() is >= 0 and <= int.MaxValue and var size ? (int)size : throw Malformed();

    public ReadOnlySpan<byte> Bytes() => Take(Count());

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public string? TextOrNull() => Flag() ? Text() : null;

    public StreamPosition Position() => new(new Epoch(Fixed()), Number());

    public StreamPosition? PositionOrNull() => Flag() ? Position() : null;

    public static InvalidDataException Malformed() => new("A message of another node cannot be read");

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _rest.Length)
        {
            throw Malformed();
        }

        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private ulong Unsigned()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var one = Byte();
            value |= (ulong)(one & 0x7f) << shift;
            if (one < 0x80)
            {
                return value;
            }
        }

        throw Malformed();
    }
}
