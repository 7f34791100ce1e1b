using Relay.Cluster.Engine;

namespace Relay.Cluster.Rules;

public enum StopReason
{
    /// <summary>The store gave it to somebody else, or to nobody.</summary>
    Lost = 0,

    /// <summary>It was handed over as planned.</summary>
    Moved = 1,

    /// <summary>The store lost its memory: all shards start again, under new fences.</summary>
    StoreForgot = 2,

    /// <summary>The node leaves and there was nobody to hand it to.</summary>
    Leaving = 3,
}

/// <summary>What <see cref="Ownership"/> wants done, in the order given.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>Send the heartbeat; answer with <see cref="Ownership.HeartbeatAnswered"/> or <see cref="Ownership.HeartbeatFailed"/>.</summary>
    public sealed record SendHeartbeat(Heartbeat Beat) : Decision;

    /// <summary>Claim; answer with <see cref="Ownership.ClaimAnswered"/> or <see cref="Ownership.ClaimFailed"/>.</summary>
    public sealed record Claim(string Epoch, IReadOnlyList<int> Shards) : Decision;

    /// <summary>The node owns the shard: recover it and serve.</summary>
    public sealed record Start(int Shard, long Fence) : Decision;

    /// <summary>The shard's state is still good: serve on, under this fence from now on.</summary>
    public sealed record Resume(int Shard, long Fence) : Decision;

    /// <summary>The node does not own the shard any more: drop its state, write nothing.</summary>
    public sealed record Stop(int Shard, StopReason Reason) : Decision;

    /// <summary>No shard may be acted on until <see cref="ResumeAll"/>: no publish accepted, nothing delivered as owner.</summary>
    public sealed record SuspendAll : Decision;

    public sealed record ResumeAll : Decision;

    /// <summary>Ask the target to take the shard; go on serving. Answer with <see cref="Ownership.PrepareAgreed"/> or <see cref="Ownership.MoveFailed"/>.</summary>
    public sealed record BeginMove(int Shard, long Move, NodeId To) : Decision;

    /// <summary>Serve the shard no more, end its writes, bring its state over. Answer with <see cref="Ownership.StateMoved"/> or <see cref="Ownership.MoveFailed"/>.</summary>
    public sealed record Drain(int Shard, long Move, NodeId To) : Decision;

    /// <summary>Hand over; answer with <see cref="Ownership.HandOverAnswered"/> or <see cref="Ownership.HandOverFailed"/>.</summary>
    public sealed record HandOver(int Shard, long Move, NodeId To, string Epoch, long Fence) : Decision;

    /// <summary>The move is off; the target may forget. The shard serves on here, unless a <see cref="Resume"/> or <see cref="Stop"/> is still to come: see <paramref name="Serves"/>.</summary>
    public sealed record AbortMove(int Shard, long Move, NodeId To, bool Serves) : Decision;

    /// <summary>Leave the cluster; answer with <see cref="Ownership.Left"/> or <see cref="Ownership.LeaveFailed"/>.</summary>
    public sealed record LeaveCluster : Decision;
}
