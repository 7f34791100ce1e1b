using System.Numerics;

namespace Relay.Bench.Measure;

/// <summary>
/// Counts of latencies in nanoseconds, in buckets whose width grows with the value (the scheme of HDR histograms): exact below 128 ns, above that 128
/// buckets to each power of two. A bucket is at most 1/128 of its values wide and is reported by its middle, so a percentile is off by at most
/// 0.4 %; minimum, maximum and mean are exact. 58 KiB, nothing allocated per value. Written by one thread.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 7;
    private const int SubBuckets = 1 << SubBits;

    // Values are non-negative longs: 63 bits, of which the lowest 7 fill one exact group.
    private readonly long[] _buckets = new long[(64 - SubBits) * SubBuckets];
    private double _sum;

    /// <summary>Values recorded.</summary>
    public long Count { get; private set; }

    /// <summary>Smallest value in ns; 0 when there is none.</summary>
    public long Min { get; private set; }

    /// <summary>Largest value in ns; 0 when there is none.</summary>
    public long Max { get; private set; }

    /// <summary>Mean in ns; 0 when there is none.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Counts one value; a negative one (a clock of another machine) counts as 0.</summary>
    public void Record(long nanoseconds)
    {
        var value = Math.Max(0, nanoseconds);
        _buckets[IndexOf(value)]++;
        Min = Count == 0 ? value : Math.Min(Min, value);
        Max = Math.Max(Max, value);
        Count++;
        _sum += value;
    }

    /// <summary>Adds everything that <paramref name="other"/> counted.</summary>
    public void Add(LatencyHistogram other)
    {
        if (other.Count == 0)
        {
            return;
        }

        for (var i = 0; i < _buckets.Length; i++)
        {
            _buckets[i] += other._buckets[i];
        }

        Min = Count == 0 ? other.Min : Math.Min(Min, other.Min);
        Max = Math.Max(Max, other.Max);
        Count += other.Count;
        _sum += other._sum;
    }

    /// <summary>The value in ns that <paramref name="percent"/> % of the values do not exceed; 0 when there is none.</summary>
    /// <param name="percent">0 to 100.</param>
    public double Percentile(double percent)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        if (Count == 0)
        {
            return 0;
        }

        var rank = Math.Clamp((long)Math.Ceiling(percent / 100 * Count), 1, Count);
        long seen = 0;
        for (var i = 0; i < _buckets.Length; i++)
        {
            seen += _buckets[i];
            if (seen >= rank)
            {
                return Math.Clamp(MiddleOf(i), Min, Max);
            }
        }

        return Max;
    }

    private static int IndexOf(long value)
    {
        if (value < SubBuckets)
        {
            return (int)value;
        }

        var exponent = BitOperations.Log2((ulong)value);
        var shift = exponent - SubBits;
        return ((shift + 1) << SubBits) + (int)((value >> shift) - SubBuckets);
    }

    private static double MiddleOf(int index)
    {
        if (index < SubBuckets)
        {
            return index;
        }

        var shift = (index >> SubBits) - 1;
        var from = (double)(SubBuckets + (index & (SubBuckets - 1))) * (1L << shift);
        return from + (((1L << shift) - 1) / 2.0);
    }
}
