using System.Runtime.InteropServices;
using Relay.Actors.Admin;
using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// What every dialect's behaviour uses of its connection: subscriptions, publishes on their way, answers. Owned by the connection's actor.
/// </summary>
internal sealed class ConnectionCore(ClientConnection client, ConnectionServices services, IActorContext context)
{
    /// <summary>Room that is kept between two bursts.</summary>
    private const int MaxKept = 64;

    private readonly SubscriptionMap _subscriptions = new(client.Traffic);
    private List<PublishItem>? _items;
    private List<ServerMessage>? _acks;
    private BatchPublishes? _batches;
    private string? _itemsChannel;
    private Action? _whenSubscribed;
    private TokenBucket _publishes;
    private (ErrorCode Code, int Count) _refused;
    private Share? _own;

    public ClientConnection Client { get; } = client;

    public ConnectionServices Services { get; } = services;

    public IActorRef Self => context.Self;

    public IActorContext Context => context;

    /// <summary>Subscriptions that have not started yet.</summary>
    public int PendingSubscriptions { get; private set; }

    /// <summary>Events given to channels and not yet answered.</summary>
    public int InFlight { get; private set; }

    /// <summary>True while a behaviour waits for another actor; no further command is handled meanwhile.</summary>
    public bool IsBusy { get; set; }

    /// <summary>True once a token or an agent's name was accepted.</summary>
    public bool IsAuthenticated { get; set; } = client.Request.Principal.IsAuthenticated;

    /// <summary>What it may do, by the credentials it showed last.</summary>
    public Principal Principal
    {
        get => Client.Principal;
        set => Client.Principal = value;
    }

    /// <summary>True where everyone must show a credential and this client has shown none.</summary>
    public bool IsNobody => Services.Access.IsNobody(Asker);

    private Asker Asker => new(Principal, IsAuthenticated, AgentId, Client.Request.UserId);

    /// <summary>The agent it speaks for, null when none.</summary>
    public string? AgentId { get; set; } = client.Request.AgentId;

    // Ids of one publisher never hide another's (reliability.md S26); only an identity that was checked makes a scope.
    private string Scope =>
        Client.Request.Principal.Subject is { Length: > 0 } subject ? subject : IsAuthenticated && AgentId is not null ? AgentId : "";

    public long Now => Services.Time.NowMicros();

    public IEnumerable<Subscription> Subscriptions => _subscriptions.Values;

    public bool HasSubscriptions => _subscriptions.Count > 0;

    /// <summary>Not null once another connection takes up this one's session: no command is handled any more.</summary>
    public Handover? Handover { get; set; }

    /// <summary>The client's subscription to a channel or pattern; to the pattern where it has both of that name.</summary>
    public Subscription? Find(string channel) =>
        (channel.Contains('*', StringComparison.Ordinal) && _subscriptions.TryGet(PatternReplica.EntityOf(channel), out var found))
        || _subscriptions.TryGet(channel, out found) ? found : null;

    /// <summary>
    /// Subscribes. Where it already is, the new subscription takes the place of the old one, with its own wishes and its own ack: the replica exchanges
    /// them in one step, so that no event falls between the two.
    /// </summary>
    public void Subscribe(Subscription subscription)
    {
        if (_subscriptions.TryGet(subscription.Entity, out var existing))
        {
            if (subscription.HasNoWishes)
            {
                return;
            }

            subscription.Replaces = existing;
        }

        _subscriptions.Set(subscription);
        PendingSubscriptions++;
        Tell(Services.Replicas, subscription.Entity, new AddSubscription(subscription));
    }

    /// <summary>Subscribes without an ack.</summary>
    public void SubscribeSilently(string channel, StreamPosition? since = null, EventFilter? filter = null) =>
        Subscribe(new Subscription(Client, channel) { Since = since, Filter = filter });

    /// <summary>A subscription runs, or was withdrawn or refused before it ran.</summary>
    public void Started(Subscription subscription)
    {
        if (subscription.IsRefused && _subscriptions.TryGet(subscription.Entity, out var known) && known == subscription)
        {
            _subscriptions.Remove(subscription.Entity, out _);
        }

        PendingSubscriptions--;
        if (PendingSubscriptions == 0 && _whenSubscribed is { } step)
        {
            _whenSubscribed = null;
            step();
        }
    }

    /// <summary>Does something once every subscription has started: at once when none is pending. A later step takes the place of one still waiting.</summary>
    public void WhenSubscribed(Action step)
    {
        if (PendingSubscriptions == 0)
        {
            step();
        }
        else
        {
            _whenSubscribed = step;
        }
    }

    /// <summary>Ends a subscription; the ack follows its last event. Unknown channels are acked as well (protocols.md, <c>context</c>).</summary>
    public void Unsubscribe(string channel, RequestId requestId)
    {
        if (Find(channel) is { } subscription)
        {
            _subscriptions.Remove(subscription.Entity, out _);
            Tell(Services.Replicas, subscription.Entity, new RemoveSubscription(subscription, requestId));
        }
        else
        {
            Ack(requestId);
        }
    }

    /// <summary>For its operators.</summary>
    public SubscriptionsTold TellSubscriptions() => new(
    [
        .. _subscriptions.Values.OrderBy(static one => one.Channel, StringComparer.Ordinal)
            .Select(static one => new SubscriptionFacts(one.Channel, one.IsPattern, one.Presence, one.LiveMicros, one.Filter?.Patterns)),
    ]);

    /// <summary>An operator ends a subscription. A native client is told, or it would wait for events.</summary>
    public bool TakeOut(string channel)
    {
        if (Find(channel) is null)
        {
            return false;
        }

        Unsubscribe(channel, RequestId.None);
        if (Client.Dialect.Profile is { IsNative: true, IsStream: false })
        {
            Error(ErrorCode.NotAuthorized, "No longer subscribed, an operator ended it: " + channel);
        }

        return true;
    }

    public void UnsubscribeAll()
    {
        foreach (var subscription in _subscriptions.Values)
        {
            Tell(Services.Replicas, subscription.Entity, new RemoveSubscription(subscription, RequestId.None));
        }

        _subscriptions.Clear();
    }

    /// <summary>
    /// Ends all subscriptions; returns how many <see cref="SubscriptionEnded"/> follow, one for each. After that nothing more comes of any.
    /// </summary>
    public int EndSubscriptions()
    {
        var count = _subscriptions.Count;
        foreach (var subscription in _subscriptions.Values)
        {
            Tell(Services.Replicas, subscription.Entity, new RemoveSubscription(subscription, RequestId.None) { WantsReply = true });
        }

        _subscriptions.Clear();
        return count;
    }

    /// <summary>The subscriptions are another connection's now.</summary>
    public void ForgetSubscriptions() => _subscriptions.Clear();

    /// <summary>Whether it has a right to a channel.</summary>
    public bool May(ChannelRights right, string channel) => Services.Access.May(right, Asker, channel);

    /// <summary>Whether it has a right to every channel of a pattern.</summary>
    public bool MayPattern(ChannelRights right, string pattern) =>
        ChannelPattern.TryParse(pattern, out var channels) && Services.Access.May(right, Asker, channels);

    /// <summary>Whether a channel, or pattern, of this name may be asked who is present.</summary>
    public bool HasPresence(string channel) => Services.Settings.For(channel).Presence;

    /// <summary>The refusal where it may not.</summary>
    public static string PresenceOff(string channel) => NamespaceSettings.PresenceOff(channel);

    /// <summary>Whether so many publishes may go to their channel now; null = they may. Asked once for each command.</summary>
    public LimitRefusal? TryPublish(string channel, int count)
    {
        var limits = Services.Limits;
        if (limits.PassesPublishes)
        {
            return null;
        }

        // Without credentials, and behind no address that counts, a connection is a user of its own.
        var lease = Client.Request.Lease;
        return limits.TryPublish(ref _publishes, lease?.Payer ?? (_own ??= new Share()), lease is { IsUser: true }, channel, count);
    }

    /// <summary>Collects an event; those of one channel that follow each other go out together with <see cref="FlushPublishes"/>.</summary>
    public void Publish(string channel, in PublishItem item)
    {
        if (_itemsChannel != channel)
        {
            FlushPublishes();
            _itemsChannel = channel;
        }

        (_items ??= []).Add(item);
        InFlight++;
    }

    public void FlushPublishes()
    {
        if (_items is not { Count: > 0 })
        {
            return;
        }

        var batch = BatchOf(_itemsChannel!, [.. _items]);
        _items.Clear();
        if (_items.Capacity > MaxKept)
        {
            _items = null;
        }

        Services.Channels.Tell(batch, Self);
        _itemsChannel = null;
    }

    /// <summary>Publishes a client's batch, behind what was collected before it; answered when every channel of it has answered.</summary>
    public void PublishAll(PublishBatchCommand command, Func<PublishCommand, string?> refusal)
    {
        FlushPublishes();
        _batches ??= new BatchPublishes();
        var results = _batches.Begin(command, refusal, (channel, items, tag) =>
        {
            InFlight += items.Length;
            Services.Channels.Tell(BatchOf(channel, items, tag), Self);
        });
        if (results is not null)
        {
            AckBatch(command.RequestId, results);
        }
    }

    private PublishBatch BatchOf(string channel, PublishItem[] items, long tag = 0) =>
        new() { Channel = channel, Items = items, Scope = Scope, WantsReply = true, Tag = tag, SentAt = Services.Time.GetTimestamp() };

    private void AckBatch(RequestId requestId, PublishResult[] results)
    {
        if (requestId.IsPresent)
        {
            (_acks ??= []).Add(new PublishedBatchMessage { TimestampMicros = Now, RequestId = requestId, Results = results });
        }
    }

    /// <summary>The channel has taken a batch: answers those requests that carried an id.</summary>
    public void Published(PublishReply reply)
    {
        InFlight -= reply.Outcomes.Length;
        if (reply.Batch.SentAt is { } sentAt)
        {
            Services.Metrics.For(reply.Batch.Channel).Answered(Services.Time.GetElapsedTime(sentAt));
        }

        CountRefusals(reply);
        Services.Deliveries.NotAccepted(reply, Client.Subject ?? "", Now);
        if (Services.Registry.IsLeaving)
        {
            return;
        }

        var now = Now;
        for (var i = 0; i < reply.Outcomes.Length; i++)
        {
            var requestId = reply.Batch.Items[i].RequestId;
            if (requestId.IsPresent)
            {
                (_acks ??= []).Add(PublishAnswers.Of(reply, i, now));
            }
        }

        if (reply.Batch.Tag != 0 && _batches!.TryEnd(reply, out var batch, out var results))
        {
            AckBatch(batch, results);
        }
    }

    private void CountRefusals(PublishReply reply)
    {
        foreach (ref readonly var outcome in reply.Outcomes.AsSpan())
        {
            if (reply.Refusal is not null)
            {
                Client.Traffic.Refused(ErrorCode.Unavailable);
            }
            else if (outcome.Error is { } error)
            {
                Client.Traffic.Refused(error);
            }
        }
    }

    /// <summary>Requests that a limit refused since the acks were sent last.</summary>
    public int Refused => _refused.Count;

    private void CountRefused()
    {
        Client.Traffic.Refused(_refused.Code, _refused.Count);
        _refused = default;
    }

    /// <summary>Sends the acks collected in this turn with one system call.</summary>
    public void FlushAcks()
    {
        if (_refused.Count > 0)
        {
            CountRefused();
        }

        if (_acks is { Count: > 0 })
        {
            Client.Send(CollectionsMarshal.AsSpan(_acks));
            _acks.Clear();
            if (_acks.Capacity > MaxKept)
            {
                _acks = null;
            }
        }
    }

    /// <summary>Sends an answer, behind the acks that came before it.</summary>
    public void Send(ServerMessage message)
    {
        FlushAcks();
        Client.Send(message);
    }

    public void Ack(RequestId requestId)
    {
        if (requestId.IsPresent)
        {
            Send(new AckMessage { TimestampMicros = Now, RequestId = requestId });
        }
    }

    /// <summary>Refuses a request that may be tried again in a second.</summary>
    public void RefuseForNow(RequestId requestId, string text)
    {
        Client.Traffic.Refused(ErrorCode.Unavailable);
        if (requestId.IsPresent)
        {
            Send(PublishAnswers.NotNow(requestId, text, Now));
        }
    }

    /// <summary>
    /// Refuses a request because of a limit. The answer goes out with the other acks of the turn: to refuse must cost a fraction of what is refused, and a system call each
    /// would be most of it.
    /// </summary>
    public void Refuse(RequestId requestId, LimitRefusal refusal)
    {
        if (_refused.Count > 0 && _refused.Code != refusal.Code)
        {
            CountRefused();
        }

        _refused = (refusal.Code, _refused.Count + 1);
        if (requestId.IsPresent)
        {
            (_acks ??= []).Add(new AckMessage
            {
                TimestampMicros = Now, RequestId = requestId, Error = refusal.Code, ErrorText = refusal.Text, RetryAfterMilliseconds = refusal.RetryAfterMilliseconds,
            });
        }
    }

    /// <summary>Refuses a request that would have been acked; silence when it carried no id.</summary>
    public void Refuse(RequestId requestId, ErrorCode code, string text, long retryAfter = 0)
    {
        Client.Traffic.Refused(code);
        if (requestId.IsPresent)
        {
            Send(new AckMessage { TimestampMicros = Now, RequestId = requestId, Error = code, ErrorText = text, RetryAfterMilliseconds = retryAfter });
        }
    }

    public void Error(ErrorCode code, string text, string details = "")
    {
        Client.Traffic.Refused(code);
        Send(new ErrorMessage { TimestampMicros = Now, Code = code, Text = text, Details = details, MessageBits = Services.RandomBits() });
    }

    public void Tell(IActorRef region, string entity, object message) => region.Tell(new ShardEnvelope(entity, message), Self);

    public bool HasRoomFor(Subscription subscription) =>
        _subscriptions.Count < Services.Settings.MaxSubscriptionsPerConnection || _subscriptions.TryGet(subscription.Entity, out _);
}
