using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Relay.Protocol.WebSockets;

/// <summary>Bits of a deflate stream, least significant first (RFC 1951 §3.1.1). Bits past the end read as 0 and cannot be taken.</summary>
internal ref struct BitReader(ReadOnlySpan<byte> input)
{
    private readonly ReadOnlySpan<byte> _input = input;
    private int _position;
    private ulong _bits;
    private int _count;

    /// <summary>Whether no bit is left.</summary>
    public readonly bool AtEnd => _count == 0 && _position == _input.Length;

    /// <summary>Whole bytes left after <see cref="Align"/>.</summary>
    public readonly int BytesLeft => (_count >> 3) + (_input.Length - _position);

    /// <summary>The next bits (at least 16 of them unless the input ends) without taking them.</summary>
    public uint Peek()
    {
        if (_count < 16)
        {
            Refill();
        }

        return (uint)_bits;
    }

    /// <summary>Bits that are there for certain after <see cref="Peek"/>.</summary>
    public readonly int Available => _count;

    /// <summary>Drops bits that were seen by <see cref="Peek"/> and are <see cref="Available"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Drop(int count)
    {
        _bits >>= count;
        _count -= count;
    }

    /// <summary>Takes 0 to 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(int count, out int value)
    {
        if (_count < count)
        {
            Refill();
        }

        value = (int)(_bits & ((1UL << count) - 1));
        if (_count < count)
        {
            return false;
        }

        Drop(count);
        return true;
    }

    /// <summary>Takes whole bytes; the reader must be aligned.</summary>
    public bool TryTakeBytes(int count, out ReadOnlySpan<byte> bytes)
    {
        // What was loaded ahead goes back to the input.
        _position -= _count >> 3;
        _bits = 0;
        _count = 0;
        bytes = default;
        if (count > _input.Length - _position)
        {
            return false;
        }

        bytes = _input.Slice(_position, count);
        _position += count;
        return true;
    }

    /// <summary>Drops the bits up to the next byte border.</summary>
    public void Align() => Drop(_count & 7);

    private void Refill()
    {
        if (_input.Length - _position >= 8)
        {
            // Loads as many whole bytes as fit; bits above the count are not kept, so the word stays exact.
            int bytes = (63 - _count) >> 3;
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(_input[_position..]);
            word &= (1UL << (bytes * 8)) - 1;
            _bits |= word << _count;
            _position += bytes;
            _count += bytes * 8;
            return;
        }

        while (_count <= 56 && _position < _input.Length)
        {
            _bits |= (ulong)_input[_position++] << _count;
            _count += 8;
        }
    }
}
