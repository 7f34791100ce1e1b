namespace Relay.Cluster.Rules;

/// <summary>The times of the protocol, in milliseconds. The same on all nodes of a cluster. Immutable.</summary>
public sealed record ClusterTimes
{
    /// <summary>How long a member must be seen without a sign of life before others may remove it.</summary>
    public long Lease { get; init; } = 4000;

    /// <summary>From one heartbeat to the next. A node that dies is seen a lease after its last heartbeat was, so up to a heartbeat later than a lease: with 1000, in more than 5 s.</summary>
    public long Beat { get; init; } = 500;

    /// <summary>A node trusts what it holds for a lease less this; it pays for clocks that do not run at quite the same rate.</summary>
    public long Margin { get; init; } = 1000;

    /// <summary>Shortest time between two heartbeats, after failures and hints.</summary>
    public long Retry { get; init; } = 250;

    /// <summary>A free shard is claimed by the highest-ranked member at once, by each next one this much later.</summary>
    public long ClaimStagger { get; init; } = 500;

    /// <summary>A move that is not handed over by then is given up.</summary>
    public long MoveTimeout { get; init; } = 10_000;

    /// <summary>Wait before a shard whose move failed is moved again.</summary>
    public long MoveBackoff { get; init; } = 2000;

    /// <exception cref="ArgumentException">The times do not fit together.</exception>
    public void Check()
    {
        Require(Retry > 0 && Retry <= Beat, nameof(Retry), "lie above 0 and not above Beat");
        Require(Margin > 0, nameof(Margin), "lie above 0");

        // One heartbeat may fail without consequences.
        Require(Lease >= Margin + (2 * Beat), nameof(Lease), "not lie below Margin + 2 Beat");
        Require(ClaimStagger > 0, nameof(ClaimStagger), "lie above 0");
        Require(MoveTimeout > 0, nameof(MoveTimeout), "lie above 0");
        Require(MoveBackoff > 0, nameof(MoveBackoff), "lie above 0");
    }

    private static void Require(bool holds, string setting, string rule)
    {
        if (!holds)
        {
            throw new ArgumentException($"ClusterTimes.{setting} must {rule}", nameof(setting));
        }
    }
}
