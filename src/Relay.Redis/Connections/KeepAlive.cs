namespace Relay.Redis.Connections;

internal enum KeepAliveVerdict
{
    Fine,
    Ask,
    Dead,
}

/// <summary>
/// Decides when a silent connection is asked for a sign of life and when it is given up. Plain data, driven by the connection's watch.
/// </summary>
/// <remarks>
/// Any received byte is a sign of life, not only the answer to PING: an 8 MB reply over a slow line may delay PONG for seconds.
/// A check that comes much later than planned means that this process slept (SIGSTOP, a paused VM, a starved thread pool). Answers may then
/// lie unread in the socket, so the time slept is not held against the server.
/// </remarks>
internal sealed class KeepAlive(TimeProvider time, TimeSpan interval, TimeSpan timeout, TimeSpan period)
{
    private readonly long _late = Ticks(time, period) * 4;
    private readonly long _interval = Ticks(time, interval);
    private readonly long _timeout = Ticks(time, timeout);
    private long _lastCheck = time.GetTimestamp();
    private long _lastReceived = time.GetTimestamp();
    private long _patienceFrom;
    private bool _asked;

    /// <summary>Called by the read loop; everything else by the watch.</summary>
    public void Received() => Volatile.Write(ref _lastReceived, time.GetTimestamp());

    /// <param name="blockedUntil">The server may rightly be silent until this timestamp, because a blocking command is in flight.</param>
    public KeepAliveVerdict Check(long blockedUntil)
    {
        var now = time.GetTimestamp();
        var slept = now - _lastCheck > _late;
        _lastCheck = now;
        var received = Volatile.Read(ref _lastReceived);
        if (_asked && (received > _patienceFrom || slept))
        {
            _asked = received <= _patienceFrom;
            _patienceFrom = now;
        }

        if (!_asked)
            return now - received >= _interval && now >= blockedUntil ? Ask(now) : KeepAliveVerdict.Fine;
        return now - Math.Max(_patienceFrom, blockedUntil) >= _timeout ? KeepAliveVerdict.Dead : KeepAliveVerdict.Fine;
    }

    private KeepAliveVerdict Ask(long now)
    {
        _asked = true;
        _patienceFrom = now;
        return KeepAliveVerdict.Ask;
    }

    private static long Ticks(TimeProvider time, TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
