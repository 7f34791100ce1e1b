using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Masking of RFC 6455 §5.3: byte i is XORed with byte i mod 4 of the key. Masking and unmasking are the same.
/// </summary>
public static class Masking
{
    /// <summary>
    /// Writes <paramref name="source"/> XOR key to the front of <paramref name="destination"/>. The two must not overlap:
    /// the last vector is placed to end at the last byte and so covers some bytes a second time, which is harmless only
    /// while the source stays as it was.
    /// </summary>
    /// <param name="destination">At least as long as the source.</param>
    /// <param name="source">Bytes to mask or unmask.</param>
    /// <param name="key">The four key bytes in wire order, read as a little-endian number.</param>
    /// <param name="phase">Position of the first source byte within its frame's payload (only its value mod 4 counts).</param>
    public static void Apply(Span<byte> destination, ReadOnlySpan<byte> source, uint key, int phase = 0)
    {
        // The rotated key makes byte 0 of the source meet byte 0 of the key.
        key = BitOperations.RotateRight(key, (phase & 3) * 8);
        destination = destination[..source.Length];
        ref byte from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref MemoryMarshal.GetReference(destination);

        if (Vector256.IsHardwareAccelerated && source.Length >= Vector256<byte>.Count)
        {
            ApplyWide(ref to, ref from, source.Length, key);
        }
        else if (Vector128.IsHardwareAccelerated && source.Length >= Vector128<byte>.Count)
        {
            ApplyNarrow(ref to, ref from, source.Length, key);
        }
        else
        {
            ApplyShort(destination, source, key);
        }
    }

    private static void ApplyWide(ref byte to, ref byte from, int length, uint key)
    {
        Vector256<byte> mask = Vector256.Create(key).AsByte();
        int last = length - Vector256<byte>.Count;
        int i = 0;
        for (; i <= last; i += Vector256<byte>.Count)
        {
            (Vector256.LoadUnsafe(ref from, (nuint)i) ^ mask).StoreUnsafe(ref to, (nuint)i);
        }

        if (i < length)
        {
            mask = Vector256.Create(BitOperations.RotateRight(key, (last & 3) * 8)).AsByte();
            (Vector256.LoadUnsafe(ref from, (nuint)last) ^ mask).StoreUnsafe(ref to, (nuint)last);
        }
    }

    private static void ApplyNarrow(ref byte to, ref byte from, int length, uint key)
    {
        Vector128<byte> mask = Vector128.Create(key).AsByte();
        int last = length - Vector128<byte>.Count;
        int i = 0;
        for (; i <= last; i += Vector128<byte>.Count)
        {
            (Vector128.LoadUnsafe(ref from, (nuint)i) ^ mask).StoreUnsafe(ref to, (nuint)i);
        }

        if (i < length)
        {
            mask = Vector128.Create(BitOperations.RotateRight(key, (last & 3) * 8)).AsByte();
            (Vector128.LoadUnsafe(ref from, (nuint)last) ^ mask).StoreUnsafe(ref to, (nuint)last);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ApplyShort(Span<byte> destination, ReadOnlySpan<byte> source, uint key)
    {
        int i = 0;
        for (; i + 4 <= source.Length; i += 4)
        {
            uint word = BinaryPrimitives.ReadUInt32LittleEndian(source[i..]);
            BinaryPrimitives.WriteUInt32LittleEndian(destination[i..], word ^ key);
        }

        for (; i < source.Length; i++)
        {
            destination[i] = (byte)(source[i] ^ (byte)key);
            key >>= 8;
        }
    }
}
