using System.Buffers;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

public sealed class FrameWriterTests
{
    [Fact]
    public void A_close_frame_carries_code_and_reason()
    {
        Assert.Equal(Wire.Hex("88 05 03 F4 62 79 65"), FrameWriter.CloseFrame(CloseCode.ServiceRestart, "bye"));
        Assert.Equal(Wire.Hex("88 00"), FrameWriter.CloseFrame(CloseCode.NoStatus));
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WriteClose(output, CloseCode.Normal);
        Assert.Equal(Wire.Hex("88 02 03 E8"), output.WrittenSpan.ToArray());
    }

    [Theory]
    [InlineData(999)]
    [InlineData(1004)]
    [InlineData(1006)]
    [InlineData(1015)]
    [InlineData(2000)]
    [InlineData(5000)]
    public void A_code_that_may_not_be_sent_is_refused(int code)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => FrameWriter.CloseFrame(code));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("🌍")]
    public void A_long_reason_is_cut_at_the_border_of_a_character(string unit)
    {
        for (int before = 0; before < 4; before++)
        {
            string reason = new string('x', before) + string.Concat(Enumerable.Repeat(unit, 100 + 24));
            byte[] frame = FrameWriter.CloseFrame(CloseCode.Normal, reason);
            Assert.True(frame.Length <= 127);
            string kept = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(frame.AsSpan(4));
            Assert.StartsWith(kept, reason, StringComparison.Ordinal);
            Assert.InRange(frame.Length - 4, FrameWriter.MaxCloseReason - 3, FrameWriter.MaxCloseReason);
        }
    }

    [Fact]
    public void A_lone_surrogate_in_a_reason_is_replaced()
    {
        Assert.Equal(Wire.Hex("88 05 03 E8 EF BF BD"), FrameWriter.CloseFrame(CloseCode.Normal, "\uD800"));
    }

    [Fact]
    public void A_control_payload_beyond_125_bytes_is_refused()
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.Throws<ArgumentException>(() => FrameWriter.WritePing(output, new byte[126]));
        Assert.Throws<ArgumentException>(() => FrameWriter.WritePong(output, new byte[126]));
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void Frames_of_unknown_length_get_the_right_header()
    {
        foreach (int length in new[] { 0, 1, 125, 126, 127, 4000, 65535, 65536, 70000 })
        {
            using var buffer = new FrameBuffer(16);
            byte[] payload = Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray();
            FrameWriter.WriteText(buffer, "first"u8);
            buffer.BeginFrame(Opcode.Binary);
            foreach (byte[] chunk in payload.Chunk(1000))
            {
                buffer.Write(chunk);
            }

            Assert.Equal(FrameWriter.FrameSize(length), buffer.EndFrame());
            FrameWriter.WriteText(buffer, "last"u8);
            byte[] expected = Wire.Join(FrameWriter.Frame(Opcode.Text, "first"u8), FrameWriter.Frame(Opcode.Binary, payload), FrameWriter.Frame(Opcode.Text, "last"u8));
            Assert.Equal(expected, buffer.ToArray());
            Assert.Equal(expected.Length, buffer.Length);
        }
    }

    [Fact]
    public void An_abandoned_frame_leaves_nothing_behind()
    {
        using var buffer = new FrameBuffer();
        FrameWriter.WriteText(buffer, "kept"u8);
        buffer.BeginFrame();
        buffer.Write("lost"u8);
        buffer.AbandonFrame();
        Assert.Equal(FrameWriter.Frame(Opcode.Text, "kept"u8), buffer.ToArray());
        Assert.Throws<InvalidOperationException>(() => buffer.EndFrame());
        buffer.BeginFrame();
        Assert.Throws<InvalidOperationException>(() => buffer.BeginFrame());
        buffer.Dispose();
        FrameWriter.WriteText(buffer, "again"u8);
        Assert.Equal(FrameWriter.Frame(Opcode.Text, "again"u8), buffer.ToArray());
    }
}
