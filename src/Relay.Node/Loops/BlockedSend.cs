using System.Threading.Tasks.Sources;

namespace Relay.Node.Loops;

/// <summary>
/// One send that waits for a full socket, with its deadline. Small pieces are gathered before each system call. Thread-safe: whoever starts it and the
/// loop that reports room may meet.
/// </summary>
internal sealed class BlockedSend : IValueTaskSource<bool>, IDisposable
{
    /// <summary>Pieces below this size are copied together; a larger one goes out from where it is.</summary>
    private const int GatherBytes = 16 * 1024;

    [ThreadStatic]
    private static byte[]? t_gathered;

    private readonly LoopConnection _owner;
    private readonly IList<ArraySegment<byte>> _segments;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private ManualResetValueTaskSourceCore<bool> _done = new() { RunContinuationsAsynchronously = true };
    private int _segment;
    private int _offset;
    private bool _completed;

    /// <param name="owner">The socket; aborted when the deadline passes.</param>
    /// <param name="segments">What to send.</param>
    /// <param name="time">Clock of the deadline.</param>
    /// <param name="limit">The send must end within this time.</param>
    public BlockedSend(LoopConnection owner, IList<ArraySegment<byte>> segments, TimeProvider time, TimeSpan limit)
    {
        _owner = owner;
        _segments = segments;
        _timer = time.CreateTimer(static state => ((BlockedSend)state!)._owner.Abort(), this, limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when all was sent, false when the socket broke.</summary>
    public ValueTask<bool> Completion => new(this, _done.Version);

    /// <summary>Sends what the socket takes now.</summary>
    public void Advance()
    {
        lock (_gate)
        {
            while (!_completed && SkipEmpty())
            {
                var sent = _owner.TrySend(NextPiece());
                if (sent == 0)
                {
                    return;
                }

                if (sent < 0)
                {
                    Complete(false);
                    return;
                }

                Skip(sent);
            }

            Complete(true);
        }
    }

    /// <summary>The socket is gone.</summary>
    public void Fail()
    {
        lock (_gate)
        {
            Complete(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    bool IValueTaskSource<bool>.GetResult(short token) => _done.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _done.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _done.OnCompleted(continuation, state, token, flags);

    private void Complete(bool sent)
    {
        if (!_completed)
        {
            _completed = true;
            _timer.Dispose();
            _done.SetResult(sent);
        }
    }

    /// <summary>False when nothing is left.</summary>
    private bool SkipEmpty()
    {
        while (_segment < _segments.Count && _offset == _segments[_segment].Count)
        {
            _segment++;
            _offset = 0;
        }

        return _segment < _segments.Count;
    }

    private void Skip(int bytes)
    {
        while (bytes > 0)
        {
            var taken = Math.Min(bytes, _segments[_segment].Count - _offset);
            bytes -= taken;
            _offset += taken;
            SkipEmpty();
        }
    }

    private ReadOnlySpan<byte> NextPiece()
    {
        ReadOnlySpan<byte> first = _segments[_segment].AsSpan(_offset);
        if (first.Length >= GatherBytes || _segment + 1 == _segments.Count)
        {
            return first;
        }

        var gathered = t_gathered ??= GC.AllocateUninitializedArray<byte>(2 * GatherBytes);
        first.CopyTo(gathered);
        var length = first.Length;
        for (var next = _segment + 1; next < _segments.Count && length + _segments[next].Count <= gathered.Length; next++)
        {
            _segments[next].AsSpan().CopyTo(gathered.AsSpan(length));
            length += _segments[next].Count;
        }

        return gathered.AsSpan(0, length);
    }
}
