namespace Relay.Cluster.Engine;

/// <summary>What a member says of itself. Only members that are <see cref="Up"/> get shards.</summary>
public enum MemberState
{
    Joining = 0,
    Up = 1,
    Leaving = 2,
}

/// <summary>A shard and the fence under which it is held.</summary>
public readonly record struct OwnedShard(int Shard, long Fence);

/// <summary>A member and the number of the heartbeat it was last seen with.</summary>
public readonly record struct SilentMember(NodeId Node, long Beat);

/// <summary>One sign of life of a node.</summary>
public sealed record Heartbeat
{
    public required NodeId Node { get; init; }

    /// <summary>
    /// Numbers this node's heartbeats: from 1, each sent once. The store keeps the highest of each member; a beat that comes late, below what is stored, changes
    /// nothing about its sender (its <see cref="Silent"/> is ignored, too) and is answered like any other.
    /// </summary>
    public required long Beat { get; init; }

    public required MemberState State { get; init; }

    /// <summary>Version of the program, for people. At most 64 characters.</summary>
    public string ProgramVersion { get; init; } = "";

    /// <summary>Where the node can be reached, for people. At most 256 characters.</summary>
    public string Address { get; init; } = "";

    /// <summary>Connections.</summary>
    public int Load { get; init; }

    /// <summary>The <see cref="HeartbeatAnswer.Epoch"/> this node knows; empty before its first answer.</summary>
    public string Epoch { get; init; } = "";

    /// <summary>The version of the table this node knows, within <see cref="Epoch"/>; 0 for none.</summary>
    public long KnownVersion { get; init; }

    /// <summary>The highest fence this node has ever heard of, of any shard, in any epoch: the store gives higher ones only.</summary>
    public long HighestFence { get; init; }

    /// <summary>What the node thinks it holds.</summary>
    public IReadOnlyList<OwnedShard> Leases { get; init; } = [];

    /// <summary>
    /// Members that showed no sign of life for a whole lease, by this node's clock. In the same step the store removes each of them whose highest beat still is the one named,
    /// and frees its shards. Ignored when <see cref="Epoch"/> is not the store's. Never holds the sender.
    /// </summary>
    public IReadOnlyList<SilentMember> Silent { get; init; } = [];
}

/// <summary>A member as the store knows it.</summary>
/// <param name="Beat">The highest number of its heartbeats.</param>
public sealed record Member(NodeId Node, long Beat, MemberState State, string ProgramVersion, string Address, int Load);

/// <summary>One row of the table.</summary>
/// <param name="Owner">Null when nobody holds the shard.</param>
/// <param name="Fence">The last that was given for the shard; stays when the shard is freed.</param>
public sealed record ShardEntry(int Shard, NodeId? Owner, long Fence);

/// <summary>The store as it was right after the heartbeat.</summary>
public sealed record HeartbeatAnswer
{
    /// <summary>
    /// Names one unbroken memory of the store: drawn when its state is created, and drawn again whenever it may have forgotten something (emptied, restarted, another server took over).
    /// Within one epoch no step is ever undone.
    /// </summary>
    public required string Epoch { get; init; }

    /// <summary>From 1, raised by every change of an owner and every change of who is a member or of a member's state; within <see cref="Epoch"/>.</summary>
    public required long Version { get; init; }

    /// <summary>All members, the sender included.</summary>
    public required IReadOnlyList<Member> Members { get; init; }

    /// <summary>Those of <see cref="Heartbeat.Leases"/> that the sender does not hold under that fence; all of them when its epoch was another.</summary>
    public IReadOnlyList<int> LostLeases { get; init; } = [];

    /// <summary>All shards that ever had an owner in this epoch, in any order; null when the sender's epoch and version were these.</summary>
    public IReadOnlyList<ShardEntry>? Table { get; init; }
}
