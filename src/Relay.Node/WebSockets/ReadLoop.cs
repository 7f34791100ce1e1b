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
    public static async Task RunAsync(PipedTransport transport, FrameReader frames, IMessageHandler handler, ConnectionGroup group)
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
                handler.OnRead((int)result.Buffer.Length);
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
                        // The handler says so in the middle of its own work, often an actor's turn: reading on belongs on a thread of the pool.
                        await accepted;
                        await Task.Yield();
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
    public static async Task DrainAsync(PipedTransport transport)
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

    private static bool Deliver(in ReadOnlySequence<byte> buffer, FrameReader frames, IMessageHandler handler, PipedTransport transport)
    {
        foreach (var part in buffer)
        {
            if (!FrameDelivery.Deliver(part.Span, frames, handler, transport))
            {
                return false;
            }
        }

        return true;
    }

    [LoggerMessage(LogLevel.Error, "a connection's handler failed; the connection is dropped")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
