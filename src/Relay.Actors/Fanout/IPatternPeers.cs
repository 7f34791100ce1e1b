using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>The other nodes, to whoever subscribes to patterns here. Thread-safe.</summary>
internal interface IPatternPeers
{
    /// <summary>
    /// Tells all other nodes of a pattern, those that come later as well: their matching channels bring <paramref name="replica"/> their events until <see cref="Withdraw"/>. The replica is
    /// told <see cref="PatternKnown"/> when every node that is connected has said that it knows, and <see cref="PatternInDoubt"/> whenever events may have been missed.
    /// </summary>
    /// <returns>The number of the announcement.</returns>
    long Announce(ChannelPattern pattern, IActorRef replica);

    /// <summary>Nobody subscribes any more.</summary>
    void Withdraw(long number);
}

/// <summary>To a pattern's replica: whatever is published on any connected node from now on comes.</summary>
internal sealed record PatternKnown(long Number);

/// <summary>To a pattern's replica: a session with another node began or ended, so events may not have come.</summary>
internal sealed class PatternInDoubt
{
    private PatternInDoubt()
    {
    }

    public static PatternInDoubt Instance { get; } = new();
}
