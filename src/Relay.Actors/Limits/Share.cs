namespace Relay.Actors.Limits;

/// <summary>
/// What is counted of one user or one address: its open connections, and what it has used of its rates. Connections are counted by the <see cref="ShareTable{TKey}"/>
/// it is in; the rest is thread-safe.
/// </summary>
public class Share
{
    private TokenBucket _handshakes;
    private TokenBucket _publishes;
    private TokenBucket _fair;
    private long _round;
    private long _tried;

    /// <summary>Connections open now.</summary>
    public int Connections { get; internal set; }

    internal bool TryHandshake(Rate rate, long now, out TimeSpan wait) => _handshakes.TryTakeShared(rate, now, 1, out wait);

    internal bool TryPublish(Rate rate, long now, int count, out TimeSpan wait) => _publishes.TryTakeShared(rate, now, count, out wait);

    internal bool TryFair(Rate rate, long now, int count, out TimeSpan wait) => _fair.TryTakeShared(rate, now, count, out wait);

    /// <summary>Counts what it tried in a round; the sum so far. Two threads may lose each other's count: it only has to show who is far ahead.</summary>
    internal long Tried(long round, int count)
    {
        if (_round != round)
        {
            (_round, _tried) = (round, 0);
        }

        return _tried += count;
    }
}
