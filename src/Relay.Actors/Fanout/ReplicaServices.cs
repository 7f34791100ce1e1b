using Relay.Actors.Explain;
using Relay.Actors.Metrics;
using Relay.Kernel;

namespace Relay.Actors.Fanout;

/// <summary>What every replica is given.</summary>
/// <param name="Live">Configuration.</param>
/// <param name="Time">Clock.</param>
/// <param name="Channels">Region of the channels.</param>
/// <param name="Directory">Where this node's subscriber counts are shown.</param>
/// <param name="Patterns">Where patterns' replicas announce themselves.</param>
public sealed record ReplicaServices(LiveSettings Live, TimeProvider Time, IActorRef Channels, ChannelDirectory Directory, PatternTable Patterns)
{
    /// <summary>The settings in force.</summary>
    public RelaySettings Settings => Live.Current;

    /// <summary>Where they count.</summary>
    public ChannelMetrics Metrics { get; init; } = ChannelMetrics.Unseen;

    /// <summary>Where they note what they bring to whom.</summary>
    public DeliveryLog Deliveries { get; init; } = DeliveryLog.Off;

    /// <summary>Where patterns announce themselves to other nodes; null where there are none.</summary>
    internal IPatternPeers? Peers { get; init; }

    /// <summary>This run of this node, by which others name it; null where there are none.</summary>
    internal string? Node { get; init; }
}
