namespace Relay.Kernel;

/// <summary>
/// Places an entity id in a shard. The same on every node, in every version: FNV-1a (64 bit) over the id's UTF-8 bytes, halves folded
/// together, modulo the number of shards. <c>string.GetHashCode</c> is seeded per process and cannot be used.
/// </summary>
public static class ShardHash
{
    // Offset basis and prime: http://www.isthe.com/chongo/tech/comp/fnv/
    private const ulong OffsetBasis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <returns>0 to <paramref name="shardCount"/> - 1.</returns>
    public static int ShardOf(string entityId, int shardCount)
    {
        ArgumentNullException.ThrowIfNull(entityId);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardCount);
        var hash = Fnv1A(entityId);

        // The low bits of FNV depend on the low bits of the bytes only; folding brings in the rest (as its authors advise).
        return (int)((uint)(hash ^ (hash >> 32)) % (uint)shardCount);
    }

    /// <summary>FNV-1a, 64 bit, over the text's UTF-8 bytes.</summary>
    public static ulong Fnv1A(string text)
    {
        var hash = OffsetBasis;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] > 0x7f)
            {
                return Fnv1A(hash, text.AsSpan(i));
            }

            hash = (hash ^ text[i]) * Prime;
        }

        return hash;
    }

    private static ulong Fnv1A(ulong hash, ReadOnlySpan<char> text)
    {
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var one in utf8[..rune.EncodeToUtf8(utf8)])
            {
                hash = (hash ^ one) * Prime;
            }
        }

        return hash;
    }
}
