using Relay.Actors.Connections;
using Relay.Actors.Explain;
using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// A replica's subscriptions from their coming to their going: who waits for the channel, who catches up, who gets its events and is present. Everyone in it
/// stands in one of these three places. Owned by the replica's turn.
/// </summary>
internal sealed class ReplicaMembers(TimeProvider time, SubscriberSet subscribers, PresenceLedger? ledger = null, NamespaceTraffic? traffic = null)
{
    // Made when first needed: most channels are one user's, with one client and nothing to catch up.
    private PresenceSet? _presence;
    private List<Subscription>? _waiting;
    private List<Subscription>? _started;

    public PresenceSet Presence => _presence ??= new PresenceSet(ledger, traffic);

    public bool AnyWaiting => _waiting is { Count: > 0 };

    /// <summary>Null where there is no history, and until somebody asks for it.</summary>
    public CatchUps? CatchUps { get; set; }

    public bool IsEmpty => subscribers.Count == 0 && IsQuiet;

    /// <summary>Nobody is about to get live events.</summary>
    public bool IsQuiet => !AnyWaiting && CatchUps is not { Count: > 0 };

    /// <summary>Where it is noted who comes and goes, and under which name.</summary>
    public DeliveryLog Deliveries { get; init; } = DeliveryLog.Off;

    /// <inheritdoc cref="Deliveries"/>
    public string Entity { get; init; } = "";

    private long Now => time.NowMicros();

    public void Wait(Subscription subscription) => (_waiting ??= []).Add(subscription);

    public List<Subscription> TakeWaiting()
    {
        var waiting = _waiting ?? [];
        _waiting = null;
        return waiting;
    }

    /// <summary>
    /// The channel cannot be joined now: native clients among those who wait are refused, so that they know and may do something else meanwhile. The others have no
    /// words for that, or asked for nothing that is answered: they wait.
    /// </summary>
    public void RefuseWaiting(string reason)
    {
        foreach (var subscription in TakeWaiting())
        {
            if (subscription.IsRemoved)
            {
                continue;
            }

            if (!subscription.RequestId.IsPresent || subscription.Client.Dialect.Profile is not { IsNative: true, IsStream: false })
            {
                Wait(subscription);
                continue;
            }

            subscription.IsRemoved = true;
            subscription.IsRefused = true;
            if (subscription.Replaces is { } replaced)
            {
                subscription.Replaces = null;
                Drop(replaced);
            }

            subscription.Client.Send(PublishAnswers.NotNow(subscription.RequestId, reason, Now));
            (_started ??= []).Add(subscription);
        }
    }

    /// <summary>Tells the connections what began, or was withdrawn, since the last time.</summary>
    public void TellStarted(IActorRef replica)
    {
        if (_started is not { } started)
        {
            return;
        }

        _started = null;
        foreach (var subscription in started)
        {
            subscription.Client.Actor.Tell(new SubscriptionStarted(subscription), replica);
        }
    }

    /// <summary>Acks a subscription that wants nothing from before, and adds it to those who get live events: in one turn, so that nothing falls between.</summary>
    public void Start(Subscription subscription, StreamPosition position)
    {
        Begin(subscription, position, position, null);
        GoLive(subscription);
    }

    /// <summary>A subscription has everything up to where the replica stands: in the same turn it joins those who get live events.</summary>
    public void GoLive(Subscription subscription)
    {
        subscription.LiveMicros = Now;
        subscribers.Add(subscription);
    }

    /// <summary>Acks a subscription, which ends the one whose place it takes.</summary>
    /// <param name="subscription">Who.</param>
    /// <param name="position">Where the replica stands.</param>
    /// <param name="start">Where its events begin.</param>
    /// <param name="recovered">Whether these are all that was asked for; null when it did not ask by position or time.</param>
    public void Begin(Subscription subscription, StreamPosition position, StreamPosition start, bool? recovered)
    {
        var client = subscription.Client;
        subscription.StartedAt = position;
        if (recovered is { } complete)
        {
            client.Traffic.Recovered(complete);
        }

        var replaced = subscription.Replaces;
        subscription.Replaces = null;
        TellLeftBehind(replaced, subscription, start);
        if (replaced is not null && !TakePlace(replaced, subscription, position))
        {
            replaced = null;
        }

        if (subscription.RequestId.IsPresent)
        {
            client.Send(new SubscribedMessage
            {
                TimestampMicros = Now,
                RequestId = subscription.RequestId,
                Channel = subscription.Channel,
                Position = position,
                Start = start,
                Recovered = recovered,
            });
        }
        else if (recovered == false)
        {
            // guarantees.md 2: a subscription without an ack that cannot go on where it should has no other way to say so.
            TellMissing(subscription, subscription.Since!.Value, position);
        }

        ShowPresence(replaced, subscription);
        (_started ??= []).Add(subscription);
    }

    /// <summary>
    /// Tells a client, if it has words for it, that what lies between is missing: up to <paramref name="to"/>, from <paramref name="seen"/> or, where that is of another life
    /// of the channel, from the beginning. So another life is told of even when nothing of it is missing.
    /// </summary>
    public void TellGap(Subscription subscription, StreamPosition seen, StreamPosition to) => TellGap(subscription, subscription.Channel, seen, to);

    /// <summary>The same of one channel of a pattern.</summary>
    public void TellGap(Subscription subscription, string channel, StreamPosition seen, StreamPosition to) => subscription.Client.Send(new GapMessage
    {
        TimestampMicros = Now,
        Channel = channel,
        Epoch = to.Epoch,
        From = seen.Epoch == to.Epoch ? seen.Offset + 1 : 1,
        To = to.Offset,
    });

    /// <summary>The same to all who get live events and have words for it.</summary>
    public void TellGap(StreamPosition seen, StreamPosition to)
    {
        foreach (var subscription in subscribers.OfNative())
        {
            TellGap(subscription, seen, to);
        }
    }

    /// <summary>Ends a subscription, wherever it stands.</summary>
    public void Drop(Subscription subscription)
    {
        if (subscription.IsRemoved)
        {
            return;
        }

        subscription.IsRemoved = true;
        if (subscription.Replaces is { } replaced)
        {
            subscription.Replaces = null;
            Drop(replaced);
        }

        var hadBegun = subscription.CatchUp is { HasBegun: true };
        if (subscription.CatchUp is { } catchUp)
        {
            CatchUps!.Remove(catchUp);
        }

        if (hadBegun || subscribers.Remove(subscription))
        {
            NoteLeft(subscription);
            if (subscription.Presence != PresenceWish.None)
            {
                _presence?.Leave(subscription, Now);
            }

            return;
        }

        // Withdrawn before it ran: its request still has an ack, and its connection waits for a start.
        _waiting?.Remove(subscription);
        if (subscription.RequestId.IsPresent)
        {
            subscription.Client.Send(new AckMessage { TimestampMicros = Now, RequestId = subscription.RequestId });
        }

        (_started ??= []).Add(subscription);
    }

    /// <summary>Shows a present member as who it is now.</summary>
    public void Changed(Subscription subscription)
    {
        if (subscription is { IsRemoved: false } and ({ Index: >= 0 } or { CatchUp.HasBegun: true }) && subscription.Presence != PresenceWish.None)
        {
            Presence.Replace(subscription, subscription, Now);
        }
    }

    /// <summary>Who subscribes, live or still catching up.</summary>
    public SightReply See(SightQuery query)
    {
        var seen = new List<(ClientConnection, SubscriptionSight)>();
        for (var group = 0; group < subscribers.Groups; group++)
        {
            foreach (var subscription in subscribers.Group(group))
            {
                See(subscription, null);
            }
        }

        foreach (var catchUp in CatchUps?.All ?? [])
        {
            if (catchUp.HasBegun)
            {
                See(catchUp.Subscription, catchUp.Cursor);
            }
        }

        return new SightReply(seen);

        void See(Subscription subscription, StreamPosition? cursor)
        {
            if (query.Connections?.Contains(subscription.Client.Id) != false)
            {
                seen.Add((subscription.Client, new SubscriptionSight(Entity, subscription.StartedAt, subscription.LiveMicros, cursor, subscription.Filter)));
            }
        }
    }

    /// <summary>Ends a subscription as its connection asks, with the answers it wants.</summary>
    public void Remove(RemoveSubscription remove, IActorRef connection, IActorRef replica)
    {
        Drop(remove.Subscription);
        if (remove.RequestId.IsPresent)
        {
            remove.Subscription.Client.Send(new AckMessage { TimestampMicros = Now, RequestId = remove.RequestId });
        }

        if (remove.WantsReply)
        {
            connection.Tell(new SubscriptionEnded(remove.Subscription), replica);
        }
    }

    // The client subscribed again, or came back over another connection: what it owes and is owed goes on, its wishes are the new ones. False when the old
    // one did not run.
    private bool TakePlace(Subscription old, Subscription subscription, StreamPosition position)
    {
        if (old.CatchUp is { HasBegun: true } catchUp)
        {
            CatchUps!.Remove(catchUp);
        }
        else if (!subscribers.Remove(old))
        {
            Drop(old);
            return false;
        }

        NoteLeft(old);
        old.IsRemoved = true;
        if (old.StartedAt.Epoch == position.Epoch)
        {
            subscription.StartedAt = old.StartedAt;
            subscription.Acked = old.Acked;
        }

        return true;
    }

    // What a client still had to catch up with and does not ask for again. One of several that it sent together may never have begun.
    private void TellLeftBehind(Subscription? replaced, Subscription subscription, StreamPosition start)
    {
        for (var old = replaced; old is not null; old = old.Replaces)
        {
            if (old.CatchUp is { HasBegun: true } catchUp && old.Client == subscription.Client)
            {
                TellMissing(subscription, catchUp.Cursor, start);
            }
        }
    }

    private void NoteLeft(Subscription subscription) => Deliveries.Happened(
        Happening.Left, subscription.Client.Id, Entity, subscription.StartedAt.Epoch, subscription.StartedAt.Offset, 0, Now, since: subscription.LiveMicros);

    private void TellMissing(Subscription subscription, StreamPosition seen, StreamPosition to)
    {
        if (to.Offset > (seen.Epoch == to.Epoch ? seen.Offset : 0))
        {
            TellGap(subscription, seen, to);
        }
    }

    private void ShowPresence(Subscription? old, Subscription subscription)
    {
        var wasPresent = old is not null && old.Presence != PresenceWish.None;
        if (subscription.Presence == PresenceWish.None)
        {
            if (wasPresent)
            {
                _presence?.Leave(old!, Now);
            }
        }
        else if (wasPresent)
        {
            Presence.Replace(old!, subscription, Now);
        }
        else
        {
            Presence.Join(subscription, Now);
        }
    }
}
