using System.Buffers.Binary;
using System.Text.Unicode;

namespace Relay.Protocol.WebSockets;

/// <summary>The rules about frames that need no more than the bytes at hand and two or three facts about the connection.</summary>
internal static class FrameRules
{
    /// <summary>
    /// The rule that the first two bytes of a frame break, or null: RFC 6455 §5.1 (masking), §5.2 (reserved bits and opcodes), §5.4
    /// (order of fragments), §5.5 (control frames), RFC 7692 §6 (RSV1).
    /// </summary>
    /// <param name="first">FIN, RSV1-3, opcode.</param>
    /// <param name="second">MASK and the 7-bit length.</param>
    /// <param name="fromClient">Whether frames must be masked; otherwise they must not.</param>
    /// <param name="open">Whether a fragmented message is unfinished.</param>
    /// <param name="deflate">Whether permessage-deflate is in force.</param>
    public static string? FindBrokenRule(byte first, byte second, bool fromClient, bool open, bool deflate)
    {
        var opcode = (Opcode)(first & 0x0F);
        bool control = opcode >= Opcode.Close;
        if (second >= 0x80 != fromClient)
        {
            return fromClient ? "frame is not masked" : "frame is masked";
        }

        if (opcode is > Opcode.Binary and < Opcode.Close or > Opcode.Pong)
        {
            return "reserved opcode";
        }

        if ((first & 0x30) != 0)
        {
            return "reserved bit set";
        }

        if ((first & 0x40) != 0 && (!deflate || control || opcode == Opcode.Continuation))
        {
            return "RSV1 set where it has no meaning";
        }

        if (control)
        {
            return FindBrokenControlRule(opcode, first >= 0x80, second & 0x7F);
        }

        if (open == (opcode == Opcode.Continuation))
        {
            return null;
        }

        return open ? "new message inside an unfinished one" : "continuation without a message";
    }

    /// <summary>Reads the payload of a close frame (RFC 6455 §5.5.1, §7.4).</summary>
    /// <param name="payload">The payload, empty or of two bytes and more; when true is returned, the reason alone.</param>
    /// <param name="code">The code, or <see cref="CloseCode.NoStatus"/>.</param>
    /// <param name="error">What is wrong, when false is returned.</param>
    public static bool TryReadClose(ref ReadOnlyMemory<byte> payload, out int code, out FrameError error)
    {
        error = default;
        code = CloseCode.NoStatus;
        if (payload.IsEmpty)
        {
            return true;
        }

        code = BinaryPrimitives.ReadUInt16BigEndian(payload.Span);
        payload = payload[2..];
        if (!CloseCode.IsValidOnWire(code))
        {
            error = new FrameError(CloseCode.ProtocolError, "invalid close code");
        }
        else if (!Utf8.IsValid(payload.Span))
        {
            error = new FrameError(CloseCode.InvalidPayload, "close reason is not UTF-8");
        }

        return error.Code == 0;
    }

    private static string? FindBrokenControlRule(Opcode opcode, bool final, int length)
    {
        if (!final)
        {
            return "fragmented control frame";
        }

        // A close frame has no payload or begins with a code of two bytes: its header tells.
        return length > 125 ? "control frame longer than 125 bytes" : opcode == Opcode.Close && length == 1 ? "close frame of one byte" : null;
    }
}
