using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// One subscription on its way from where it began to live events: how far it is, and what of the current page is still to be sent. Also the message by which its
/// replica hears that the client has room again. Owned by <see cref="CatchUps"/>.
/// </summary>
internal sealed class CatchUp(Subscription subscription, IActorRef replica) : ITurnTaker
{
    public Subscription Subscription { get; } = subscription;

    /// <summary>The question whose answer is awaited; null when none is. An answer to any other is stale.</summary>
    public HistoryQuery? Asked { get; set; }

    /// <summary>True once it was acked: from then on the client has the subscription, whatever is still to come.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Everything up to here was sent, or told as a gap.</summary>
    public StreamPosition Cursor { get; set; }

    /// <summary>The current page; others may read the same list.</summary>
    public List<Publication> Page { get; set; } = [];

    /// <summary>Events of <see cref="Page"/> that were sent.</summary>
    public int Sent { get; set; }

    /// <summary>Where the cursor stands when all of the page was sent.</summary>
    public StreamPosition Reached { get; set; }

    /// <summary>Answers for the client's own publishes, which wait for the events before them; null when there are none.</summary>
    public List<PublishReply>? Held { get; set; }

    public bool HasRest => Sent < Page.Count;

    public Outbound Outbound => Subscription.Client.Outbound;

    void ITurnTaker.OnTurn() => replica.Tell(this, replica);
}
