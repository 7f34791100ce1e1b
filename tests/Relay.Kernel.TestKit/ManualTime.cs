namespace Relay.Kernel.TestKit;

/// <summary>
/// A clock that stands still until told. Timers fire in the order of their due times (ties: in the order in which they were set) while
/// <see cref="Advance"/> runs; the clock reads each timer's due time while it fires. Thread-safe; one thread advances.
/// </summary>
public sealed class ManualTime : TimeProvider
{
    private static readonly DateTimeOffset Origin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock _lock = new();
    private readonly SortedSet<ManualTimer> _due = new(new DueOrder());
    private long _now;
    private long _sequence;
    private DateTimeOffset _origin = Origin;

    /// <summary>Called after each instant at which timers fired, and at the end: runs what they woke before time goes on.</summary>
    public Action? Settle { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Virtual time since the clock was made.</summary>
    public TimeSpan Elapsed => new(Volatile.Read(ref _now));

    /// <summary>When the next timer fires, as <see cref="Elapsed"/>; null when none is set.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            lock (_lock)
            {
                return _due.Min is { } next ? new TimeSpan(next.Due) : null;
            }
        }
    }

    public int ActiveTimers
    {
        get
        {
            lock (_lock)
            {
                return _due.Count;
            }
        }
    }

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _origin + Elapsed;
        }
    }

    /// <summary>Moves the wall clock only; timers and timestamps do not notice.</summary>
    public void JumpWallClock(TimeSpan by)
    {
        lock (_lock)
        {
            _origin += by;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Lets <paramref name="time"/> pass.</summary>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        var until = Elapsed + time;
        Settle?.Invoke();
        while (FireNextInstant(until.Ticks))
        {
            Settle?.Invoke();
        }

        lock (_lock)
        {
            Volatile.Write(ref _now, Math.Max(_now, until.Ticks));
        }

        Settle?.Invoke();
    }

    /// <summary>Lets time pass until the next timer has fired; false when none is set.</summary>
    public bool AdvanceToNext()
    {
        if (NextDue is not { } next)
        {
            return false;
        }

        Advance(next > Elapsed ? next - Elapsed : TimeSpan.Zero);
        return true;
    }

    private bool FireNextInstant(long until)
    {
        long instant;
        lock (_lock)
        {
            if (_due.Min is not { } first || first.Due > until)
            {
                return false;
            }

            instant = Math.Max(_now, first.Due);
            Volatile.Write(ref _now, instant);
        }

        while (TakeDue(instant) is { } timer)
        {
            timer.Callback(timer.State);
        }

        return true;
    }

    private ManualTimer? TakeDue(long instant)
    {
        lock (_lock)
        {
            if (_due.Min is not { } timer || timer.Due > instant)
            {
                return null;
            }

            _due.Remove(timer);
            if (timer.Period > 0)
            {
                timer.Due += timer.Period;
                timer.Sequence = ++_sequence;
                _due.Add(timer);
            }

            return timer;
        }
    }

    private sealed class DueOrder : IComparer<ManualTimer>
    {
        public int Compare(ManualTimer? x, ManualTimer? y)
        {
            var byDue = x!.Due.CompareTo(y!.Due);
            return byDue != 0 ? byDue : x.Sequence.CompareTo(y.Sequence);
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public TimerCallback Callback => callback;

        public object? State => state;

        // Keys of the set: changed only while the timer is not in it.
        public long Due { get; set; }

        public long Sequence { get; set; }

        public long Period { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                if (_disposed)
                {
                    return false;
                }

                time._due.Remove(this);
                Period = period == Timeout.InfiniteTimeSpan ? 0 : period.Ticks;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time._now + Math.Max(0, dueTime.Ticks);
                    Sequence = ++time._sequence;
                    time._due.Add(this);
                }

                return true;
            }
        }

        public void Dispose()
        {
            lock (time._lock)
            {
                _disposed = true;
                time._due.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
