using System.Diagnostics.Metrics;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Cluster.Node;
using Relay.Kernel.Measuring;

namespace Relay.Actors.Metrics;

/// <summary>The instruments of the actors of one node.</summary>
public sealed class RelayMetrics
{
    /// <param name="meters">Makes a meter of this name; it stays its maker's to dispose.</param>
    /// <param name="namespaces">Those with settings.</param>
    public RelayMetrics(Func<string, Meter> meters, IEnumerable<string> namespaces)
    {
        ArgumentNullException.ThrowIfNull(meters);
        Clients = new ClientMetrics(meters(ClientMetrics.MeterName));
        Channels = new ChannelMetrics(meters(ChannelMetrics.MeterName), namespaces);
        Limits = new LimitMetrics(meters(LimitMetrics.MeterName));
        Actors = meters(ActorMetrics.MeterName);
        Cluster = meters(ClusterMetrics.MeterName);
    }

    /// <summary>What all rooms from here to the kernel measure.</summary>
    public static IReadOnlyList<MetricGroup> Described { get; } =
        [ClientMetrics.Described, LimitMetrics.Described, ChannelMetrics.Described, JournalMetrics.Described, BridgeMetrics.Described, ClusterMetrics.Described, ActorMetrics.Described];

    internal ClientMetrics Clients { get; }

    internal ChannelMetrics Channels { get; }

    /// <summary>For the node's <see cref="Relay.Actors.Limits.NodeLimits"/>.</summary>
    public LimitMetrics Limits { get; }

    internal Meter Actors { get; }

    internal Meter Cluster { get; }
}
