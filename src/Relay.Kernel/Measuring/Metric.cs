using System.Diagnostics.Metrics;

namespace Relay.Kernel.Measuring;

/// <summary>What a metric's numbers mean.</summary>
public enum MetricKind
{
    /// <summary>Only grows.</summary>
    Counter,

    /// <summary>How much there is now.</summary>
    Gauge,

    /// <summary>How single values are spread.</summary>
    Histogram,
}

/// <summary>A tag that tells series of a metric apart.</summary>
/// <param name="Name">OpenTelemetry's attribute name.</param>
/// <param name="Values">For people: which there can be. Always few: never a user, a channel or an address.</param>
public sealed record MetricTag(string Name, string Values)
{
    /// <summary>A dialect's name.</summary>
    public static MetricTag Dialect { get; } = new("dialect", "name of a dialect");

    /// <summary>A namespace, or <c>other</c>.</summary>
    public static MetricTag Namespace { get; } = new("namespace", "a namespace of protocols.md, e.g. `topics`");

    /// <summary>To the node, or from it.</summary>
    public static MetricTag Direction { get; } = new("direction", "`receive`, `transmit`");
}

/// <summary>
/// One metric as it is described to people and to exporters. docs/metrics.md is made of these, and instruments are made from them, so the two cannot disagree.
/// </summary>
/// <param name="Name">OpenTelemetry's, e.g. <c>relay.client.deliveries</c>.</param>
/// <param name="Kind">What its numbers mean.</param>
/// <param name="Unit">UCUM, e.g. <c>s</c>, <c>By</c>, <c>{event}</c>.</param>
/// <param name="Meaning">One sentence, without a full stop.</param>
public sealed record Metric(string Name, MetricKind Kind, string Unit, string Meaning)
{
    /// <summary>In the order in which they are given with each value.</summary>
    public IReadOnlyList<MetricTag> Tags { get; private init; } = [];

    /// <summary>Upper bounds of a histogram's buckets, in its unit.</summary>
    public IReadOnlyList<double> Bounds { get; private init; } = [];

    /// <summary>Something that is counted.</summary>
    public static Metric Counter(string name, string unit, string meaning, params MetricTag[] tags) => new(name, MetricKind.Counter, unit, meaning) { Tags = tags };

    /// <summary>Something that is there now.</summary>
    public static Metric Gauge(string name, string unit, string meaning, params MetricTag[] tags) => new(name, MetricKind.Gauge, unit, meaning) { Tags = tags };

    /// <summary>Something of which each value counts.</summary>
    public static Metric Histogram(string name, string unit, string meaning, IReadOnlyList<double> bounds, params MetricTag[] tags) =>
        new(name, MetricKind.Histogram, unit, meaning) { Tags = tags, Bounds = bounds };
}

/// <summary>The metrics of one meter.</summary>
/// <param name="Meter">Its name.</param>
/// <param name="Metrics">In the order of the documentation.</param>
public sealed record MetricGroup(string Meter, IReadOnlyList<Metric> Metrics);

/// <summary>From descriptions to instruments.</summary>
public static class MeterExtensions
{
    /// <summary>Bounds for times from half a millisecond to ten seconds.</summary>
    public static IReadOnlyList<double> Seconds { get; } = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>A counter that is raised where something happens.</summary>
    public static Counter<long> Counter(this Meter meter, Metric metric) => meter.CreateCounter<long>(metric.Name, metric.Unit, metric.Meaning);

    /// <summary>A histogram; its bounds go to exporters as advice.</summary>
    public static Histogram<double> Histogram(this Meter meter, Metric metric) => meter.CreateHistogram(
        metric.Name, metric.Unit, metric.Meaning, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = metric.Bounds });

    /// <summary>A counter or gauge of one series that is read when somebody asks.</summary>
    public static void Observe(this Meter meter, Metric metric, Func<long> read)
    {
        if (metric.Kind == MetricKind.Counter)
        {
            meter.CreateObservableCounter(metric.Name, read, metric.Unit, metric.Meaning);
        }
        else
        {
            meter.CreateObservableGauge(metric.Name, read, metric.Unit, metric.Meaning);
        }
    }

    /// <summary>The same with tags.</summary>
    public static void Observe(this Meter meter, Metric metric, Func<IEnumerable<Measurement<long>>> read)
    {
        if (metric.Kind == MetricKind.Counter)
        {
            meter.CreateObservableCounter(metric.Name, read, metric.Unit, metric.Meaning);
        }
        else
        {
            meter.CreateObservableGauge(metric.Name, read, metric.Unit, metric.Meaning);
        }
    }
}
