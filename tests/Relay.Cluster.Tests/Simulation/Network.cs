namespace Relay.Cluster.Tests.Simulation;

/// <summary>How one call fares: when the store takes it and when the answer is back, in microseconds from now; null for never.</summary>
internal readonly record struct CallFate(long? Taken, long? Answered);

/// <summary>Draws delays and losses. Calls overtake each other at will.</summary>
internal sealed class Network(Random random)
{
    /// <summary>0 for a good network, 1 for a bad one.</summary>
    public double Badness { get; set; }

    public CallFate Draw()
    {
        var taken = Delay();
        if (Happens(0.05))
        {
            return new CallFate(null, null);
        }

        return Happens(0.05) ? new CallFate(taken, null) : new CallFate(taken, taken + Delay());
    }

    /// <summary>Microseconds; null when the message is lost.</summary>
    public long? Message() => Happens(0.1) ? null : Delay();

    public bool Happens(double chance) => random.NextDouble() < chance * Badness;

    // Mostly a few milliseconds, sometimes long enough to lose patience, seldom beyond every lease.
    public long Delay() => Happens(0.02) ? random.Next(1_000_000, 9_000_000)
        : Happens(0.1) ? random.Next(50_000, 1_000_000)
        : random.Next(300, 5_000);
}
