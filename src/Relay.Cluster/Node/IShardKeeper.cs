using Relay.Cluster.Engine;
using Relay.Cluster.Rules;

namespace Relay.Cluster.Node;

/// <summary>
/// Carries out what <see cref="Ownership"/> decides about the shards of this node. Called in the turn of the <see cref="ClusterActor"/>, one call after the other; must not block. What
/// comes of a move is told to that actor: <see cref="PrepareAgreed"/>, <see cref="StateMoved"/>, <see cref="MoveFailed"/>.
/// </summary>
public interface IShardKeeper
{
    /// <inheritdoc cref="Decision.Start"/>
    void Start(int shard, long fence);

    /// <inheritdoc cref="Decision.Resume"/>
    void Resume(int shard, long fence);

    /// <inheritdoc cref="Decision.Stop"/>
    void Stop(int shard, StopReason reason);

    /// <inheritdoc cref="Decision.SuspendAll"/>
    void SuspendAll();

    /// <inheritdoc cref="Decision.ResumeAll"/>
    void ResumeAll();

    /// <inheritdoc cref="Decision.BeginMove"/>
    void BeginMove(int shard, long move, NodeId to);

    /// <inheritdoc cref="Decision.Drain"/>
    void Drain(int shard, long move, NodeId to);

    /// <inheritdoc cref="Decision.AbortMove"/>
    void AbortMove(int shard, long move, NodeId to, bool serves);

    /// <summary>The store made <paramref name="to"/> the owner under <paramref name="fence"/>; <see cref="Stop"/> follows. The target may be told.</summary>
    void HandedOver(int shard, long move, NodeId to, string epoch, long fence);

    /// <summary>Who is a member now, this node included.</summary>
    void Members(IReadOnlyList<Member> members);

    /// <summary>Something that was told to the actor as a <see cref="KeeperMessage"/>.</summary>
    void Handle(object message);

    /// <summary>Whether the other nodes have heard all that was said of the shards: before that, leaving would take back what is on its way. Asked again after some time.</summary>
    bool IsHeard();

    /// <summary>Some time has passed, about 50 ms.</summary>
    void Tick();
}

/// <summary>To the <see cref="ClusterActor"/>: for its keeper, in its turn.</summary>
public sealed record KeeperMessage(object Message);

/// <summary>To the <see cref="ClusterActor"/>: the target of a move buffers what comes for the shard.</summary>
public sealed record PrepareAgreed(int Shard, long Move);

/// <summary>To the <see cref="ClusterActor"/>: the target of a move has the shard's state.</summary>
public sealed record StateMoved(int Shard, long Move);

/// <summary>To the <see cref="ClusterActor"/>: the target refused, cannot be reached, or did not get the state.</summary>
public sealed record MoveFailed(int Shard, long Move);

/// <summary>To the <see cref="ClusterActor"/>: the former owner says that the store gave the shard to this node.</summary>
public sealed record ShardGiven(string Epoch, int Shard, long Fence);

/// <summary>To the <see cref="ClusterActor"/>: a journal refused a write of the shard, having seen a higher fence.</summary>
public sealed record ShardFenced(int Shard, long Seen);

/// <summary>To the <see cref="ClusterActor"/>: the table may have changed.</summary>
public sealed record TableChanged(long Version);

/// <summary>
/// To the <see cref="ClusterActor"/>: move all shards out and take none, but stay a member until a <see cref="LeaveRequest"/>; the sender is told <see cref="ShardsHandedOver"/>.
/// </summary>
public sealed class HandOverRequest
{
    private HandOverRequest()
    {
    }

    public static HandOverRequest Instance { get; } = new();
}

/// <summary>This node holds nothing any more that another one could take.</summary>
public sealed class ShardsHandedOver
{
    private ShardsHandedOver()
    {
    }

    public static ShardsHandedOver Instance { get; } = new();
}

/// <summary>To the <see cref="ClusterActor"/>: move all shards out and leave; the sender is told <see cref="ClusterLeft"/>.</summary>
public sealed class LeaveRequest
{
    private LeaveRequest()
    {
    }

    public static LeaveRequest Instance { get; } = new();
}

/// <summary>The membership is over.</summary>
public sealed class ClusterLeft
{
    private ClusterLeft()
    {
    }

    public static ClusterLeft Instance { get; } = new();
}

/// <summary>To the <see cref="ClusterActor"/>: take part again after a <see cref="HandOverRequest"/>; the sender is told a <see cref="ReturnAnswer"/>.</summary>
public sealed class ReturnRequest
{
    private ReturnRequest()
    {
    }

    public static ReturnRequest Instance { get; } = new();
}

/// <param name="Returns">False when the node did not leave, or is about to be gone.</param>
public sealed record ReturnAnswer(bool Returns);

/// <summary>To the <see cref="ClusterActor"/>: where operators want shards to be, see <see cref="Ownership.Pin"/>.</summary>
public sealed record PinRequest(IReadOnlyDictionary<int, NodeId> Pins);

/// <summary>To the <see cref="ClusterActor"/>: the sender is told <see cref="ShardsSeen"/>.</summary>
public sealed class ShardsRequest
{
    private ShardsRequest()
    {
    }

    public static ShardsRequest Instance { get; } = new();
}

/// <param name="Epoch">The store's memory that the fences are of.</param>
/// <param name="Shards">All, by number.</param>
public sealed record ShardsSeen(string Epoch, IReadOnlyList<ShardSeen> Shards);

/// <summary>A shard as one node sees it.</summary>
/// <param name="Owner">By the store's table; null = nobody.</param>
/// <param name="Phase">Null when this node does not hold it; else <c>serving</c>, <c>suspended</c> (this node is not trusted now), or of a move <c>preparing</c> (still served), <c>draining</c>, <c>handing_over</c>, <c>refencing</c>.</param>
/// <param name="To">Where it moves to.</param>
public sealed record ShardSeen(int Shard, NodeId? Owner, long Fence, string? Phase, NodeId? To);
