using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Node.Telemetry;

/// <summary>All series of one instrument. Thread-safe.</summary>
internal sealed class InstrumentSeries
{
    /// <summary>
    /// Beyond it measurements are gathered in one series more. No instrument of the relay's comes near; it is the bound for whatever libraries do, and for mistakes.
    /// </summary>
    public const int MostSeries = 1000;

    /// <summary>The tag of that series: OpenTelemetry's.</summary>
    public const string OverflowTag = "otel.metric.overflow";

    // Those of a histogram that says none: what .NET's runtime meters and ASP.NET Core measure are seconds.
    private static readonly double[] UsualBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private readonly Instrument _instrument;
    private readonly Lock _gate = new();
    private readonly double[]? _bounds;
    private readonly Way _way;
    private volatile Series[] _series = [];

    public InstrumentSeries(Instrument instrument)
    {
        _instrument = instrument;
        var type = instrument.GetType();
        var kind = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        _way = kind == typeof(Histogram<>) ? Way.Record
            : kind == typeof(Counter<>) || kind == typeof(UpDownCounter<>) ? Way.Add
            : Way.Set;
        Kind = _way == Way.Record ? MetricKind.Histogram
            : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? MetricKind.Counter
            : MetricKind.Gauge;
        _bounds = _way == Way.Record ? BoundsOf(instrument) : null;
    }

    private enum Way
    {
        Add,
        Set,
        Record,
    }

    public MetricKind Kind { get; }

    public void Measured(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = Find(_series, tags) ?? Make(tags);
        switch (_way)
        {
            case Way.Add:
                series.Add(value);
                break;
            case Way.Set:
                series.Set(value);
                break;
            default:
                series.Record(value);
                break;
        }
    }

    /// <summary>Before observable instruments are asked: those series that they do not name any more are not shown.</summary>
    public void BeginRound()
    {
        if (_instrument.IsObservable)
        {
            foreach (var series in _series)
            {
                series.IsSeen = false;
            }
        }
    }

    public MetricSnapshot Snapshot() => new(
        _instrument.Name, Kind, _instrument.Unit, _instrument.Description, [.. _series.Where(static one => one.IsSeen).Select(static one => one.Snapshot())]);

    private static Series? Find(Series[] all, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var series in all)
        {
            if (series.Has(tags))
            {
                return series;
            }
        }

        return null;
    }

    private Series Make(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_gate)
        {
            if (Find(_series, tags) is { } known)
            {
                return known;
            }

            KeyValuePair<string, object?>[] own = _series.Length < MostSeries ? tags.ToArray() : [new(OverflowTag, "true")];
            if (Find(_series, own) is { } overflow)
            {
                return overflow;
            }

            var made = new Series(own, _bounds);
            _series = [.. _series, made];
            return made;
        }
    }

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds.Select(static bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds.Select(static bound => (double)bound)],
        _ => UsualBounds,
    };
}
