using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// What a channel accepted between two owners while a replica had living subscribers: fetched page by page, and collected for all of them as live events are. What is
/// gone is told as a gap (guarantees.md 2). Made for each new owner, so that an answer to an earlier one's questions is known to be stale. Owned by the replica's turn.
/// </summary>
internal sealed class Healing(StreamPosition position, ReplicaMembers members, ReplicaDelivery delivery, Action<HistoryQuery> ask)
{
    private static readonly PageBounds Page = new(1000, 256 * 1024);

    /// <summary>Everything up to here was collected, or told as a gap.</summary>
    public StreamPosition Position { get; private set; } = position;

    /// <summary>Some of it was gone.</summary>
    public bool HadGap { get; private set; }

    /// <summary>Asks for the next page.</summary>
    public void Ask() => ask(new HistoryQuery { Tag = this, After = Position, Limit = CatchUps.MostUnasked, Page = Page });

    /// <summary>A page came. True when it was the last; otherwise the next one is asked for.</summary>
    public bool TryEnd(HistoryReply reply)
    {
        if (!reply.Complete)
        {
            HadGap = true;
            members.TellGap(Position, reply.Start);
        }

        foreach (var publication in reply.Events)
        {
            delivery.Collect(publication);
        }

        Position = reply.Reached;
        if (reply.Reached == reply.Position)
        {
            return true;
        }

        Ask();
        return false;
    }
}

/// <summary>To the replica itself, behind the turns that bring what was missed to more subscribers than one turn serves.</summary>
internal sealed class HealingEnded
{
    private HealingEnded()
    {
    }

    public static HealingEnded Instance { get; } = new();
}
