namespace Relay.Redis.Cluster;

/// <summary>
/// Over which server frames for one peer go: the first in the ring's order that there is nothing against. Plain data without a clock; times in milliseconds. Thread-safe as far as a
/// choice that is made a moment too early does no harm: frames may go any way.
/// </summary>
/// <param name="order">All servers, the preferred first.</param>
internal sealed class FrameRoute(int[] order)
{
    /// <summary>A server at which the peer does not listen, or that failed, is asked again after so long: it costs one frame more.</summary>
    public const long Away = 1000;

    /// <summary>One that took frames which the peer seems not to get is believed again after so long: it costs the time that the link waits before it repeats.</summary>
    public const long Doubted = 10_000;

    // Both sides of a link may notice the same, and each of the frames on their way.
    private const long DoubtPause = 400;

    private readonly long[] _avoided = new long[order.Length];
    private long _last = order[0];
    private long _changed = -DoubtPause;

    /// <summary>The server for the next frame: one that works and is not avoided, else one that works and was avoided first, else the preferred.</summary>
    public int Next(long now, Func<int, bool> works)
    {
        var best = -1;
        foreach (var server in order)
        {
            if (!works(server))
                continue;
            if (AvoidedTo(server) <= now)
                return Choose(server, now);
            if (best < 0 || AvoidedTo(server) < AvoidedTo(best))
                best = server;
        }

        return Choose(best < 0 ? order[0] : best, now);
    }

    /// <summary>A frame over this server was not taken, or not heard by the peer.</summary>
    public void Avoid(int server, long now) => Volatile.Write(ref _avoided[server], now + Away);

    /// <summary>What was sent last seems not to arrive.</summary>
    /// <returns>The server that is avoided now; null when the way was changed a moment ago: what was noticed may be about the way before.</returns>
    public int? Doubt(long now)
    {
        if (now - Volatile.Read(ref _changed) < DoubtPause)
            return null;
        var server = (int)Volatile.Read(ref _last);
        Volatile.Write(ref _avoided[server], now + Doubted);
        return server;
    }

    private long AvoidedTo(int server) => Volatile.Read(ref _avoided[server]);

    private int Choose(int server, long now)
    {
        if (Interlocked.Exchange(ref _last, server) != server)
            Volatile.Write(ref _changed, now);
        return server;
    }
}
