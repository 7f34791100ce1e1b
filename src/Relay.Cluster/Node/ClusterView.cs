using Relay.Cluster.Engine;

namespace Relay.Cluster.Node;

/// <summary>What this node knows of its cluster, for everybody on it. Written by the <see cref="ClusterActor"/>, read from any thread.</summary>
public sealed class ClusterView(NodeId self, TimeProvider time)
{
    private long _trustedUntil = long.MinValue;
    private ClusterStatus _status = new(MemberState.Joining, [], 0, 0, 0, IsTrusted: false);

    /// <summary>This run of this node.</summary>
    public NodeId Self => self;

    /// <summary>As of the last turn of the cluster's actor.</summary>
    public ClusterStatus Status => Volatile.Read(ref _status);

    /// <summary>
    /// Whether the node may act as the owner of what it serves, at this very moment: false from a lease less the margin after the last heartbeat that was answered was sent, however
    /// long the process slept since. Ask right before the act.
    /// </summary>
    public bool MayAct => time.GetTimestamp() < Volatile.Read(ref _trustedUntil);

    internal void Trust(long untilTimestamp) => Volatile.Write(ref _trustedUntil, untilTimestamp);

    internal void Show(ClusterStatus status) => Volatile.Write(ref _status, status);
}

/// <summary>A look at the cluster from one node.</summary>
/// <param name="State">This node's.</param>
/// <param name="Members">All members, this one included.</param>
/// <param name="Held">Shards of this node.</param>
/// <param name="Moving">Of them, those on their way to another.</param>
/// <param name="Free">Shards that nobody is known to hold.</param>
/// <param name="IsTrusted">False while the store has not answered for so long that others may have taken the shards.</param>
public sealed record ClusterStatus(MemberState State, IReadOnlyList<Member> Members, int Held, int Moving, int Free, bool IsTrusted);
