using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Actors.Metrics;

/// <summary>The instruments of meter <c>Relay.Channels</c>. Publishes are counted once per batch, deliveries timed once per fan-out.</summary>
public sealed class ChannelMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Channels";

    /// <summary>Namespaces told apart; those configured beyond it are <see cref="Other"/>.</summary>
    internal const int MostNamespaces = 64;

    /// <summary>All that have no settings of their own.</summary>
    internal const string Other = "other";

    private static readonly Metric Publishes = Metric.Counter("relay.channel.publishes", "{event}", "Publishes that reached their channel on this node, by what became of them; `accepted` once stored where the namespace is durable", MetricTag.Namespace, new("outcome", "`accepted`; `duplicate` = the id was known; `rejected` = it alone, e.g. another version; `unavailable` = may be tried again"));
    private static readonly Metric PublishDuration = Metric.Histogram("relay.channel.publish.duration", "s", "From a client's publish, or one over HTTP, to the answer of its channel, wherever that is", MeterExtensions.Seconds, MetricTag.Namespace);
    private static readonly Metric DeliveryDuration = Metric.Histogram("relay.channel.delivery.duration", "s", "From the moment an event was accepted to the one at which it was handed to all sockets of this node that want it, or queued for them: the oldest event of each fan-out. Between nodes it is as right as their clocks", MeterExtensions.Seconds, MetricTag.Namespace);
    private static readonly Metric Live = Metric.Gauge("relay.channel.live", "{channel}", "Channels awake on this node", MetricTag.Namespace);
    private static readonly Metric Replicas = Metric.Gauge("relay.channel.replicas", "{channel}", "Channels with subscribers on this node", MetricTag.Namespace);
    private static readonly Metric Members = Metric.Gauge("relay.channel.members", "{member}", "Connections of this node that are present on a channel, once for each", MetricTag.Namespace);
    private static readonly Metric Healings = Metric.Counter("relay.channel.healings", "{channel}", "Times that this node fetched what it had missed of a channel", MetricTag.Namespace, new("outcome", "`complete`; `gap` = some of it was gone"));

    private readonly FrozenDictionary<string, NamespaceTraffic> _namespaces;
    private readonly FrozenDictionary<string, NamespaceTraffic>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private readonly NamespaceTraffic _other;
    private readonly Histogram<double> _publish;
    private readonly Histogram<double> _delivery;

    /// <param name="meter">Stays its maker's to dispose.</param>
    /// <param name="namespaces">Those with settings.</param>
    public ChannelMetrics(Meter meter, IEnumerable<string> namespaces)
    {
        ArgumentNullException.ThrowIfNull(meter);
        ArgumentNullException.ThrowIfNull(namespaces);
        _publish = meter.Histogram(PublishDuration);
        _delivery = meter.Histogram(DeliveryDuration);
        _other = new NamespaceTraffic(Other, _publish, _delivery);
        _namespaces = namespaces.Where(static name => name != Other).Order(StringComparer.Ordinal).Take(MostNamespaces)
            .ToFrozenDictionary(static name => name, name => new NamespaceTraffic(name, _publish, _delivery), StringComparer.Ordinal);
        _byName = _namespaces.GetAlternateLookup<ReadOnlySpan<char>>();
        meter.Observe(Publishes, () => [.. Sums(ChannelCounter.Accepted, "accepted"), .. Sums(ChannelCounter.Duplicate, "duplicate"), .. Sums(ChannelCounter.Rejected, "rejected"), .. Sums(ChannelCounter.Unavailable, "unavailable")]);
        meter.Observe(Healings, () => [.. Sums(ChannelCounter.Healed, "complete"), .. Sums(ChannelCounter.HealedWithGap, "gap")]);
        meter.Observe(Live, () => Sums(ChannelCounter.Live));
        meter.Observe(Replicas, () => Sums(ChannelCounter.Replicas));
        meter.Observe(Members, () => Sums(ChannelCounter.Members));
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Publishes, PublishDuration, DeliveryDuration, Live, Replicas, Members, Healings]);

    /// <summary>Counts that nobody sees.</summary>
    internal static ChannelMetrics Unseen { get; } = new(new Meter(MeterName + ".Unseen"), []);

    /// <summary>The counters of the channel's namespace.</summary>
    internal NamespaceTraffic For(string channel)
    {
        var slash = channel.IndexOf('/');
        return _byName.TryGetValue(slash < 0 ? channel : channel.AsSpan(0, slash), out var traffic) ? traffic : _other;
    }

    // A namespace in which nothing ever happened is not shown: most of the built-in ones are never used.
    private IEnumerable<Measurement<long>> Sums(ChannelCounter counter, string? outcome = null) =>
        _namespaces.Values.Append(_other).Where(static traffic => traffic.IsUsed).Select(traffic => outcome is null
            ? new Measurement<long>(traffic.Sum(counter), new KeyValuePair<string, object?>("namespace", traffic.Name))
            : new Measurement<long>(traffic.Sum(counter), new KeyValuePair<string, object?>("namespace", traffic.Name), new("outcome", outcome)));
}

/// <summary>What is counted of channels.</summary>
internal enum ChannelCounter
{
    Accepted,
    Duplicate,
    Rejected,
    Unavailable,
    Healed,
    HealedWithGap,

    /// <summary>Raised and lowered, as all that follow.</summary>
    Live,
    Replicas,
    Members,
}

/// <summary>The counters of all channels of one namespace. Thread-safe.</summary>
internal sealed class NamespaceTraffic(string name, Histogram<double> publish, Histogram<double> delivery)
{
    private const int Counters = (int)ChannelCounter.Members + 1;

    private readonly StripedCounters _counters = new(Counters);

    // Made once: with it a value is recorded without an allocation.
    private readonly KeyValuePair<string, object?> _tag = new("namespace", name);
    private bool _isUsed;

    public string Name => name;

    public bool IsUsed => Volatile.Read(ref _isUsed);

    public void Add(ChannelCounter counter, long value = 1)
    {
        if (value == 0)
        {
            return;
        }

        if (!_isUsed)
        {
            Volatile.Write(ref _isUsed, true);
        }

        _counters.Add((int)counter, value);
    }

    public long Sum(ChannelCounter counter) => _counters.Sum((int)counter);

    /// <summary>A publisher has its answer.</summary>
    public void Answered(TimeSpan duration) => publish.Record(duration.TotalSeconds, _tag);

    /// <summary>A fan-out is done.</summary>
    /// <param name="acceptedMicros">When its oldest event was accepted.</param>
    public void Delivered(long acceptedMicros, TimeProvider time)
    {
        if (delivery.Enabled)
        {
            // Another node's clock may be ahead.
            delivery.Record(Math.Max(0, time.NowMicros() - acceptedMicros) / 1e6, _tag);
        }
    }
}
