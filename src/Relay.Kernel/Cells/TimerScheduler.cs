namespace Relay.Kernel.Cells;

/// <summary>Timers of one cell. Owned by the cell's turn.</summary>
internal sealed class TimerScheduler(ActorCell cell) : ITimerScheduler
{
    private readonly Dictionary<object, TimerTick> _active = [];

    public void StartSingle(object key, object message, TimeSpan delay) => Start(key, message, delay, isPeriodic: false);

    public void StartPeriodic(object key, object message, TimeSpan interval)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(interval, TimeSpan.Zero);
        Start(key, message, interval, isPeriodic: true);
    }

    public void Cancel(object key)
    {
        if (_active.Remove(key, out var tick))
        {
            tick.Dispose();
        }
    }

    public void CancelAll()
    {
        foreach (var tick in _active.Values)
        {
            tick.Dispose();
        }

        _active.Clear();
    }

    public bool IsActive(object key) => _active.ContainsKey(key);

    /// <summary>Whether the tick is of the current timer of its key; a single one is used up by that.</summary>
    internal bool Accept(TimerTick tick)
    {
        if (!_active.TryGetValue(tick.Key, out var current) || !ReferenceEquals(current, tick))
        {
            return false;
        }

        if (!tick.IsPeriodic)
        {
            _active.Remove(tick.Key);
            tick.Dispose();
        }

        return true;
    }

    private void Start(object key, object message, TimeSpan time, bool isPeriodic)
    {
        ArgumentNullException.ThrowIfNull(message);
        Cancel(key);
        var tick = new TimerTick(cell, this, key, message, isPeriodic);
        _active.Add(key, tick);
        tick.Start(time < TimeSpan.Zero ? TimeSpan.Zero : time);
    }
}

/// <summary>
/// One incarnation of a timer, and the message it puts into the mailbox: being the same object as the active timer of its key is
/// what a generation number would say.
/// </summary>
internal sealed class TimerTick(ActorCell cell, TimerScheduler owner, object key, object message, bool isPeriodic) : AutoReceivedMessage, IDisposable
{
    private ITimer? _timer;
    private int _queued;
    private volatile bool _disposed;

    public object Key => key;

    public bool IsPeriodic => isPeriodic;

    internal override object UserMessage => message;

    public void Start(TimeSpan time)
    {
        _timer = cell.System.Time.CreateTimer(
            static state => ((TimerTick)state!).Fire(), this, time, isPeriodic ? time : Timeout.InfiniteTimeSpan);
    }

    public bool Accept()
    {
        Volatile.Write(ref _queued, 0);
        return owner.Accept(this);
    }

    public void Dispose()
    {
        _disposed = true;
        _timer?.Dispose();
    }

    private void Fire()
    {
        if (!_disposed && Interlocked.Exchange(ref _queued, 1) == 0)
        {
            cell.Tell(this);
        }
    }
}

/// <summary>
/// The receive timeout of one cell, and the message its clock puts into the mailbox. A message only sets a flag; the time is read once
/// per turn and the clock is set again only when it rings, so a busy actor pays next to nothing.
/// </summary>
internal sealed class ReceiveTimer : AutoReceivedMessage, IDisposable
{
    private readonly ActorCell _cell;
    private readonly ITimer _timer;
    private long _lastActivity;

    public ReceiveTimer(ActorCell cell, TimeSpan duration)
    {
        _cell = cell;
        Duration = duration;
        _lastActivity = cell.System.Time.GetTimestamp();
        _timer = cell.System.Time.CreateTimer(static state => ((ReceiveTimer)state!).Ring(), this, duration, Timeout.InfiniteTimeSpan);
    }

    public TimeSpan Duration { get; }

    /// <summary>A message was handled in this turn.</summary>
    public bool Touched { get; set; }

    public void EndTurn()
    {
        if (Touched)
        {
            Touched = false;
            _lastActivity = _cell.System.Time.GetTimestamp();
        }
    }

    /// <summary>Whether the time is really over; sets the clock again either way.</summary>
    public bool IsDue()
    {
        var left = Touched ? Duration : Duration - _cell.System.Time.GetElapsedTime(_lastActivity);
        if (left > TimeSpan.Zero)
        {
            // Timers count in milliseconds: without rounding up the rest would ring at once, again and again.
            _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
            return false;
        }

        _lastActivity = _cell.System.Time.GetTimestamp();
        _timer.Change(Duration, Timeout.InfiniteTimeSpan);
        return true;
    }

    public void Dispose() => _timer.Dispose();

    private void Ring() => _cell.Tell(this);
}
