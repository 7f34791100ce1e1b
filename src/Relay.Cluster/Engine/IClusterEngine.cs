namespace Relay.Cluster.Engine;

/// <summary>
/// What a cluster needs from outside: a small store that every node can reach, and a way to hand a frame to another node. Every call on the store is one atomic
/// step, and the steps of all nodes have one order. The store judges nothing by a clock: a member stays until it leaves, or until another member says which of
/// its heartbeats was the last for a whole lease (<see cref="Heartbeat.Silent"/>).
/// </summary>
/// <remarks>
/// A call that throws <see cref="ClusterEngineException"/> may have been carried out, may never be, or may be later: callers rely on fences and on the epoch only.
/// Outcomes that belong to the protocol are results. All members may be called from any thread, several at once.
/// </remarks>
public interface IClusterEngine : IAsyncDisposable
{
    /// <summary>Joins, or shows a sign of life; removes silent members; tells what the node does not know yet. One step.</summary>
    ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat);

    /// <summary>
    /// Takes those of the shards that nobody holds, and gives those that <paramref name="node"/> itself holds a new fence (so that whatever was sent under the old
    /// one has no effect any more). Others are left out of the answer. Nothing is taken when <paramref name="node"/> is no member, or
    /// when <paramref name="epoch"/> is not the store's.
    /// </summary>
    ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards);

    /// <summary>
    /// Makes <paramref name="to"/> the owner, under a new fence, when <paramref name="from"/> holds the shard under <paramref name="fence"/> and <paramref name="to"/> is a
    /// member that is up. Sent again after it was done it answers <see cref="HandOverOutcome.Done"/> again, with the same new fence.
    /// </summary>
    ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence);

    /// <summary>Gives up those of the shards that are held by <paramref name="node"/> under the given fences. Nothing else is touched.</summary>
    ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards);

    /// <summary>Gives up all shards of the node and ends its membership, in one step. No effect when it is no member.</summary>
    ValueTask LeaveAsync(NodeId node);

    /// <summary>Reserves slots for reconnecting clients, cluster-wide: so many, at this many per second over all nodes that ask.</summary>
    ValueTask<Reservation> ReserveAsync(int slots, double perSecond);

    /// <summary>
    /// Hands over a frame for another node: usually once, in order from one sender while no connection breaks. Completes when the engine has taken it; the bytes stay as they are until then.
    /// </summary>
    ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame);

    /// <summary>Starts the inbox of <paramref name="self"/>; called once. The listener is called by one thread at a time.</summary>
    void Listen(NodeId self, IClusterListener listener);

    /// <summary>Somebody noticed that the inbox brings nothing though it seems to be well: it is begun anew. No effect where an engine cannot do that.</summary>
    void Resubscribe(string reason)
    {
    }

    /// <summary>What was sent to a node stays without an answer: where an engine has several ways to it, it takes another. No effect elsewhere.</summary>
    void Doubt(NodeId to)
    {
    }

    /// <summary>Why the store cannot be used now, for people; null while it can.</summary>
    string? Illness { get; }
}

/// <summary>What comes in for a node. Must not block.</summary>
public interface IClusterListener
{
    /// <summary>A frame for this node; the bytes are valid until the method returns.</summary>
    void OnFrame(ReadOnlySpan<byte> frame);

    /// <summary>A hint that the table or the members changed. May come late, twice or not at all; heartbeats bring the truth.</summary>
    void OnChanged(long version);

    /// <summary>From here on frames may be missed.</summary>
    void OnInboxLost();

    /// <summary>Frames come in: told once after <see cref="IClusterEngine.Listen"/>, and after every <see cref="OnInboxLost"/>.</summary>
    void OnInboxRestored();
}

/// <summary>The store could not be reached, or did not answer. Whether the call was carried out is unknown.</summary>
/// <param name="isRetryable">False when repeating cannot help: wrong password, wrong type of key.</param>
public sealed class ClusterEngineException(string message, bool isRetryable, Exception? inner = null) : Exception(message, inner)
{
    public bool IsRetryable { get; } = isRetryable;
}
