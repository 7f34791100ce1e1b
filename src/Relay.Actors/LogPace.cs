namespace Relay.Actors;

/// <summary>
/// When one kind of line is logged: the first time at once, then at most once per <see cref="Interval"/> with the number since the last line, since what goes wrong
/// once often does so for every message. Thread-safe.
/// </summary>
/// <param name="time">Clock.</param>
internal sealed class LogPace(TimeProvider time)
{
    /// <summary>Between two lines of the same kind.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private long _total;
    private long _since;
    private long _loggedAt;

    /// <summary>Counts one more; true when a line is due.</summary>
    /// <param name="since">How many since the last line, this one included.</param>
    /// <param name="total">How many since the start.</param>
    public bool IsDue(out long since, out long total)
    {
        lock (_gate)
        {
            total = ++_total;
            since = ++_since;
            if (total > 1 && time.GetElapsedTime(_loggedAt) < Interval)
            {
                return false;
            }

            _since = 0;
            _loggedAt = time.GetTimestamp();
            return true;
        }
    }
}
