namespace Relay.Cluster.Links;

/// <summary>When to try again: after a first wait, then after twice as long each time, up to a longest. Milliseconds.</summary>
internal sealed class RetryClock(long first, long longest)
{
    public const long Never = long.MaxValue;

    private long _wait;

    public long Deadline { get; private set; } = Never;

    public bool IsRunning => Deadline != Never;

    /// <summary>From the first wait on.</summary>
    public void Start(long now)
    {
        _wait = first;
        Deadline = now + first;
    }

    /// <summary>Tried again.</summary>
    public void Again(long now)
    {
        _wait = Math.Min(2 * _wait, Math.Max(first, longest));
        Deadline = now + _wait;
    }

    public void Stop() => Deadline = Never;
}
