namespace Relay.Actors.Connections;

/// <summary>
/// Who receives what a client's socket read: the relay's <see cref="ClientConnection"/>, or the echo of conformance suites. All calls come from the
/// connection's read loop, one at a time, in the order of the bytes; none blocks.
/// </summary>
public interface IMessageHandler
{
    /// <summary>One complete message, unmasked and inflated, valid UTF-8 when it is text. The bytes are only valid during the call.</summary>
    void OnMessage(ReadOnlySpan<byte> message, bool binary);

    /// <summary>A ping; the handler answers with a pong of the same payload.</summary>
    void OnPing(ReadOnlySpan<byte> payload);

    /// <summary>One socket read, of so many bytes; its messages were given. For who counts them.</summary>
    void OnRead(int bytes)
    {
    }

    /// <summary>
    /// Everything decoded from one socket read was given. The loop reads on only when the task completes: this is how a client that sends faster
    /// than its channels accept is slowed down by TCP. The task may complete inside the handler's own work: its continuation must be short and go on elsewhere.
    /// </summary>
    /// <param name="messageIncomplete">True when the read ended inside a message or a frame header; the handler runs the deadline for that.</param>
    ValueTask OnReadCompletedAsync(bool messageIncomplete);

    /// <summary>The peer sent a close frame (code 1005 when it had none); the handler answers with one.</summary>
    void OnCloseReceived(int code, string reason);

    /// <summary>The peer broke the protocol or a limit; the handler sends this close code.</summary>
    void OnProtocolError(int code, string reason);

    /// <summary>The reading half has ended, for whatever reason; the last call. <paramref name="error"/> is null after a regular close or FIN.</summary>
    void OnDisconnected(Exception? error);
}
