using Microsoft.Extensions.Logging;

namespace Relay.Actors.Limits;

/// <content>How busy the node is, and how much memory it uses.</content>
public sealed partial class NodeLimits
{
    /// <summary>Between two collections that are asked for because memory is short.</summary>
    private static readonly TimeSpan CollectPause = TimeSpan.FromSeconds(5);

    private readonly Congestion _congestion = new();
    private MemoryGuard _memory;
    private long _memoryUsed;
    private long _collectedAt = long.MinValue / 2;
    private long _sheddingSince;

    /// <summary>How long what comes in waits for its turn.</summary>
    public TimeSpan Delay => _congestion.Delay;

    /// <summary>Whether new work is refused because it would wait too long.</summary>
    public bool IsShedding => _congestion.IsShedding;

    /// <summary>Whether clients that send on although they are refused are to be read later.</summary>
    internal bool HoldsBack => _congestion.HoldsBack;

    /// <summary>Bytes in use when they were looked at last.</summary>
    public long MemoryUsed => Volatile.Read(ref _memoryUsed);

    /// <summary>What is not done any more for want of memory.</summary>
    public MemoryLevel Memory => _memory.Level;

    /// <summary>A client has been sending faster than it is read for so long.</summary>
    internal void Behind(TimeSpan time)
    {
        if (Current.QueueDelay is var target && target > TimeSpan.Zero && time > target)
        {
            _congestion.FallsBehind();
        }
    }

    /// <summary>Something waited so long for its turn; by one thread at a time.</summary>
    internal void Sample(TimeSpan delay) => _congestion.Sample(delay);

    /// <summary>A round of <see cref="Congestion.Round"/> is over; by the same.</summary>
    internal void TurnLoad()
    {
        var target = Current.QueueDelay;
        if (!_congestion.Turn(target))
        {
            return;
        }

        if (_congestion.IsShedding)
        {
            _sheddingSince = Now;
            LogOverloaded(_congestion.Delay.TotalMilliseconds, target.TotalMilliseconds);
        }
        else
        {
            LogCalm(TimeSpan.FromTicks(Now - _sheddingSince).TotalSeconds);
        }
    }

    /// <summary>Compares memory with its budget; true when the node should collect its garbage, to see what of it is in use. By one thread at a time.</summary>
    public bool LookAtMemory(long used)
    {
        var budget = Current.MemoryBudget;
        Volatile.Write(ref _memoryUsed, used);
        if (_memory.Update(used, budget))
        {
            LogMemory(_memory.Level is MemoryLevel.Fine ? LogLevel.Information : LogLevel.Warning, used >> 20, budget >> 20, _memory.Level switch
            {
                MemoryLevel.Fine => "everything is done again",
                MemoryLevel.NoConnections => "no new connections",
                MemoryLevel.NoWork => "no new connections, publishes and subscriptions",
                _ => "no new work, and the clients that let most wait for them are cut off",
            });
        }

        if (_memory.Level == MemoryLevel.Fine || Now - _collectedAt < CollectPause.Ticks)
        {
            return false;
        }

        _collectedAt = Now;
        return true;
    }

    [LoggerMessage(LogLevel.Warning, "overloaded: what comes in waits {Delay:0} ms for its turn, more than {Target:0} ms (Relay:Limits:QueueDelay): the publishes of those who send most are refused until it does not, and new connections if it gets much worse")]
    private partial void LogOverloaded(double delay, double target);

    [LoggerMessage(LogLevel.Information, "not overloaded any more, after {Seconds:0.0} s")]
    private partial void LogCalm(double seconds);

    [LoggerMessage(Message = "memory: {Used} of {Budget} MiB (Relay:Limits:MemoryBudget) in use: {Consequence}")]
    private partial void LogMemory(LogLevel level, long used, long budget, string consequence);
}
