namespace Relay.Actors.Limits;

/// <summary>
/// A token bucket in one number: the moment at which it would be full again (the generic cell rate algorithm of ITU-T I.371). No timer, nothing to refill; a rate
/// that changes applies at once. Times are ticks of 100 ns of a clock that never goes back.
/// <para>
/// Who asks for more at once than the bucket holds (a batch) gets it when the bucket is full, and pays for it afterwards.
/// </para>
/// </summary>
public struct TokenBucket
{
    private long _fullAt;

    /// <summary>True when nothing of it is used up.</summary>
    public readonly bool IsFull(long now) => Volatile.Read(in _fullAt) <= now;

    /// <summary>Takes tokens. One owner.</summary>
    /// <param name="rate">What is allowed now.</param>
    /// <param name="now">The clock.</param>
    /// <param name="count">How many.</param>
    /// <param name="wait">When refused: after which it would pass.</param>
    public bool TryTake(Rate rate, long now, double count, out TimeSpan wait)
    {
        var taken = TryTake(_fullAt, rate, now, count, out var next, out wait);
        _fullAt = next;
        return taken;
    }

    /// <summary>The same for any number of threads.</summary>
    public bool TryTakeShared(Rate rate, long now, double count, out TimeSpan wait)
    {
        while (true)
        {
            var seen = Volatile.Read(ref _fullAt);
            var taken = TryTake(seen, rate, now, count, out var next, out wait);
            if (next == seen || Interlocked.CompareExchange(ref _fullAt, next, seen) == seen)
            {
                return taken;
            }
        }
    }

    /// <summary>Takes tokens that were used already, and says how long to pause until the bucket is in order again; zero = go on. One owner.</summary>
    public TimeSpan Spend(Rate rate, long now, double count)
    {
        if (!rate.IsBounded)
        {
            return TimeSpan.Zero;
        }

        _fullAt = Math.Max(_fullAt, now) + rate.Cost(count);
        return TimeSpan.FromTicks(Math.Max(0, _fullAt - now - rate.Depth));
    }

    private static bool TryTake(long fullAt, Rate rate, long now, double count, out long next, out TimeSpan wait)
    {
        (next, wait) = (fullAt, TimeSpan.Zero);
        if (!rate.IsBounded)
        {
            return true;
        }

        var from = Math.Max(fullAt, now);
        var cost = rate.Cost(count);
        var over = from - now + Math.Min(cost, rate.Depth) - rate.Depth;
        if (over > 0)
        {
            wait = TimeSpan.FromTicks(over);
            return false;
        }

        next = from + cost;
        return true;
    }
}
