using System.Buffers;
using System.IO.Compression;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>Compressed messages through the reader; the examples of RFC 7692 §7.2.3 byte for byte.</summary>
public sealed class DeflateMessageTests
{
    private static readonly FrameLimits Small = new() { MaxMessageBytes = 4096, MaxInflatedBytes = 4096 };

    [Theory]
    [InlineData("c1 07 f2 48 cd c9 c9 07 00", "§7.2.3.1 one compressed block")]
    [InlineData("41 03 f2 48 cd 80 04 c9 c9 07 00", "§7.2.3.1 the same in two fragments")]
    [InlineData("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00", "§7.2.3.3 a block with no compression")]
    [InlineData("c1 08 f3 48 cd c9 c9 07 00 00", "§7.2.3.4 a block with BFINAL set")]
    [InlineData("c1 07 f3 48 cd c9 c9 07 00", "the same from a sender that leaves the last byte out")]
    [InlineData("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "§7.2.3.5 two blocks in one message")]
    public void The_examples_of_the_rfc_inflate_to_hello(string hex, string section)
    {
        using var reader = new FrameReader(Small, FrameRole.Client, deflate: true);
        Assert.True(Wire.Log(reader, Wire.Hex(hex)) is ["text Hello"], section);
    }

    [Fact]
    public void Blocks_after_a_final_block_belong_to_the_message()
    {
        // Two streams, each ended for good, one after the other.
        byte[] both = [.. Finished("Hel"), .. Finished("lo"), 0x00];
        using var reader = new FrameReader(Small, FrameRole.Client, deflate: true);
        Assert.Equal(["text Hello"], Wire.Log(reader, FrameWriter.Frame(Opcode.Text, both, rsv1: true)));
    }

    [Fact]
    public void A_message_of_the_rfc_that_needs_the_window_of_another_is_refused()
    {
        // §7.2.3.2: the second "Hello" refers to the first. Without context takeover there is nothing to refer to.
        using var reader = new FrameReader(Small, FrameRole.Client, deflate: true);
        Assert.Equal(["text Hello", "error 1007"], Wire.Log(reader, Wire.Hex("c1 07 f2 48 cd c9 c9 07 00"), Wire.Hex("c1 05 f2 00 11 00 00")));
    }

    [Theory]
    [InlineData("c1 01 00")]
    [InlineData("c1 02 02 00")]
    [InlineData("c1 00")]
    [InlineData("41 00 80 01 00")]
    public void Empty_compressed_messages_are_read(string hex)
    {
        using var reader = new FrameReader(Small, FrameRole.Client, deflate: true);
        Assert.Equal(["text "], Wire.Log(reader, Wire.Hex(hex)));
    }

    [Fact]
    public void The_deflater_writes_the_examples_of_the_rfc()
    {
        Assert.Equal(Wire.Hex("f2 48 cd c9 c9 07 00"), Deflater.Compress("Hello"u8));
        Assert.Equal(Wire.Hex("00"), Deflater.Compress([]));
    }

    [Fact]
    public void Uncompressed_messages_pass_when_deflate_is_negotiated()
    {
        using var reader = new FrameReader(Small, FrameRole.Client, deflate: true);
        Assert.Equal(["text Hello"], Wire.Log(reader, Wire.Hex("81 05 48 65 6c 6c 6f")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    public void A_message_up_to_the_limit_survives_the_round_trip(int length)
    {
        foreach (CompressionLevel level in Enum.GetValues<CompressionLevel>())
        {
            foreach (byte[] body in new[] { new byte[length], Noise(length), Prose(length) })
            {
                using var reader = new FrameReader(Small, FrameRole.Server, deflate: true);
                byte[] frame = Wire.Masked(Opcode.Binary, Deflater.Compress(body, level), rsv1: true);
                Assert.Equal([$"Binary {Convert.ToHexString(body)}"], Wire.Log(reader, frame));
                var output = new ArrayBufferWriter<byte>();
                Assert.Equal(Deflater.Compress(body, level).Length, Deflater.Compress(body, output, level));
                Assert.Equal(Deflater.Compress(body, level), output.WrittenSpan.ToArray());
            }
        }
    }

    [Fact]
    public void One_byte_over_the_limit_is_1009()
    {
        using var reader = new FrameReader(Small, FrameRole.Server, deflate: true);
        Assert.Equal(["error 1009"], Wire.Log(reader, Wire.Masked(Opcode.Binary, Deflater.Compress(new byte[4097]), rsv1: true)));
        using var stored = new FrameReader(Small, FrameRole.Server, deflate: true);
        Assert.Equal(["error 1009"], Wire.Log(stored, Wire.Masked(Opcode.Binary, Deflater.Compress(Noise(4097)), rsv1: true)));
    }

    [Fact]
    public void A_bomb_of_128_megabytes_is_1009_and_holds_no_more_than_the_limit()
    {
        byte[] bomb = Deflater.Compress(new byte[128 * 1024 * 1024]);
        FrameLimits limits = FrameLimits.ForMessagesOf(1024 * 1024);
        byte[]? output = null;
        byte[] withTail = [.. bomb, .. PerMessageDeflate.Tail];
        Assert.Equal(InflateStatus.TooLarge, Inflater.Inflate(withTail, ref output, limits.MaxInflatedBytes, out int length));
        Assert.Equal(0, length);
        Assert.InRange(output!.Length, 1, limits.MaxInflatedBytes);

        using var reader = new FrameReader(limits, FrameRole.Server, deflate: true);
        Assert.Equal(["error 1009"], Wire.Log(reader, Wire.Masked(Opcode.Binary, bomb, rsv1: true)));
        Assert.Equal(0, reader.HeldBytes);
    }

    [Fact]
    public void The_same_text_compressed_twice_is_the_same_bytes_on_any_thread()
    {
        byte[] body = Prose(3000);
        byte[] first = Deflater.Compress(body);
        Parallel.For(0, 64, _ => Assert.Equal(first, Deflater.Compress(body)));
    }

    internal static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    internal static byte[] Prose(int length)
    {
        var random = new Random(length);
        string[] words = ["agent", "\"type\":", "message.new", "{", "}", ", ", "grüße", "0.5"];
        return Wire.Utf8(string.Concat(Enumerable.Range(0, length).Select(_ => words[random.Next(words.Length)]))).AsSpan(0, length).ToArray();
    }

    private static byte[] Finished(string text)
    {
        var memory = new MemoryStream();
        using (var deflate = new DeflateStream(memory, CompressionLevel.Fastest))
        {
            deflate.Write(Wire.Utf8(text));
        }

        return memory.ToArray();
    }
}
