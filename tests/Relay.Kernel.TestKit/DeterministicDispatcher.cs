namespace Relay.Kernel.TestKit;

/// <summary>
/// Runs the turns of any number of actor systems on the caller's thread, one at a time, choosing the next among the runnable ones
/// by the seed. The same seed and the same program give the same schedule; <see cref="TraceHash"/> proves it.
/// </summary>
public sealed class DeterministicDispatcher(int seed) : IDispatcher
{
    private const ulong OffsetBasis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    private readonly Random _random = new(seed);
    private readonly List<IActorTurn> _runnable = [];
    private readonly Lock _lock = new();
    private bool _running;

    public int Seed => seed;

    /// <summary>Continuations of asks stay on the one thread, within the schedule.</summary>
    public bool InlineContinuations => true;

    /// <summary>Turns run so far.</summary>
    public long Turns { get; private set; }

    /// <summary>Depends on every choice made and every actor run so far.</summary>
    public ulong TraceHash { get; private set; } = OffsetBasis;

    /// <summary>A bound against systems that never come to rest.</summary>
    public long MaxTurnsPerRun { get; init; } = 1_000_000;

    public bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return _runnable.Count == 0;
            }
        }
    }

    public void Schedule(IActorTurn turn)
    {
        lock (_lock)
        {
            _runnable.Add(turn);
        }
    }

    /// <summary>Runs turns until none is runnable.</summary>
    /// <returns>The number of turns run.</returns>
    /// <exception cref="InvalidOperationException">Called from within a turn, or <see cref="MaxTurnsPerRun"/> reached.</exception>
    public long RunUntilIdle()
    {
        long turns = 0;
        while (RunOne())
        {
            if (++turns > MaxTurnsPerRun)
            {
                throw new InvalidOperationException($"Still not idle after {MaxTurnsPerRun} turns (seed {seed})");
            }
        }

        return turns;
    }

    /// <summary>Runs one turn; false when none is runnable.</summary>
    public bool RunOne()
    {
        IActorTurn turn;
        lock (_lock)
        {
            if (_running)
            {
                throw new InvalidOperationException("A turn must not run other turns: it would leave the schedule");
            }

            if (_runnable.Count == 0)
            {
                return false;
            }

            turn = Take(_random.Next(_runnable.Count));
            _running = true;
        }

        try
        {
            turn.Execute();
        }
        finally
        {
            _running = false;
        }

        return true;
    }

    private IActorTurn Take(int index)
    {
        var turn = _runnable[index];
        Mix(((ulong)_runnable.Count << 32) | (uint)index);
        Mix((ulong)turn.Id);
        _runnable[index] = _runnable[^1];
        _runnable.RemoveAt(_runnable.Count - 1);
        Turns++;
        return turn;
    }

    private void Mix(ulong value) => TraceHash = (TraceHash ^ value) * Prime;
}
