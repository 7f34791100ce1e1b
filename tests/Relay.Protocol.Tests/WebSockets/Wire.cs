using System.Buffers;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>Builds what a peer sends and writes down what a reader makes of it.</summary>
internal static class Wire
{
    // The masking key of RFC 6455 §5.7: 37 fa 21 3d.
    public const uint Key = 0x3D21FA37;

    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal));

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Join(params byte[][] parts) => parts.SelectMany(part => part).ToArray();

    public static byte[] Masked(Opcode opcode, ReadOnlySpan<byte> payload, bool final = true, bool rsv1 = false, uint key = Key)
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMasked(output, opcode, payload, key, rsv1, final);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Text(string text, bool final = true, bool rsv1 = false) => Masked(Opcode.Text, Utf8(text), final, rsv1);

    public static byte[] Continuation(string text, bool final = true) => Masked(Opcode.Continuation, Utf8(text), final);

    public static byte[] Close(int code, string reason = "") =>
        Masked(Opcode.Close, [(byte)(code >> 8), (byte)code, .. Utf8(reason)]);

    /// <summary>Feeds pieces and returns one line per message or error, and what is left at the end.</summary>
    public static List<string> Log(FrameReader reader, params byte[][] pieces)
    {
        var log = new List<string>();
        foreach (byte[] piece in pieces)
        {
            Feed(reader, piece, log);
        }

        return log;
    }

    public static void Feed(FrameReader reader, ReadOnlySpan<byte> piece, List<string> log)
    {
        while (true)
        {
            FrameStatus status = reader.Read(piece, out int consumed, out WebSocketMessage message);
            piece = piece[consumed..];
            if (status == FrameStatus.Message)
            {
                log.Add(Describe(message));
                continue;
            }

            if (status == FrameStatus.ProtocolError)
            {
                log.Add($"error {reader.Error.Code}");
            }

            Assert.True(piece.IsEmpty);
            return;
        }
    }

    public static string Describe(WebSocketMessage message) => message.Kind switch
    {
        MessageKind.Close => $"close {message.CloseCode} {message.Text}",
        MessageKind.Text => $"text {message.Text}",
        _ => $"{message.Kind} {Convert.ToHexString(message.Span)}",
    };

    /// <summary>A sequence of several segments, cut at the given positions (equal positions make empty segments).</summary>
    public static ReadOnlySequence<byte> Segments(ReadOnlyMemory<byte> bytes, params int[] cuts)
    {
        Segment? first = null;
        Segment? last = null;
        int at = 0;
        foreach (int cut in cuts.Append(bytes.Length))
        {
            last = new Segment(bytes[at..cut], last);
            first ??= last;
            at = cut;
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
