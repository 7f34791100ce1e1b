using System.Buffers;

namespace Relay.Protocol.WebSockets;

/// <summary>Outcome of <see cref="Inflater.Inflate"/>.</summary>
public enum InflateStatus
{
    Done,

    /// <summary>More than the limit would come out.</summary>
    TooLarge,

    /// <summary>Not a deflate stream, or it ends in the middle of a block.</summary>
    Corrupt,
}

/// <summary>
/// Inflates one permessage-deflate message (RFC 1951 as used by RFC 7692 §7.2.2) from contiguous bytes into a bounded buffer.
/// </summary>
/// <remarks>
/// <para>Why not <see cref="System.IO.Compression.DeflateStream"/>: it stops at the first block with BFINAL set and swallows what
/// follows, while RFC 7692 §7.2.3.4 goes on; a truncated stream ends silently; garbage costs an exception where it is an
/// expected outcome; and it cannot be reset, so every message takes a new one with a native inflater behind it. Here the window
/// is the output itself, the tables are per thread, nothing is allocated, and the bound is checked at each write. Measured side
/// by side on messages of 120 and 500 bytes: 0.56 and 0.31 us against 0.90 and 0.74 us; at 62 KB the native code wins, 65 us against 133 us.</para>
/// <para>Codes up to <see cref="HuffmanTable.FastBits"/> bits are looked up, longer ones are walked bit by bit as canonical codes.
/// Which code sets are accepted follows zlib: over-subscribed sets never, incomplete ones only with a single code of one bit.</para>
/// </remarks>
public static class Inflater
{
    // Output grows from here by doubling: an announced or hoped-for size never decides.
    private const int FirstSize = 1024;

    [ThreadStatic]
    private static Tables? t_tables;

    private static readonly HuffmanTable FixedLiterals = CreateFixedLiterals();
    private static readonly HuffmanTable FixedDistances = CreateFixedDistances();

    private static readonly ushort[] LengthBase =
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static ReadOnlySpan<byte> LengthExtra =>
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static readonly ushort[] DistanceBase =
        [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];

    private static ReadOnlySpan<byte> DistanceExtra =>
        [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

    private static ReadOnlySpan<byte> CodeLengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    /// <summary>
    /// Inflates a message's payload with the tail 00 00 FF FF appended.
    /// </summary>
    /// <param name="input">Compressed payload and tail.</param>
    /// <param name="output">Array of the shared pool, rented or grown here as needed (null at first); the caller returns it in every case.</param>
    /// <param name="limit">Most bytes that may come out.</param>
    /// <param name="length">Bytes written to the output.</param>
    public static InflateStatus Inflate(ReadOnlySpan<byte> input, ref byte[]? output, int limit, out int length)
    {
        var bits = new BitReader(input);
        var sink = new Output(output, limit);
        InflateStatus status = Blocks(ref bits, ref sink);
        output = sink.Array;
        length = status == InflateStatus.Done ? sink.Length : 0;
        return status;
    }

    private static InflateStatus Blocks(ref BitReader bits, ref Output sink)
    {
        while (true)
        {
            if (!bits.TryTake(3, out int header))
            {
                return InflateStatus.Corrupt;
            }

            InflateStatus status = (header >> 1) switch
            {
                0 => Stored(ref bits, ref sink),
                1 => Compressed(ref bits, ref sink, FixedLiterals, FixedDistances),
                2 => Dynamic(ref bits, ref sink),
                _ => InflateStatus.Corrupt,
            };
            if (status != InflateStatus.Done)
            {
                return status;
            }

            if ((header & 1) != 0)
            {
                // RFC 7692 §7.2.3.4: a final block ends at a byte border and more may follow. Senders that leave out the
                // byte 00 there are understood too: then only the appended tail is left.
                bits.Align();
                if (bits.BytesLeft == PerMessageDeflate.Tail.Length)
                {
                    return InflateStatus.Done;
                }
            }

            if (bits.AtEnd)
            {
                return InflateStatus.Done;
            }
        }
    }

    private static InflateStatus Stored(ref BitReader bits, ref Output sink)
    {
        bits.Align();
        if (!bits.TryTake(16, out int length) || !bits.TryTake(16, out int complement) || length != (~complement & 0xFFFF))
        {
            return InflateStatus.Corrupt;
        }

        if (!bits.TryTakeBytes(length, out ReadOnlySpan<byte> bytes))
        {
            return InflateStatus.Corrupt;
        }

        return sink.Write(bytes) ? InflateStatus.Done : InflateStatus.TooLarge;
    }

    private static InflateStatus Dynamic(ref BitReader bits, ref Output sink)
    {
        Tables tables = t_tables ??= new Tables();
        return ReadTables(ref bits, tables)
            ? Compressed(ref bits, ref sink, tables.Literals, tables.Distances)
            : InflateStatus.Corrupt;
    }

    private static InflateStatus Compressed(ref BitReader bits, ref Output sink, HuffmanTable literals, HuffmanTable distances)
    {
        while (true)
        {
            int symbol = literals.Decode(ref bits);
            if (symbol < 256)
            {
                if (symbol < 0)
                {
                    return InflateStatus.Corrupt;
                }

                if (!sink.Write((byte)symbol))
                {
                    return InflateStatus.TooLarge;
                }

                continue;
            }

            if (symbol == 256)
            {
                return InflateStatus.Done;
            }

            if (!TryReadMatch(ref bits, distances, symbol - 257, out int length, out int distance) || distance > sink.Length)
            {
                return InflateStatus.Corrupt;
            }

            if (!sink.Repeat(distance, length))
            {
                return InflateStatus.TooLarge;
            }
        }
    }

    private static bool TryReadMatch(ref BitReader bits, HuffmanTable distances, int symbol, out int length, out int distance)
    {
        length = distance = 0;
        if (symbol >= LengthBase.Length || !bits.TryTake(LengthExtra[symbol], out int extra))
        {
            return false;
        }

        length = LengthBase[symbol] + extra;
        symbol = distances.Decode(ref bits);
        if ((uint)symbol >= (uint)DistanceBase.Length || !bits.TryTake(DistanceExtra[symbol], out extra))
        {
            return false;
        }

        distance = DistanceBase[symbol] + extra;
        return true;
    }

    private static bool ReadTables(ref BitReader bits, Tables tables)
    {
        if (!bits.TryTake(14, out int counts))
        {
            return false;
        }

        int literals = (counts & 31) + 257;
        int distances = ((counts >> 5) & 31) + 1;
        int codes = (counts >> 10) + 4;
        if (literals > 286 || distances > 30)
        {
            return false;
        }

        Span<byte> lengths = stackalloc byte[286 + 30];
        lengths.Clear();
        for (int i = 0; i < codes; i++)
        {
            if (!bits.TryTake(3, out int length))
            {
                return false;
            }

            lengths[CodeLengthOrder[i]] = (byte)length;
        }

        if (!tables.CodeLengths.Build(lengths[..19], mustBeComplete: true))
        {
            return false;
        }

        lengths.Clear();
        return ReadLengths(ref bits, tables.CodeLengths, lengths[..(literals + distances)])
            && lengths[256] != 0
            && tables.Literals.Build(lengths[..literals], mustBeComplete: false)
            && tables.Distances.Build(lengths.Slice(literals, distances), mustBeComplete: false);
    }

    private static bool ReadLengths(ref BitReader bits, HuffmanTable codes, scoped Span<byte> lengths)
    {
        int at = 0;
        while (at < lengths.Length)
        {
            int symbol = codes.Decode(ref bits);
            if (symbol is >= 0 and < 16)
            {
                lengths[at++] = (byte)symbol;
                continue;
            }

            (int least, int width) = symbol switch { 16 => (3, 2), 17 => (3, 3), _ => (11, 7) };
            if (symbol < 0 || (symbol == 16 && at == 0) || !bits.TryTake(width, out int extra) || at + least + extra > lengths.Length)
            {
                return false;
            }

            lengths.Slice(at, least + extra).Fill(symbol == 16 ? lengths[at - 1] : (byte)0);
            at += least + extra;
        }

        return true;
    }

    private static HuffmanTable CreateFixedLiterals()
    {
        var lengths = new byte[288];
        lengths.AsSpan(0, 144).Fill(8);
        lengths.AsSpan(144, 112).Fill(9);
        lengths.AsSpan(256, 24).Fill(7);
        lengths.AsSpan(280, 8).Fill(8);
        var table = new HuffmanTable(lengths.Length);
        table.Build(lengths, mustBeComplete: true);
        return table;
    }

    private static HuffmanTable CreateFixedDistances()
    {
        // 32 codes make the set complete; 30 and 31 never stand for a distance (RFC 1951 §3.2.6) and fail when met.
        var lengths = new byte[32];
        lengths.AsSpan().Fill(5);
        var table = new HuffmanTable(lengths.Length);
        table.Build(lengths, mustBeComplete: true);
        return table;
    }

    private sealed class Tables
    {
        public HuffmanTable CodeLengths { get; } = new(19);

        public HuffmanTable Literals { get; } = new(286);

        public HuffmanTable Distances { get; } = new(30);
    }

    /// <summary>What came out so far; also the window that matches copy from.</summary>
    private ref struct Output(byte[]? array, int limit)
    {
        public byte[]? Array = array;
        public int Length;
        private readonly int _limit = limit;

        public bool Write(byte value)
        {
            byte[]? target = Array;
            if (target is null || Length >= target.Length || Length >= _limit)
            {
                if (!MakeRoom(1))
                {
                    return false;
                }

                target = Array!;
            }

            target[Length++] = value;
            return true;
        }

        public bool Write(ReadOnlySpan<byte> bytes)
        {
            if (!MakeRoom(bytes.Length))
            {
                return false;
            }

            bytes.CopyTo(Array.AsSpan(Length));
            Length += bytes.Length;
            return true;
        }

        public bool Repeat(int distance, int length)
        {
            if (!MakeRoom(length))
            {
                return false;
            }

            Span<byte> target = Array.AsSpan(Length, length);
            ReadOnlySpan<byte> source = Array.AsSpan(Length - distance, Math.Min(distance, length));
            Length += length;

            // A match longer than its distance repeats what it has just written.
            while (target.Length > source.Length)
            {
                source.CopyTo(target);
                target = target[source.Length..];
            }

            source[..target.Length].CopyTo(target);
            return true;
        }

        private bool MakeRoom(int count)
        {
            if (count > _limit - Length)
            {
                return false;
            }

            if (Array is null || Length + count > Array.Length)
            {
                int size = Math.Max(Length + count, Math.Max(FirstSize, (int)Math.Min((long)Length * 2, _limit)));
                byte[] larger = ArrayPool<byte>.Shared.Rent(size);
                if (Array is { } old)
                {
                    old.AsSpan(0, Length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(old);
                }

                Array = larger;
            }

            return true;
        }
    }
}
