using System.Buffers;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>The examples of RFC 6455 §5.7, read and written byte for byte.</summary>
public sealed class RfcExampleTests
{
    [Fact]
    public void An_unmasked_text_frame_is_read_by_a_client()
    {
        using var reader = new FrameReader(FrameLimits.Default, FrameRole.Client);
        Assert.Equal(["text Hello"], Wire.Log(reader, Wire.Hex("81 05 48 65 6c 6c 6f")));
    }

    [Fact]
    public void A_masked_text_frame_is_read_by_a_server()
    {
        using var reader = new FrameReader(FrameLimits.Default);
        Assert.Equal(["text Hello"], Wire.Log(reader, Wire.Hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")));
    }

    [Fact]
    public void A_fragmented_unmasked_text_is_joined()
    {
        using var reader = new FrameReader(FrameLimits.Default, FrameRole.Client);
        Assert.Equal(["text Hello"], Wire.Log(reader, Wire.Hex("01 03 48 65 6c"), Wire.Hex("80 02 6c 6f")));
    }

    [Fact]
    public void Ping_and_its_masked_pong_carry_the_same_body()
    {
        using var client = new FrameReader(FrameLimits.Default, FrameRole.Client);
        using var server = new FrameReader(FrameLimits.Default);
        Assert.Equal(["Ping 48656C6C6F"], Wire.Log(client, Wire.Hex("89 05 48 65 6c 6c 6f")));
        Assert.Equal(["Pong 48656C6C6F"], Wire.Log(server, Wire.Hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")));
    }

    [Theory]
    [InlineData(256, "82 7E 01 00")]
    [InlineData(65536, "82 7F 00 00 00 00 00 01 00 00")]
    [InlineData(125, "82 7D")]
    [InlineData(126, "82 7E 00 7E")]
    [InlineData(65535, "82 7E FF FF")]
    [InlineData(0, "82 00")]
    public void A_header_has_the_shortest_length_form(int length, string header)
    {
        var body = new byte[length];
        byte[] frame = FrameWriter.Frame(Opcode.Binary, body);
        Assert.Equal(Wire.Hex(header), frame[..^length]);
        Assert.Equal(FrameWriter.FrameSize(length), frame.Length);

        using var wide = new FrameReader(FrameLimits.ForMessagesOf(65536), FrameRole.Client);
        Assert.Equal([$"Binary {Convert.ToHexString(body)}"], Wire.Log(wide, frame));
    }

    [Fact]
    public void The_writer_produces_the_examples()
    {
        Assert.Equal(Wire.Hex("81 05 48 65 6c 6c 6f"), FrameWriter.Frame(Opcode.Text, "Hello"u8));
        Assert.Equal(Wire.Hex("01 03 48 65 6c"), FrameWriter.Frame(Opcode.Text, "Hel"u8, final: false));
        Assert.Equal(Wire.Hex("80 02 6c 6f"), FrameWriter.Frame(Opcode.Continuation, "lo"u8));
        Assert.Equal(Wire.Hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), Wire.Masked(Opcode.Text, "Hello"u8));
        Assert.Equal(Wire.Hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), Wire.Masked(Opcode.Pong, "Hello"u8));
        Assert.Equal(Wire.Hex("c1 07 f2 48 cd c9 c9 07 00"), FrameWriter.Frame(Opcode.Text, Wire.Hex("f2 48 cd c9 c9 07 00"), rsv1: true));
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WritePing(output, "Hello"u8);
        FrameWriter.WritePong(output);
        FrameWriter.WriteText(output, "x"u8);
        Assert.Equal(Wire.Hex("89 05 48 65 6c 6c 6f 8a 00 81 01 78"), output.WrittenSpan.ToArray());
    }
}
