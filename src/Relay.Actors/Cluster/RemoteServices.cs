using Relay.Cluster;
using Relay.Cluster.Links;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>What the refs to other nodes share. Thread-safe.</summary>
internal sealed class RemoteServices(ActorSystem system, NodeLinks links, IShardRefusals refusals, Func<IActorRef> region, Func<NodeId, bool> isConnected)
{
    private long _numbers;

    public ActorSystem System => system;

    public NodeLinks Links => links;

    public IShardRefusals Refusals => refusals;

    /// <summary>Of the channels, on this node.</summary>
    public IActorRef Region => region();

    /// <summary>Whether a session with the peer is under way.</summary>
    public bool IsConnected(NodeId peer) => isConnected(peer);

    /// <summary>Never the same twice in this run.</summary>
    public long NextNumber() => Interlocked.Increment(ref _numbers);
}
