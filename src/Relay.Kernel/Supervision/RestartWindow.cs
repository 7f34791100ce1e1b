namespace Relay.Kernel;

/// <summary>How often and how soon a failing child is restarted. Immutable.</summary>
public sealed record RestartLimits
{
    /// <summary>Restarts at once and without limit: Akka's default.</summary>
    public static RestartLimits Unlimited { get; } = new();

    /// <summary>Most restarts within <see cref="Window"/>; the failure after that stops the child. Negative: no limit.</summary>
    public int MaxRestarts { get; init; } = -1;

    /// <summary>The sliding window for <see cref="MaxRestarts"/>. Infinite by default: the child's whole life.</summary>
    public TimeSpan Window { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Wait before the first restart; zero restarts at once, always.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.Zero;

    /// <summary>The wait doubles from failure to failure up to this bound.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Each wait is prolonged by a random share of up to this fraction, so that many children which lost the same resource do not
    /// come back in the same instant (Akka's randomFactor; 0.2 is the value its documentation recommends).
    /// </summary>
    public double Jitter { get; init; } = 0.2;

    /// <summary>A child that ran this long after a restart starts again with <see cref="MinBackoff"/>.</summary>
    public TimeSpan ResetBackoffAfter { get; init; } = TimeSpan.FromSeconds(30);

    // Timers of .NET end at 49 days; a jitter of 1 doubles the wait.
    private static TimeSpan LongestBackoff => TimeSpan.FromDays(24);

    internal void Check()
    {
        Require(MinBackoff >= TimeSpan.Zero, nameof(MinBackoff), "not be below zero");
        Require(MaxBackoff >= MinBackoff && MaxBackoff <= LongestBackoff, nameof(MaxBackoff), "lie between MinBackoff and 24 days");
        Require(Jitter is >= 0 and <= 1, nameof(Jitter), "lie between 0 and 1");
        Require(Window == Timeout.InfiniteTimeSpan || Window > TimeSpan.Zero, nameof(Window), "be above zero or infinite");
    }

    private static void Require(bool holds, string setting, string rule)
    {
        if (!holds)
        {
            throw new ArgumentException($"RestartLimits.{setting} must {rule}", nameof(setting));
        }
    }
}

/// <summary>
/// The restarts of one child. No clock and no randomness of its own: both are arguments, so every rule is tested in
/// microseconds. Owned by the supervisor's turn.
/// </summary>
public sealed class RestartWindow(RestartLimits limits)
{
    // Only as many as MaxRestarts, and only while a limit within a window is set.
    private readonly Queue<TimeSpan> _recent = new();
    private int _total;
    private int _streak;
    private TimeSpan _runningSince;

    /// <summary>Decides on one failure.</summary>
    /// <param name="now">Time since any fixed point; never falls.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    /// <param name="delay">The wait before the restart.</param>
    /// <returns>False when the child has used up its restarts and must be stopped.</returns>
    public bool TryRestart(TimeSpan now, double random, out TimeSpan delay)
    {
        delay = TimeSpan.Zero;
        if (!Admit(now))
        {
            return false;
        }

        // Quiet time counts from the restart, not from the failure: else a wait as long as ResetBackoffAfter would itself look like health.
        if (_streak > 0 && now - _runningSince >= limits.ResetBackoffAfter)
        {
            _streak = 0;
        }

        delay = Delay(_streak, random);
        _streak++;
        _runningSince = now + delay;
        return true;
    }

    private bool Admit(TimeSpan now)
    {
        if (limits.MaxRestarts < 0)
        {
            return true;
        }

        if (limits.Window == Timeout.InfiniteTimeSpan)
        {
            return _total++ < limits.MaxRestarts;
        }

        while (_recent.TryPeek(out var oldest) && now - oldest >= limits.Window)
        {
            _recent.Dequeue();
        }

        if (_recent.Count >= limits.MaxRestarts)
        {
            return false;
        }

        _recent.Enqueue(now);
        return true;
    }

    private TimeSpan Delay(int streak, double random)
    {
        // 2^30 times any useful minimum is beyond any useful maximum; the bound keeps the shift from overflowing.
        var plain = Math.Min(limits.MaxBackoff.Ticks, limits.MinBackoff.Ticks * (double)(1L << Math.Min(streak, 30)));
        return TimeSpan.FromTicks((long)(plain * (1 + (limits.Jitter * random))));
    }
}
