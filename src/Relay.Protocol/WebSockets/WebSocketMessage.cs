using System.Text;

namespace Relay.Protocol.WebSockets;

/// <summary>What <see cref="FrameReader"/> found.</summary>
public enum FrameStatus
{
    /// <summary>All input was taken; nothing complete is left in it.</summary>
    NeedMoreData,

    /// <summary>A complete message (data or control) is in the out parameter; call again for the next one.</summary>
    Message,

    /// <summary>The peer broke a rule: <see cref="FrameReader.Error"/> says which code to close with. Reported once.</summary>
    ProtocolError,

    /// <summary>A close frame or an error was reported before; everything after it is swallowed (RFC 6455 §5.5.1).</summary>
    Ended,
}

/// <summary>Kinds of complete messages; the values equal the opcodes.</summary>
public enum MessageKind : byte
{
    Text = Opcode.Text,
    Binary = Opcode.Binary,
    Close = Opcode.Close,
    Ping = Opcode.Ping,
    Pong = Opcode.Pong,
}

/// <summary>Which side of the connection reads: it decides who must mask (RFC 6455 §5.1).</summary>
public enum FrameRole
{
    /// <summary>Reads frames of clients: every frame must be masked.</summary>
    Server,

    /// <summary>Reads frames of a server: no frame may be masked.</summary>
    Client,
}

/// <summary>Why a connection must be closed.</summary>
/// <param name="Code">Close code to send.</param>
/// <param name="Reason">Short text, at most 123 bytes, safe to send to the peer.</param>
public readonly record struct FrameError(int Code, string Reason);

/// <summary>
/// One complete message, unmasked, inflated and, for text and close reasons, valid UTF-8.
/// <see cref="Payload"/> lies in a buffer of the reader: it is valid until the next call to that reader.
/// </summary>
public readonly struct WebSocketMessage
{
    internal WebSocketMessage(MessageKind kind, ReadOnlyMemory<byte> payload, int closeCode = 0)
    {
        Kind = kind;
        Payload = payload;
        CloseCode = closeCode;
    }

    public MessageKind Kind { get; }

    /// <summary>Message bytes; for a close frame the reason's bytes without the code.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    public ReadOnlySpan<byte> Span => Payload.Span;

    /// <summary>Code of a close frame; <see cref="WebSockets.CloseCode.NoStatus"/> when it carried none; 0 for other kinds.</summary>
    public int CloseCode { get; }

    /// <summary>The payload as a string: for text and close reasons (allocates).</summary>
    public string Text => Encoding.UTF8.GetString(Payload.Span);
}
