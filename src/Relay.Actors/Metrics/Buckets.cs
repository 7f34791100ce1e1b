namespace Relay.Actors.Metrics;

/// <summary>How much happened within a sliding window, in 60 buckets: exact to a sixtieth of the window, without a queue of events.</summary>
internal sealed class BucketCounter(long windowMicros)
{
    private const int Buckets = 60;
    private readonly long[] _counts = new long[Buckets];
    private readonly long[] _slots = new long[Buckets];
    private readonly long _width = windowMicros / Buckets;

    public void Add(long atMicros, long amount)
    {
        var slot = atMicros / _width;
        var index = (int)(slot % Buckets);
        if (_slots[index] != slot)
        {
            _slots[index] = slot;
            _counts[index] = 0;
        }

        _counts[index] += amount;
    }

    /// <summary>What is not too old yet, by times that give the same again.</summary>
    public IEnumerable<(long AtMicros, long Amount)> All(long nowMicros)
    {
        for (var i = 0; i < Buckets; i++)
        {
            if (_counts[i] > 0 && (nowMicros / _width) - _slots[i] is >= 0 and < Buckets)
            {
                yield return (_slots[i] * _width, _counts[i]);
            }
        }
    }

    public long Sum(long nowMicros)
    {
        var newest = nowMicros / _width;
        long sum = 0;
        for (var i = 0; i < Buckets; i++)
        {
            if (newest - _slots[i] is >= 0 and < Buckets)
            {
                sum += _counts[i];
            }
        }

        return sum;
    }
}

/// <summary>Average of what happened within a sliding window.</summary>
internal sealed class BucketSum(long windowMicros)
{
    private readonly BucketCounter _count = new(windowMicros);
    private readonly BucketCounter _sum = new(windowMicros);

    public void Add(long atMicros, long milliseconds)
    {
        _count.Add(atMicros, 1);
        _sum.Add(atMicros, milliseconds);
    }

    public BucketCounter Times => _count;

    public BucketCounter Milliseconds => _sum;

    public long AverageMilliseconds(long nowMicros) => _count.Sum(nowMicros) is var count and > 0 ? _sum.Sum(nowMicros) / count : 0;
}
