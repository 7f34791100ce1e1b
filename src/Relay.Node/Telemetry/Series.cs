namespace Relay.Node.Telemetry;

/// <summary>One series of an instrument that is told of every measurement. Thread-safe, without a lock.</summary>
internal sealed class Series
{
    private const int MostStripes = 8;

    private static readonly int Stripes = Math.Min((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount), MostStripes);

    private readonly double[] _bounds;

    // Of a histogram: counts of each processor's own, so that those who record at the same time do not wait for one cache line.
    private readonly long[][] _counts;
    private readonly double[] _sums;
    private double _value;
    private volatile bool _isSeen;

    /// <param name="tags">What tells it apart; a copy.</param>
    /// <param name="bounds">Of a histogram; null for others.</param>
    public Series(KeyValuePair<string, object?>[] tags, double[]? bounds)
    {
        Tags = tags;
        _bounds = bounds ?? [];
        _counts = bounds is null ? [] : [.. Enumerable.Range(0, Stripes).Select(_ => new long[bounds.Length + 1])];

        // A line of 64 bytes apart.
        _sums = bounds is null ? [] : new double[Stripes * 8];
    }

    public KeyValuePair<string, object?>[] Tags { get; }

    /// <summary>Whether an observable instrument named it in this round; always for others.</summary>
    public bool IsSeen
    {
        get => _isSeen;
        set => _isSeen = value;
    }

    public bool Has(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length != Tags.Length)
        {
            return false;
        }

        for (var i = 0; i < tags.Length; i++)
        {
            // Mostly the very same strings.
            if (!string.Equals(tags[i].Key, Tags[i].Key, StringComparison.Ordinal) || !(ReferenceEquals(tags[i].Value, Tags[i].Value) || Equals(tags[i].Value, Tags[i].Value)))
            {
                return false;
            }
        }

        return true;
    }

    public void Add(double value)
    {
        _isSeen = true;
        Add(ref _value, value);
    }

    public void Set(double value)
    {
        _isSeen = true;
        Volatile.Write(ref _value, value);
    }

    public void Record(double value)
    {
        if (double.IsNaN(value))
        {
            return;
        }

        _isSeen = true;
        var stripe = Thread.GetCurrentProcessorId() & (Stripes - 1);
        var bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Increment(ref _counts[stripe][bucket]);
        Add(ref _sums[stripe * 8], value);
    }

    public SeriesSnapshot Snapshot()
    {
        var tags = Tags.Select(static tag => KeyValuePair.Create(tag.Key, Text(tag.Value))).ToArray();
        if (_counts.Length == 0)
        {
            return new SeriesSnapshot(tags, Volatile.Read(ref _value));
        }

        var counts = new long[_bounds.Length + 1];
        double sum = 0;
        for (var stripe = 0; stripe < _counts.Length; stripe++)
        {
            for (var bucket = 0; bucket < counts.Length; bucket++)
            {
                counts[bucket] += Interlocked.Read(ref _counts[stripe][bucket]);
            }

            sum += Volatile.Read(ref _sums[stripe * 8]);
        }

        return new SeriesSnapshot(tags, sum) { Bounds = _bounds, Counts = counts };
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        string text => text,
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static void Add(ref double sum, double value)
    {
        double seen;
        do
        {
            seen = Volatile.Read(ref sum);
        }
        while (BitConverter.DoubleToInt64Bits(Interlocked.CompareExchange(ref sum, seen + value, seen)) != BitConverter.DoubleToInt64Bits(seen));
    }
}
