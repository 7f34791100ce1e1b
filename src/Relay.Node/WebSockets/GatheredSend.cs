using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Relay.Node.WebSockets;

/// <summary>
/// One asynchronous gathered send (<c>sendmsg</c>) that waits for a full socket, with its deadline. Owned by one
/// <see cref="SocketTransport.SendAsync"/> at a time; rented, because only connections that are blocked need one.
/// </summary>
internal sealed class GatheredSend : SocketAsyncEventArgs, IValueTaskSource<bool>
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;
    private ManualResetValueTaskSourceCore<bool> _core;
    private ClientTransport? _owner;
    private long _started;
    private int _expected;

    // The argument: do not flow the execution context, which would cost an allocation per send and carry nothing.
    public GatheredSend(TimeProvider time, TimeSpan limit)
        : base(true)
    {
        _time = time;
        _limit = limit;
        _timer = time.CreateTimer(static state => ((GatheredSend)state!).OnDeadline(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Sends everything; false when the socket broke or the deadline passed (the owner is then aborted).</summary>
    public ValueTask<bool> RunAsync(Socket socket, IList<ArraySegment<byte>> segments, ClientTransport owner)
    {
        _core.Reset();
        _expected = 0;
        foreach (var segment in segments)
        {
            _expected += segment.Count;
        }

        BufferList = segments;
        _started = _time.GetTimestamp();
        Volatile.Write(ref _owner, owner);
        try
        {
            if (!socket.SendAsync(this))
            {
                return ValueTask.FromResult(Result());
            }
        }
        catch (ObjectDisposedException)
        {
            return ValueTask.FromResult(false);
        }

        _timer.Change(_limit, Timeout.InfiniteTimeSpan);
        return new ValueTask<bool>(this, _core.Version);
    }

    /// <summary>Forgets the send before it goes back to the pool.</summary>
    public void Clear()
    {
        Volatile.Write(ref _owner, null);
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        BufferList = null;
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <summary>Ends the timer too; only the pool disposes.</summary>
    public void Destroy()
    {
        _timer.Dispose();
        Dispose();
    }

    protected override void OnCompleted(SocketAsyncEventArgs e) => _core.SetResult(Result());

    // A stream socket's send completes with all bytes or with an error; anything less would tear a frame.
    private bool Result() => SocketError == SocketError.Success && BytesTransferred == _expected;

    private void OnDeadline()
    {
        if (Volatile.Read(ref _owner) is not { } owner)
        {
            return;
        }

        // The timer may fire for the send before this one, and by a clock coarser than the one asked here a little too early: then it must be set again.
        var rest = _limit - _time.GetElapsedTime(_started);
        if (rest > TimeSpan.Zero)
        {
            _timer.Change(rest + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
            return;
        }

        owner.Abort();
    }
}

/// <summary>Keeps a bounded number of <see cref="GatheredSend"/> for reuse. Thread-safe.</summary>
internal sealed class GatheredSendPool(TimeProvider time, TimeSpan limit)
{
    // More clients than this blocked at once is a flood of slow readers; then each pays for its own.
    private const int MaxKept = 256;

    private readonly ConcurrentBag<GatheredSend> _free = [];
    private int _kept;

    public GatheredSend Rent()
    {
        if (_free.TryTake(out var send))
        {
            Interlocked.Decrement(ref _kept);
            return send;
        }

        return new GatheredSend(time, limit);
    }

    public void Return(GatheredSend send)
    {
        send.Clear();
        if (Interlocked.Increment(ref _kept) <= MaxKept)
        {
            _free.Add(send);
            return;
        }

        Interlocked.Decrement(ref _kept);
        send.Destroy();
    }
}
