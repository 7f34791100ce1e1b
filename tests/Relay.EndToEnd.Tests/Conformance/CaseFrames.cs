using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Frames as the cases send them, the wrong ones included: masked, with any bits.</summary>
internal static class CaseFrames
{
    public static byte[] Of(Opcode opcode, ReadOnlySpan<byte> payload, bool final = true) => Of((int)opcode, payload, final);

    /// <param name="opcode">0 to 15.</param>
    /// <param name="payload">Not masked yet.</param>
    /// <param name="final">FIN.</param>
    /// <param name="rsv">The three reserved bits as a number, RSV1 = 4.</param>
    public static byte[] Of(int opcode, ReadOnlySpan<byte> payload, bool final = true, int rsv = 0)
    {
        var output = new ArrayBufferWriter<byte>(payload.Length + 14);
        FrameWriter.WriteMasked(output, Opcode.Binary, payload, 0x3D21FA37);
        var frame = output.WrittenSpan.ToArray();
        frame[0] = (byte)((final ? 0x80 : 0) | (rsv << 4) | opcode);
        return frame;
    }

    public static byte[] Text(string text, bool final = true) => Of(Opcode.Text, Encoding.UTF8.GetBytes(text), final);

    public static byte[] Continuation(string text, bool final) => Of(Opcode.Continuation, Encoding.UTF8.GetBytes(text), final);

    public static byte[] Ping(string text = "") => Of(Opcode.Ping, Encoding.UTF8.GetBytes(text));

    public static byte[] Close(int code, string reason = "")
    {
        var payload = new byte[2 + Encoding.UTF8.GetByteCount(reason)];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetBytes(reason, payload.AsSpan(2));
        return Of(Opcode.Close, payload);
    }

    /// <summary>One message in frames of so many bytes; the first has the opcode, empty ones included.</summary>
    public static List<byte[]> Fragments(Opcode opcode, byte[] message, int bytes, bool rsv1 = false)
    {
        var frames = new List<byte[]>();
        for (var at = 0; at == 0 || at < message.Length; at += bytes)
        {
            var part = message.AsSpan(at, Math.Min(bytes, message.Length - at));
            frames.Add(Of(at == 0 ? (int)opcode : 0, part, at + bytes >= message.Length, at == 0 && rsv1 ? 4 : 0));
        }

        return frames;
    }

    /// <summary>The same bytes in writes of so many.</summary>
    public static List<byte[]> Chop(byte[] bytes, int size) => [.. bytes.Chunk(size)];

    /// <summary>All of them in one write.</summary>
    public static byte[] Together(params byte[][] frames) => [.. frames.SelectMany(static frame => frame)];
}
