namespace Relay.Cluster.Rules;

internal enum HeldPhase
{
    Serving,

    /// <summary>The target was asked; served meanwhile.</summary>
    Preparing,

    /// <summary>Its state goes over; not served.</summary>
    Draining,

    /// <summary>The store was asked to hand over; not served until the outcome is known.</summary>
    HandingOver,

    /// <summary>Not handed over, but an earlier try may still come through: waits for a new fence.</summary>
    Refencing,
}

/// <summary>One shard this node holds.</summary>
internal sealed class HeldShard(long fence)
{
    public long Fence { get; set; } = fence;

    public HeldPhase Phase { get; set; } = HeldPhase.Serving;

    public NodeId To { get; set; }

    /// <summary>Number of the move, unique on this node.</summary>
    public long Move { get; set; }

    public long MoveBegan { get; set; }

    /// <summary>When to ask the store again; only after a failure.</summary>
    public long? RetryAt { get; set; }

    /// <summary>A hand-over failed without an answer: it may still be carried out.</summary>
    public bool IsInDoubt { get; set; }

    public bool IsServed => Phase is HeldPhase.Serving or HeldPhase.Preparing;

    public bool IsMoving => Phase is not HeldPhase.Serving;
}
