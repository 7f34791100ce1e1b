using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;

namespace Relay.Protocol;

/// <summary>
/// Turns UTF-8 names that repeat into one shared string without allocating: a direct-mapped cache, one entry per slot, the newest wins.
/// <para>
/// Lock-free: an entry is immutable and swapped whole, so a reader sees the old one or the new one. Bounded by construction: slots times
/// <see cref="MaxBytes"/>. A hostile sender can only evict others, which costs them one allocation per name, as without the cache.
/// A dictionary was rejected: it needs a lock or copies, and an eviction rule besides.
/// </para>
/// </summary>
public sealed class Utf8Interner
{
    /// <summary>Longer names are not kept; a channel name cannot be longer (protocols.md, "Channels").</summary>
    public const int MaxBytes = 256;

    private readonly Entry?[] _slots;

    /// <summary>Creates a cache of <paramref name="slots"/> entries, rounded up to a power of two.</summary>
    public Utf8Interner(int slots = 4096)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        _slots = new Entry?[BitOperations.RoundUpToPowerOf2((uint)slots)];
    }

    /// <summary>The string for <paramref name="utf8"/> when it is in the cache; allocates nothing.</summary>
    public bool TryGet(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out string? text)
    {
        var entry = Volatile.Read(ref _slots[Slot(utf8)]);
        if (entry is not null && utf8.SequenceEqual(entry.Utf8))
        {
            text = entry.Text;
            return true;
        }

        text = null;
        return false;
    }

    /// <summary>The string for <paramref name="utf8"/>, kept for the next time. Invalid UTF-8 becomes U+FFFD.</summary>
    public string Intern(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return "";
        }

        if (utf8.Length > MaxBytes)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        if (TryGet(utf8, out var known))
        {
            return known;
        }

        var text = Encoding.UTF8.GetString(utf8);
        Volatile.Write(ref _slots[Slot(utf8)], new Entry(utf8.ToArray(), text));
        return text;
    }

    private int Slot(ReadOnlySpan<byte> utf8)
    {
        // Fibonacci hashing by words of eight bytes: names are 10 to 40 bytes long and a byte-wise hash costs more than the comparison.
        const ulong factor = 0x9E3779B97F4A7C15UL;
        var hash = (ulong)utf8.Length * factor;
        while (utf8.Length >= sizeof(ulong))
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(utf8)) * factor;
            hash ^= hash >> 29;
            utf8 = utf8[sizeof(ulong)..];
        }

        ulong tail = 0;
        foreach (var b in utf8)
        {
            tail = (tail << 8) | b;
        }

        hash = (hash ^ tail) * factor;
        return (int)(hash >> 32) & (_slots.Length - 1);
    }

    private sealed class Entry(byte[] utf8, string text)
    {
        public byte[] Utf8 { get; } = utf8;

        public string Text { get; } = text;
    }
}
