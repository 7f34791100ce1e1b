namespace Relay.Cluster.Engine;

/// <summary>A shard that was taken.</summary>
/// <param name="Previous">The fence before; 0 when the store knew none.</param>
public readonly record struct ClaimedShard(int Shard, long Fence, long Previous);

/// <param name="Epoch">The store's; when it is another than the caller's nothing was taken.</param>
public sealed record ClaimAnswer(string Epoch, IReadOnlyList<ClaimedShard> Claimed);

public enum HandOverOutcome
{
    /// <summary>The target holds the shard.</summary>
    Done = 0,

    /// <summary>Somebody else holds it, nobody does, the fence is another, or the epoch is.</summary>
    NotOwner = 1,

    /// <summary>The target is no member that is up; the shard stays where it was.</summary>
    TargetGone = 2,
}

/// <param name="Fence">The target's, when done; else 0.</param>
public sealed record HandOverAnswer(HandOverOutcome Outcome, long Fence);

/// <summary>Slots for reconnecting clients.</summary>
/// <param name="First">Wait before the first.</param>
/// <param name="Gap">From one to the next.</param>
public readonly record struct Reservation(TimeSpan First, TimeSpan Gap);
