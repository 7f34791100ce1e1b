namespace Relay.Redis.Connections;

/// <summary>
/// Pauses between attempts: doubling from a minimum to a maximum, each drawn from the upper half of its range, so that the nodes of a cluster
/// which lost the same server do not come back in step, and no pause is ever near zero. Owned by one supervisor loop.
/// </summary>
internal sealed class Backoff
{
    private readonly TimeSpan _min;
    private readonly TimeSpan _max;
    private readonly Random _random;
    private TimeSpan _next;

    public Backoff(TimeSpan min, TimeSpan max, Random random)
    {
        _min = min;
        _max = max;
        _random = random;
        _next = min;
    }

    public TimeSpan Next()
    {
        var pause = _next * (0.5 + (_random.NextDouble() / 2));
        _next = _next >= _max / 2 ? _max : _next * 2;
        return pause;
    }

    public void Reset() => _next = _min;
}
