namespace Relay.Protocol.WebSockets;

/// <summary>
/// A canonical Huffman code (RFC 1951 §3.2.2): a lookup table for short codes, counts and sorted symbols for long ones.
/// Rebuilt in place; owned by the thread that inflates.
/// </summary>
internal sealed class HuffmanTable(int maxSymbols)
{
    /// <summary>Codes up to this length are decoded by one lookup. 9 covers all fixed codes and nearly all symbols that occur often.</summary>
    public const int FastBits = 9;

    private const int MaxBits = 15;

    // Entry: symbol * 16 + code length, or 0 when no code that short begins with these bits.
    private readonly ushort[] _fast = new ushort[1 << FastBits];
    private readonly ushort[] _sorted = new ushort[maxSymbols];
    private readonly ushort[] _counts = new ushort[MaxBits + 1];

    /// <summary>
    /// Builds the code from the length of each symbol (0 = unused). False when the lengths make no code: over-subscribed,
    /// or incomplete, except, unless <paramref name="mustBeComplete"/>, for a single code of one bit or none at all.
    /// </summary>
    public bool Build(ReadOnlySpan<byte> lengths, bool mustBeComplete)
    {
        Span<ushort> counts = _counts;
        counts.Clear();
        foreach (byte length in lengths)
        {
            counts[length]++;
        }

        counts[0] = 0;
        if (!IsAcceptable(counts, mustBeComplete))
        {
            return false;
        }

        Span<int> nextCode = stackalloc int[MaxBits + 1];
        Span<int> nextPlace = stackalloc int[MaxBits + 1];
        int code = 0;
        int place = 0;
        for (int bits = 1; bits <= MaxBits; bits++)
        {
            code = (code + counts[bits - 1]) << 1;
            nextCode[bits] = code;
            nextPlace[bits] = place;
            place += counts[bits];
        }

        _fast.AsSpan().Clear();
        for (int symbol = 0; symbol < lengths.Length; symbol++)
        {
            int bits = lengths[symbol];
            if (bits == 0)
            {
                continue;
            }

            _sorted[nextPlace[bits]++] = (ushort)symbol;
            int value = nextCode[bits]++;
            if (bits <= FastBits)
            {
                FillFast(value, bits, symbol);
            }
        }

        return true;
    }

    /// <summary>The next symbol, or -1 when the bits are no code or the input ends inside one.</summary>
    public int Decode(ref BitReader bits)
    {
        uint next = bits.Peek();
        int entry = _fast[next & ((1 << FastBits) - 1)];
        int length = entry & 15;
        if (entry == 0)
        {
            return DecodeLong(ref bits, next);
        }

        if (length > bits.Available)
        {
            return -1;
        }

        bits.Drop(length);
        return entry >> 4;
    }

    private static bool IsAcceptable(ReadOnlySpan<ushort> counts, bool mustBeComplete)
    {
        int left = 1;
        int longest = 0;
        for (int bits = 1; bits <= MaxBits; bits++)
        {
            left = (left << 1) - counts[bits];
            if (left < 0)
            {
                return false;
            }

            longest = counts[bits] > 0 ? bits : longest;
        }

        return left == 0 || (!mustBeComplete && longest <= 1);
    }

    private int DecodeLong(ref BitReader bits, uint next)
    {
        int code = 0;
        int first = 0;
        int place = 0;
        int most = Math.Min(MaxBits, bits.Available);
        for (int length = 1; length <= most; length++)
        {
            code |= (int)(next & 1);
            next >>= 1;
            int count = _counts[length];
            if (code - count < first)
            {
                bits.Drop(length);
                return _sorted[place + (code - first)];
            }

            place += count;
            first = (first + count) << 1;
            code <<= 1;
        }

        return -1;
    }

    private void FillFast(int code, int bits, int symbol)
    {
        // Codes are packed from their most significant bit, the stream is read from the least: the table is indexed reversed.
        int reversed = 0;
        for (int i = 0; i < bits; i++)
        {
            reversed = (reversed << 1) | ((code >> i) & 1);
        }

        var entry = (ushort)((symbol << 4) | bits);
        for (int i = reversed; i < _fast.Length; i += 1 << bits)
        {
            _fast[i] = entry;
        }
    }
}
