using Relay.Actors.Connections;
using Relay.Actors.Explain;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>A connection wants the channel. Answered through its <see cref="ClientConnection"/> and with <see cref="SubscriptionStarted"/>.</summary>
public sealed record AddSubscription(Subscription Subscription);

/// <summary>
/// A connection leaves the channel. The ack, if one is wanted, is written by the replica: nothing of the channel follows it.
/// </summary>
public sealed record RemoveSubscription(Subscription Subscription, RequestId RequestId)
{
    /// <summary>True when the sender gets <see cref="SubscriptionEnded"/> once nothing more comes.</summary>
    public bool WantsReply { get; init; }
}

/// <summary>To the connection's actor: nothing more comes of this subscription.</summary>
public sealed record SubscriptionEnded(Subscription Subscription);

/// <summary>To the connection's actor, once for every <see cref="AddSubscription"/>: events flow from now on, or it was withdrawn before they did.</summary>
public sealed record SubscriptionStarted(Subscription Subscription);

/// <summary>Whoever is present through this subscription may be somebody else now.</summary>
public sealed record MemberChanged(Subscription Subscription);

/// <summary>The client confirmed an event.</summary>
public sealed record DeliveryAcked(Subscription Subscription, StreamPosition Position);

/// <summary>Native: who is here. The client is answered by the replica itself, so that no join or leave overtakes the answer.</summary>
public sealed record PresenceQuery(ClientConnection Client, RequestId RequestId);

/// <summary>Asks a channel's replica who is present; answered with a <see cref="PresenceList"/>.</summary>
public sealed record PresenceListQuery;

/// <summary>Asks a replica for its figures; answered with <see cref="ReplicaStats"/>.</summary>
public sealed record ReplicaStatsQuery;

/// <summary>Figures of one replica.</summary>
public sealed record ReplicaStats(string Channel, int Subscribers, int PendingDeliveries);

/// <summary>Asks a replica who subscribes; answered with a <see cref="SightReply"/>.</summary>
/// <param name="Connections">Only these; null = all.</param>
internal sealed record SightQuery(IReadOnlySet<long>? Connections);

/// <summary>Who subscribes, in no order.</summary>
internal sealed record SightReply(IReadOnlyList<(ClientConnection Client, SubscriptionSight Subscription)> Subscriptions);
