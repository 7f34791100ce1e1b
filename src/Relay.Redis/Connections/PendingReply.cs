using System.Threading.Tasks.Sources;
using Relay.Redis.Resp;

namespace Relay.Redis.Connections;

/// <summary>
/// The promise of one answer, reused after it was awaited. Completed once, by whoever took it out of the queue of commands in flight:
/// the reader (answer), the watch (time-out) or the end of the connection. A promise that timed out has left its queue entry, so the late
/// answer finds nothing to complete and a reused promise can never receive somebody else's answer.
/// </summary>
/// <remarks>Continuations run on the thread pool: one that blocks must not hold up the answers behind it.</remarks>
internal sealed class PendingReply(PendingReplyPool pool) : IValueTaskSource<RedisValue>
{
    private ManualResetValueTaskSourceCore<RedisValue> _core = new() { RunContinuationsAsynchronously = true };

    public ValueTask<RedisValue> Task => new(this, _core.Version);

    public void Answer(in RedisValue value) => _core.SetResult(value);

    public void Fail(RedisException error) => _core.SetException(error);

    RedisValue IValueTaskSource<RedisValue>.GetResult(short token)
    {
        // Throws for a second await of the same ValueTask, before anything is given back to the pool.
        if (_core.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("The answer has not arrived; await the ValueTask instead of asking for its result.");
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            pool.Return(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource<RedisValue>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<RedisValue>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}

/// <summary>Bounded store of promises between uses. Safe for concurrent use.</summary>
internal sealed class PendingReplyPool
{
    // Enough for the commands in flight of a busy node; a burst beyond it is left to the garbage collector.
    private const int Kept = 4096;

    private readonly Lock _gate = new();
    private readonly Stack<PendingReply> _free = new();

    public PendingReply Rent()
    {
        lock (_gate)
        {
            if (_free.TryPop(out var reply))
                return reply;
        }

        return new PendingReply(this);
    }

    public void Return(PendingReply reply)
    {
        lock (_gate)
        {
            if (_free.Count < Kept)
                _free.Push(reply);
        }
    }
}
