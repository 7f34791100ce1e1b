using System.IO.Compression;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>The inflater against the platform's own as an independent judge.</summary>
public sealed class InflaterTests
{
    [Fact]
    public void Every_level_and_shape_inflates_to_what_went_in()
    {
        var random = new Random(1951);
        foreach (int length in new[] { 1, 2, 3, 10, 257, 258, 259, 1000, 32768, 32769, 70000, 200_000 })
        {
            foreach (byte[] body in Shapes(random, length))
            {
                foreach (CompressionLevel level in Enum.GetValues<CompressionLevel>())
                {
                    AssertInflates(Deflater.Compress(body, level), body);
                }
            }
        }
    }

    [Fact]
    public void Damaged_streams_get_the_verdict_and_the_bytes_of_the_platform()
    {
        var random = new Random(7692);
        int accepted = 0;
        int refused = 0;
        for (int i = 0; i < 40_000; i++)
        {
            byte[] body = Shapes(random, random.Next(1, 400)).ElementAt(random.Next(4));
            var level = (CompressionLevel)random.Next(4);
            byte[] stream = [.. Deflater.Compress(body, level), .. PerMessageDeflate.Tail];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                stream[random.Next(stream.Length - 4)] ^= (byte)(1 << random.Next(8));
            }

            byte[]? output = null;
            InflateStatus status = Inflater.Inflate(stream, ref output, 1 << 20, out int length);
            byte[]? platform = ByPlatform(stream, out bool sawFinalBlock);
            if (platform is null)
            {
                refused++;
                Assert.True(status == InflateStatus.Corrupt, $"case {i}: {Convert.ToHexString(stream)}");
            }
            else if (status == InflateStatus.Done && !sawFinalBlock)
            {
                accepted++;
                Assert.True(platform.AsSpan().SequenceEqual(output.AsSpan(0, length)), $"case {i}: {Convert.ToHexString(stream)}");
            }
        }

        // Both branches were really taken.
        Assert.True(accepted > 1000 && refused > 1000, $"{accepted} accepted, {refused} refused");
    }

    [Fact]
    public void Noise_never_throws_and_never_exceeds_the_limit()
    {
        var random = new Random(3);
        byte[]? output = null;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] stream = new byte[random.Next(0, 60)];
            random.NextBytes(stream);
            Inflater.Inflate([.. stream, .. PerMessageDeflate.Tail], ref output, 2000, out int length);
            Assert.InRange(length, 0, 2000);
            Assert.InRange(output?.Length ?? 0, 0, 2048);
        }
    }

    [Theory]
    [InlineData("", InflateStatus.Corrupt)]
    [InlineData("06", InflateStatus.Corrupt)]
    [InlineData("04 00", InflateStatus.Corrupt)]
    [InlineData("f2 48 cd", InflateStatus.Corrupt)]
    [InlineData("00 01 00 ff ff 61", InflateStatus.Corrupt)]
    [InlineData("00 01 00 fe ff 61 00 00 00 ff ff", InflateStatus.Done)]
    public void Broken_blocks_are_told_from_whole_ones(string hex, InflateStatus expected)
    {
        byte[]? output = null;
        Assert.Equal(expected, Inflater.Inflate(Wire.Hex(hex), ref output, 100, out _));
    }

    private static IEnumerable<byte[]> Shapes(Random random, int length)
    {
        yield return new byte[length];
        yield return DeflateMessageTests.Noise(length);
        yield return DeflateMessageTests.Prose(length);

        // A skewed alphabet makes long codes; runs and copies make matches at all distances.
        var skewed = new byte[length];
        for (int i = 0; i < length; i++)
        {
            skewed[i] = (byte)Math.Min(255, -Math.Log(1 - random.NextDouble()) * 12);
            if (i > 100 && random.Next(50) == 0)
            {
                int count = Math.Min(random.Next(3, 300), length - i);
                int from = random.Next(Math.Max(0, i - 40_000), i);
                for (int j = 0; j < count; j++)
                {
                    skewed[i + j] = skewed[from + j];
                }

                i += count - 1;
            }
        }

        yield return skewed;
    }

    private static void AssertInflates(byte[] compressed, byte[] body)
    {
        byte[]? output = null;
        byte[] stream = [.. compressed, .. PerMessageDeflate.Tail];
        Assert.Equal(InflateStatus.Done, Inflater.Inflate(stream, ref output, body.Length, out int length));
        Assert.True(body.AsSpan().SequenceEqual(output.AsSpan(0, length)));
        Assert.Equal(InflateStatus.TooLarge, Inflater.Inflate(stream, ref output, body.Length - 1, out _));
    }

    /// <summary>What the platform inflates, or null when it finds the stream corrupt.</summary>
    private static byte[]? ByPlatform(byte[] stream, out bool sawFinalBlock)
    {
        var input = new MemoryStream(stream);
        using var inflate = new DeflateStream(input, CompressionMode.Decompress);
        var result = new MemoryStream();
        sawFinalBlock = false;
        try
        {
            inflate.CopyTo(result);

            // After a final block the platform stops; then it stands before the end or reads nothing of what follows.
            sawFinalBlock = EndsEarly(stream, result.ToArray());
            return result.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>Whether cutting the tail off changes nothing and another stored block behind it is ignored: a final block came before.</summary>
    private static bool EndsEarly(byte[] stream, byte[] result)
    {
        using var inflate = new DeflateStream(new MemoryStream([.. stream, 0x00, 0x01, 0x00, 0xFE, 0xFF, 0x61, 0x00, 0x00, 0x00, 0xFF, 0xFF]), CompressionMode.Decompress);
        var longer = new MemoryStream();
        inflate.CopyTo(longer);
        return longer.Length == result.Length;
    }
}
