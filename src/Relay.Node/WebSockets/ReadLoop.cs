using System.Buffers;
using System.IO.Pipelines;
using Relay.Actors.Connections;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>
/// Reads one client's frames from the end of the handshake to the end of the connection. The only code that calls the client's handler.
/// <para>
/// Between reads it holds no buffer: the pipe waits for data before it takes one, all input is given to the frame reader, and that one keeps
/// bytes only of an unfinished message. So an idle connection costs this state machine, its reader and its transport.
/// </para>
/// <para>
/// Three phases. <i>Reading</i>: messages go to the handler. <i>Said goodbye</i>: the peer sent its close frame or broke a rule; the handler has
/// been told and must finish the transport within the close timeout. <i>Finishing</i>: the last byte is out; input is discarded until
/// the peer's close frame or FIN or until the linger is over. Nothing the peer does keeps the loop in the last two.
/// </para>
/// </summary>
internal static partial class ReadLoop
{
    /// <summary>
    /// Runs until the connection is over; never throws. <see cref="IMessageHandler.OnDisconnected"/> is called exactly once, last.
    /// </summary>
    /// <param name="transport">Both halves; frames begin with the first byte behind the request head.</param>
    /// <param name="frames">A fresh reader; disposed here.</param>
    /// <param name="handler">The client's handler.</param>
    /// <param name="group">What it is counted with, and its limits.</param>
    public static async Task RunAsync(ClientTransport transport, FrameReader frames, IMessageHandler handler, ConnectionGroup group)
    {
        Exception? failure = null;
        try
        {
            var reading = true;
            while (true)
            {
                var result = await transport.Input.ReadAsync();
                var ended = result.IsCompleted;

                // Asked before the read is looked at: the answer to a close frame may finish the transport at once, and what came before that frame in the
                // same read is still to be handled. Senders that fire and forget write their messages and the close together.
                var wasReading = reading && !transport.IsFinishing;
                reading &= Deliver(result.Buffer, frames, handler, transport);
                transport.Input.AdvanceTo(result.Buffer.End);
                if (wasReading)
                {
                    if (!reading && !transport.IsFinishing)
                    {
                        transport.ExpectFinish(group.CloseTimeout);
                    }

                    var accepted = handler.OnReadCompletedAsync(frames.IsMessageIncomplete);
                    if (!accepted.IsCompletedSuccessfully)
                    {
                        await accepted;
                    }
                }

                if (ended && !reading && !transport.IsFinishing)
                {
                    // The peer said goodbye and hung up; the answer is owed all the same.
                    await transport.WhenFinishing();
                }

                if (ended || transport.IsOver || (!reading && transport.IsFinishing && !transport.WaitsForFin && frames.Error == default))
                {
                    break;
                }
            }
        }
        catch (Exception error)
        {
            failure = error;
            if (error is not IOException and not OperationCanceledException)
            {
                LogFailed(group.Logger, error);
                transport.Abort();
            }
        }

        transport.End();
        frames.Dispose();
        group.Closed();
        try
        {
            handler.OnDisconnected(failure);
        }
        catch (Exception error)
        {
            LogFailed(group.Logger, error);
        }
    }

    /// <summary>Discards input until the peer's FIN, the linger's end, or an error: the end of a refused connection.</summary>
    public static async Task DrainAsync(ClientTransport transport)
    {
        try
        {
            var result = default(ReadResult);
            while (!result.IsCompleted && !transport.IsOver)
            {
                result = await transport.Input.ReadAsync();
                transport.Input.AdvanceTo(result.Buffer.End);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // The peer reset the connection: it is over as well.
        }

        transport.End();
    }

    /// <summary>
    /// Gives all complete messages to the handler; once the transport is finishing they are only looked at for the peer's close frame. False after goodbye.
    /// </summary>
    private static bool Deliver(in ReadOnlySequence<byte> buffer, FrameReader frames, IMessageHandler handler, ClientTransport transport)
    {
        var rest = buffer;
        while (true)
        {
            var status = frames.Read(ref rest, out var message);
            if (status == FrameStatus.NeedMoreData)
            {
                return true;
            }

            if (status == FrameStatus.Ended)
            {
                return false;
            }

            var deaf = transport.IsFinishing;
            if (status == FrameStatus.ProtocolError)
            {
                if (!deaf)
                {
                    handler.OnProtocolError(frames.Error.Code, frames.Error.Reason);
                }

                return false;
            }

            if (!deaf)
            {
                Dispatch(message, handler);
            }

            if (message.Kind == MessageKind.Close)
            {
                return false;
            }
        }
    }

    private static void Dispatch(in WebSocketMessage message, IMessageHandler handler)
    {
        switch (message.Kind)
        {
            case MessageKind.Text:
            case MessageKind.Binary:
                handler.OnMessage(message.Span, message.Kind == MessageKind.Binary);
                break;
            case MessageKind.Ping:
                handler.OnPing(message.Span);
                break;
            case MessageKind.Close:
                handler.OnCloseReceived(message.CloseCode, message.Text);
                break;
            default:
                // A pong: that something was received is all it says, and OnReadCompletedAsync tells that.
                break;
        }
    }

    [LoggerMessage(LogLevel.Error, "a connection's handler failed; the connection is dropped")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
