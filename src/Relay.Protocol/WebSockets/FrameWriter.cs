using System.Buffers;
using System.Buffers.Binary;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Writes frames (RFC 6455 §5.2). A server's frames are unmasked, so the bytes written once serve every subscriber.
/// </summary>
public static class FrameWriter
{
    /// <summary>Largest header of an unmasked frame.</summary>
    public const int MaxHeaderSize = 10;

    /// <summary>Largest payload of a control frame (RFC 6455 §5.5).</summary>
    public const int MaxControlPayload = 125;

    /// <summary>Largest reason of a close frame in bytes: a control payload less the code.</summary>
    public const int MaxCloseReason = MaxControlPayload - 2;

    /// <summary>Bytes of the header of an unmasked frame with a payload of <paramref name="length"/> bytes: 2, 4 or 10.</summary>
    public static int HeaderSize(long length) => length <= 125 ? 2 : length <= ushort.MaxValue ? 4 : 10;

    /// <summary>Bytes of a whole unmasked frame.</summary>
    public static int FrameSize(int length) => HeaderSize(length) + length;

    /// <summary>Writes the header of an unmasked frame.</summary>
    /// <param name="destination">At least <see cref="HeaderSize"/> bytes.</param>
    /// <param name="opcode">Frame type.</param>
    /// <param name="length">Payload bytes, 0 or more.</param>
    /// <param name="rsv1">Set for the first frame of a compressed message (RFC 7692 §6).</param>
    /// <param name="final">Whether this is the last frame of its message.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteHeader(Span<byte> destination, Opcode opcode, long length, bool rsv1 = false, bool final = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        destination[0] = (byte)((final ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | (byte)opcode);
        if (length <= 125)
        {
            destination[1] = (byte)length;
            return 2;
        }

        if (length <= ushort.MaxValue)
        {
            destination[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)length);
            return 4;
        }

        destination[1] = 127;
        BinaryPrimitives.WriteInt64BigEndian(destination[2..], length);
        return 10;
    }

    /// <summary>Writes one unmasked frame.</summary>
    public static void Write(IBufferWriter<byte> output, Opcode opcode, ReadOnlySpan<byte> payload, bool rsv1 = false, bool final = true)
    {
        ArgumentNullException.ThrowIfNull(output);
        Span<byte> target = output.GetSpan(FrameSize(payload.Length));
        int header = WriteHeader(target, opcode, payload.Length, rsv1, final);
        payload.CopyTo(target[header..]);
        output.Advance(header + payload.Length);
    }

    /// <summary>Writes a text message; the bytes must be UTF-8.</summary>
    public static void WriteText(IBufferWriter<byte> output, ReadOnlySpan<byte> utf8) => Write(output, Opcode.Text, utf8);

    /// <summary>One unmasked frame as an array of its own: for frames built once and sent often.</summary>
    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool rsv1 = false, bool final = true)
    {
        var frame = new byte[FrameSize(payload.Length)];
        int header = WriteHeader(frame, opcode, payload.Length, rsv1, final);
        payload.CopyTo(frame.AsSpan(header));
        return frame;
    }

    /// <summary>Writes a ping (unmasked).</summary>
    /// <param name="output">Where to.</param>
    /// <param name="payload">At most 125 bytes; comes back in the pong.</param>
    public static void WritePing(IBufferWriter<byte> output, ReadOnlySpan<byte> payload = default)
    {
        RequireControlSize(payload);
        Write(output, Opcode.Ping, payload);
    }

    /// <summary>Writes a pong (unmasked) with the ping's payload.</summary>
    public static void WritePong(IBufferWriter<byte> output, ReadOnlySpan<byte> payload = default)
    {
        RequireControlSize(payload);
        Write(output, Opcode.Pong, payload);
    }

    /// <summary>
    /// A close frame (unmasked) as an array. The reason is cut at 123 bytes, at the border of a character.
    /// <see cref="CloseCode.NoStatus"/> gives an empty close frame, the answer to one without a code.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The code may not stand in a close frame.</exception>
    public static byte[] CloseFrame(int code, string reason = "")
    {
        Span<byte> payload = stackalloc byte[MaxControlPayload];
        return Frame(Opcode.Close, payload[..WriteClosePayload(payload, code, reason)]);
    }

    /// <summary>As <see cref="CloseFrame"/>, into a buffer.</summary>
    public static void WriteClose(IBufferWriter<byte> output, int code, string reason = "")
    {
        Span<byte> payload = stackalloc byte[MaxControlPayload];
        Write(output, Opcode.Close, payload[..WriteClosePayload(payload, code, reason)]);
    }

    /// <summary>Writes one masked frame, as clients must send them.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="opcode">Frame type.</param>
    /// <param name="payload">Bytes before masking.</param>
    /// <param name="key">Masking key: its bytes in wire order, read as a little-endian number. Unpredictable outside tests.</param>
    /// <param name="rsv1">Set for the first frame of a compressed message.</param>
    /// <param name="final">Whether this is the last frame of its message.</param>
    public static void WriteMasked(IBufferWriter<byte> output, Opcode opcode, ReadOnlySpan<byte> payload, uint key, bool rsv1 = false, bool final = true)
    {
        ArgumentNullException.ThrowIfNull(output);
        Span<byte> target = output.GetSpan(FrameSize(payload.Length) + 4);
        int header = WriteHeader(target, opcode, payload.Length, rsv1, final);
        target[1] |= 0x80;
        BinaryPrimitives.WriteUInt32LittleEndian(target[header..], key);
        Masking.Apply(target[(header + 4)..], payload, key);
        output.Advance(header + 4 + payload.Length);
    }

    private static void RequireControlSize(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxControlPayload)
        {
            throw new ArgumentException("A control frame carries at most 125 bytes (RFC 6455 §5.5).", nameof(payload));
        }
    }

    /// <summary>Code and reason of a close frame, at most 125 bytes.</summary>
    private static int WriteClosePayload(Span<byte> payload, int code, string reason)
    {
        if (code == CloseCode.NoStatus)
        {
            return 0;
        }

        if (!CloseCode.IsValidOnWire(code))
        {
            throw new ArgumentOutOfRangeException(nameof(code), code, "This code may not be sent in a close frame (RFC 6455 §7.4).");
        }

        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);

        // FromUtf16 stops at the last character that fits; lone surrogates become U+FFFD, so the peer always gets UTF-8.
        System.Text.Unicode.Utf8.FromUtf16(reason, payload.Slice(2, MaxCloseReason), out _, out int written);
        return 2 + written;
    }
}
