namespace Relay.Actors.Bridges;

/// <summary>
/// Pauses between attempts of a source's loop: doubling from 0.1 s to 5 s, each drawn from the upper half of its range, so that the nodes which lost the same server
/// do not come back in step. Owned by one loop.
/// </summary>
public sealed class RetryPause(Random random)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private TimeSpan _next = Shortest;

    /// <summary>The next pause.</summary>
    public TimeSpan Next()
    {
        var pause = _next * (0.5 + (random.NextDouble() / 2));
        _next = _next >= Longest / 2 ? Longest : _next * 2;
        return pause;
    }

    /// <summary>It works again.</summary>
    public void Reset() => _next = Shortest;
}
