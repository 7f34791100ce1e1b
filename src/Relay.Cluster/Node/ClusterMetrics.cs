using System.Diagnostics.Metrics;
using Relay.Cluster.Engine;
using Relay.Cluster.Links;
using Relay.Cluster.Rules;
using Relay.Kernel.Measuring;

namespace Relay.Cluster.Node;

/// <summary>The instruments of meter <c>Relay.Cluster</c> about members and shards; those of the links are in <see cref="LinkMetrics"/>.</summary>
public sealed class ClusterMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = LinkMetrics.MeterName;

    private static readonly Metric Members = Metric.Gauge("relay.cluster.members", "{node}", "Nodes of the cluster as this one knows them", new MetricTag("state", "`joining`, `up`, `leaving`"));
    private static readonly Metric Shards = Metric.Gauge("relay.cluster.shards", "{shard}", "Shards as this node knows them", new MetricTag("state", "`held` = this node's; `moving` = of those, on their way to another; `free` = nobody's"));
    private static readonly Metric Trusted = Metric.Gauge("relay.cluster.trusted", "", "1 while this node may act on its shards, 0 while they are suspended because the store has not answered");
    private static readonly Metric Heartbeats = Metric.Counter("relay.cluster.heartbeats", "{heartbeat}", "Heartbeats by what became of them", new MetricTag("outcome", "`answered`, `failed`"));
    private static readonly Metric Claims = Metric.Counter("relay.cluster.claims", "{shard}", "Shards that nobody had and this node asked for");
    private static readonly Metric Moves = Metric.Counter("relay.cluster.moves", "{shard}", "Moves of shards from this node to another", new MetricTag("outcome", "`begun`, `done`, `aborted`"));
    private static readonly Metric Stops = Metric.Counter("relay.cluster.stops", "{shard}", "Shards that this node ceased to own", new MetricTag("reason", "`moved` = handed over as planned; `lost`, `storeforgot`, `leaving`"));
    private static readonly Metric Suspensions = Metric.Counter("relay.cluster.suspensions", "{suspension}", "Times that this node's shards were suspended");
    private static readonly Metric Probe = Metric.Histogram("relay.cluster.probe.duration", "s", "From a question through a shard of another node to its answer, the way that publishes go", MeterExtensions.Seconds);
    private static readonly Metric Silent = Metric.Gauge("relay.cluster.silent", "{node}", "Other nodes that do not answer through their shards");

    private static readonly string[] Reasons = [.. Enum.GetNames<StopReason>().Select(static reason => reason.ToLowerInvariant())];
    private static readonly string[] States = [.. Enum.GetNames<MemberState>().Select(static state => state.ToLowerInvariant())];

    private readonly Meter _meter;
    private readonly Counter<long> _heartbeats;
    private readonly Counter<long> _claims;
    private readonly Counter<long> _moves;
    private readonly Counter<long> _stops;
    private readonly Counter<long> _suspensions;
    private readonly Histogram<double> _probe;
    private int _silent;

    /// <param name="meter">Stays its maker's to dispose.</param>
    public ClusterMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _meter = meter;
        _heartbeats = meter.Counter(Heartbeats);
        _claims = meter.Counter(Claims);
        _moves = meter.Counter(Moves);
        _stops = meter.Counter(Stops);
        _suspensions = meter.Counter(Suspensions);
        _probe = meter.Histogram(Probe);
        meter.Observe(Silent, () => Volatile.Read(ref _silent));
    }

    /// <summary>What is measured, that of the links included.</summary>
    public static MetricGroup Described { get; } = new(
        MeterName, [Members, Shards, Trusted, Heartbeats, Claims, Moves, Stops, Suspensions, Probe, Silent, .. LinkMetrics.Described]);

    /// <summary>Counts that nobody sees.</summary>
    public static ClusterMetrics Unseen { get; } = new(new Meter(MeterName + ".Unseen"));

    /// <summary>Shows what stands in the view; once.</summary>
    public void Show(ClusterView view)
    {
        ArgumentNullException.ThrowIfNull(view);
        _meter.Observe(Members, () => States.Select((state, number) =>
            new Measurement<long>(view.Status.Members.Count(member => (int)member.State == number), new KeyValuePair<string, object?>("state", state))));
        _meter.Observe(Shards, () =>
        {
            var status = view.Status;
            return new Measurement<long>[]
            {
                new(status.Held, new KeyValuePair<string, object?>("state", "held")),
                new(status.Moving, new KeyValuePair<string, object?>("state", "moving")),
                new(status.Free, new KeyValuePair<string, object?>("state", "free")),
            };
        });
        _meter.Observe(Trusted, () => view.MayAct ? 1 : 0);
    }

    /// <summary>Other nodes that do not answer through their shards.</summary>
    public void ShowSilent(int nodes) => Volatile.Write(ref _silent, nodes);

    /// <summary>Another node has answered through one of its shards.</summary>
    public void Probed(TimeSpan duration) => _probe.Record(duration.TotalSeconds);

    internal void Beat(bool answered) => _heartbeats.Add(1, new KeyValuePair<string, object?>("outcome", answered ? "answered" : "failed"));

    internal void Claimed(int shards) => _claims.Add(shards);

    internal void Moved(string outcome) => _moves.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    internal void Stopped(StopReason reason) => _stops.Add(1, new KeyValuePair<string, object?>("reason", Reasons[(int)reason]));

    internal void Suspended() => _suspensions.Add(1);
}
