using System.Buffers;
using System.Net.Sockets;

namespace Relay.Redis.Connections;

/// <summary>
/// Reading as a watcher reports input: one read, everything in it, and back to the watcher, all on its thread. Nothing waits and no other thread is woken, unless the
/// receiver is behind; then the watch pauses until it has caught up.
/// </summary>
/// <remarks>
/// The receiver of pushes relies on calls that do not overlap, over the end of a connection too. So the reading is over only when nothing of it runs any more:
/// <c>_readersGate</c> guards the two facts that decide it.
/// </remarks>
internal sealed partial class RedisConnection
{
    private readonly Lock _readersGate = new();
    private readonly TaskCompletionSource _readingOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReceiveBuffer? _received;
    private ISocketWatch? _watch;
    private bool _reading;
    private Exception? _readingEnds;

    /// <summary>False when the watcher does not take this socket.</summary>
    private bool TryReadWatched(ISocketWatcher watcher, Socket socket, out Task over)
    {
        _received = new ReceiveBuffer();
        over = _readingOver.Task;

        // Calls may begin before the watch is known here, and pausing needs it: they find a reading under way until it is.
        _reading = true;
        _watch = watcher.TryWatch(socket, OnReadable);
        if (_watch is null)
        {
            _received.Dispose();
            return false;
        }

        // Not disposed: the source is, when all loops have ended.
        _ = _ending.Token.UnsafeRegister(static state => ((RedisConnection)state!).EndReading(new OperationCanceledException()), this);
        DoneReading();
        return true;
    }

    private void OnReadable()
    {
        lock (_readersGate)
        {
            if (_reading || _readingEnds is not null)
                return;
            _reading = true;
        }

        try
        {
            var took = TakeReceivedAsync();
            if (took.IsCompletedSuccessfully)
                DoneReading();
            else
                FinishLater(took);
        }
        catch (Exception error)
        {
            EndReading(error);
            DoneReading();
        }
    }

    /// <summary>One read and everything in it.</summary>
    private ValueTask TakeReceivedAsync()
    {
        var read = _transport.Watchable!.Receive(_received!.Room(), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return ValueTask.CompletedTask;
        if (error != SocketError.Success)
            throw new SocketException((int)error);
        if (read == 0)
            throw new RedisException(RedisErrorKind.Unavailable, $"{_endpoint} closed the connection");
        _received.Add(read);
        _keepAlive.Received();
        var took = TakeAllAsync(new ReadOnlySequence<byte>(_received.Received), read);
        if (!took.IsCompletedSuccessfully)
            return KeepLaterAsync(took);
        _received.Keep(took.Result.Length);
        return ValueTask.CompletedTask;
    }

    private async ValueTask KeepLaterAsync(ValueTask<ReadOnlySequence<byte>> took)
    {
        var rest = await took;
        _received!.Keep(rest.Length);
    }

    private void FinishLater(ValueTask took)
    {
        _watch!.Pause();
        _ = FinishAsync(took);
    }

    private async Task FinishAsync(ValueTask took)
    {
        try
        {
            await took;
        }
        catch (Exception error)
        {
            EndReading(error);
        }

        if (DoneReading())
            _watch!.Resume();
    }

    /// <summary>False when it was the last.</summary>
    private bool DoneReading()
    {
        lock (_readersGate)
        {
            _reading = false;
            if (_readingEnds is null)
                return true;
        }

        CloseReading();
        return false;
    }

    private void EndReading(Exception why)
    {
        lock (_readersGate)
        {
            _readingEnds ??= why;
            if (_reading)
                return;
        }

        CloseReading();
    }

    private void CloseReading()
    {
        _watch!.Dispose();
        _received!.Dispose();
        if (_readingEnds is OperationCanceledException)
            _readingOver.TrySetCanceled(_ending.Token);
        else
            _readingOver.TrySetException(_readingEnds!);
    }
}
