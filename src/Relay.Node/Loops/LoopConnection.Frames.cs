using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Relay.Node.WebSockets;

namespace Relay.Node.Loops;

/// <content>Behind the 101: from bytes to the handler.</content>
internal sealed partial class LoopConnection
{
    private void ReadFrames()
    {
        while (true)
        {
            if (IsOver || (_ended && (_reading || IsFinishing)))
            {
                Close();
                return;
            }

            // After an end that followed goodbye the answer is owed all the same: whoever finishes wakes this.
            if (_ended || Volatile.Read(ref _waits) || !TakeReadable(out var hangup))
            {
                return;
            }

            CheckTaken();
            for (var reads = 1; ; reads++)
            {
                var received = Receive(0, out var error, FrameReadBytes);
                if (received <= 0)
                {
                    if (error != LibC.EAGAIN)
                    {
                        _ended = true;
                        _failure = FailureOf(error);
                    }

                    break;
                }

                Take(Scratch.AsSpan(0, received));
                if (received < FrameReadBytes && !hangup)
                {
                    break;
                }

                if (_waits || IsOver || reads == ReadsPerTurn)
                {
                    Interlocked.Or(ref _events, LibC.EPOLLIN | (hangup ? Hangup : 0));
                    if (!_waits)
                    {
                        Wake();
                        return;
                    }

                    break;
                }
            }
        }
    }

    /// <summary>Null after a FIN.</summary>
    private static IOException? FailureOf(int error) => error switch
    {
        0 => null,
        LibC.ECONNRESET => new ConnectionResetException(Marshal.GetPInvokeErrorMessage(error)),
        _ => new IOException(Marshal.GetPInvokeErrorMessage(error)),
    };

    /// <summary>One read: its messages to the handler, which may take its time with them.</summary>
    private void Take(ReadOnlySpan<byte> bytes)
    {
        // Asked before the read is looked at: the answer to a close frame may finish the transport at once, and what came before that frame in the
        // same read is still to be handled. Senders that fire and forget write their messages and the close together.
        var wasReading = _reading && !IsFinishing;
        _reading &= FrameDelivery.Deliver(bytes, _client.Frames, _client.Handler, this);
        _client.Handler.OnRead(bytes.Length);
        if (!wasReading)
        {
            return;
        }

        if (!_reading && !IsFinishing)
        {
            ExpectFinish(_client.Group.CloseTimeout);
        }

#pragma warning disable CA2012 // Kept so that waiting costs no state machine; CheckTaken is the one place that consumes it.
        _taken = _client.Handler.OnReadCompletedAsync(_client.Frames.IsMessageIncomplete);
#pragma warning restore CA2012
        if (!_taken.IsCompleted)
        {
            Volatile.Write(ref _waits, true);
            _taken.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_resume ??= Resume);
        }
        else
        {
            CheckTaken();
        }
    }

    // On the handler's thread, often within an actor's turn. What came meanwhile was marked, see OnEvents; both sides write their own mark before they look at the other's.
    private void Resume()
    {
        Interlocked.Exchange(ref _waits, false);
        if (Volatile.Read(ref _events) != 0)
        {
            Wake();
        }
    }

    /// <summary>Throws what the handler threw for the last read.</summary>
    private void CheckTaken()
    {
        var taken = _taken;
        _taken = default;
        taken.GetAwaiter().GetResult();
    }
}
