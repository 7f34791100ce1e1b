using Relay.Actors.Channels;
using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// This node's view of one channel: it joins the channel once for all clients of the node, and brings every event to them.
/// <para>
/// Order is the whole point of this actor. Everything a client gets of the channel passes this one mailbox: live events, missed events,
/// the ack of subscribe and unsubscribe, and the answer to a publish behind the published event. So there is no lock and no merge of
/// history with live traffic: whoever is caught up is added in the same turn in which its last missed event was sent.
/// </para>
/// Lives as long as somebody subscribes, then leaves the channel and passivates.
/// </summary>
public sealed partial class ChannelReplica : ActorBase, IBatchReceiver
{
    private readonly string _channel;
    private readonly ReplicaServices _services;
    private readonly NamespaceTraffic _traffic;
    private readonly SubscriberSet _subscribers = new();
    private readonly ReplicaDelivery _delivery;
    private readonly ReplicaMembers _members;
    private Phase _phase;
    private StreamPosition _position;
    private IActorRef? _owner;

    // Not null while what was missed is being fetched.
    private Healing? _healing;
    private int _toldCount;
    private long _shownVersion;

    /// <summary>A replica of the channel of the actor's name. Not an argument, so that all replicas share one recipe.</summary>
    public ChannelReplica(ReplicaServices services)
    {
        _channel = Self.Path.Name;
        _services = services;
        _traffic = services.Metrics.For(_channel);
        _delivery = new ReplicaDelivery(Context, services.Time, _subscribers, new NamespaceView(services.Live, _channel), _traffic) { Deliveries = services.Deliveries, Entity = _channel };
        var ledger = services.Node is null ? null : new PresenceLedger();
        _members = new ReplicaMembers(services.Time, _subscribers, ledger, _traffic) { Deliveries = services.Deliveries, Entity = _channel };
        _shared = ledger is null ? null : new SharedPresence(services.Node!, ledger, _members, TellOwner);
    }

    private enum Phase
    {
        /// <summary>Nobody subscribes.</summary>
        Idle,

        /// <summary>Asked the channel to be its replica; who comes meanwhile waits.</summary>
        Joining,

        /// <summary>Events come.</summary>
        Joined,

        /// <summary>Told the channel that it leaves; who comes meanwhile waits.</summary>
        Leaving,

        /// <summary>Asked its shard to let it go: who comes meanwhile is passed on to the next incarnation.</summary>
        Passivating,
    }

    /// <inheritdoc/>
    protected override void PreStart() => _traffic.Add(ChannelCounter.Replicas);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (_delivery.IsRunning)
        {
            _delivery.GoOn(message);
            return;
        }

        switch (message)
        {
            case ChannelBatch batch:
                Collect(batch);
                return;
            case DeliveryAcked acked:
                _delivery.Acked(acked);
                return;
        }

        // Everything else must see what was collected as delivered.
        if (_delivery.TryFlush())
        {
            Handle(message);
        }
        else
        {
            Context.Stash.Stash();
        }
    }

    private void Handle(object message)
    {
        switch (message)
        {
            case AddSubscription or RemoveSubscription when _phase == Phase.Passivating:
            case PresenceQuery or PresenceListQuery when _phase == Phase.Passivating && _shared is not null:
                Context.Parent.Tell(new ShardEnvelope(_channel, message), Sender);
                break;
            case AddSubscription add:
                Add(add.Subscription);
                break;
            case RemoveSubscription remove:
                _members.Remove(remove, Sender, Self);
                LeaveIfEmpty();
                break;
            case HistoryReply { Query.Tag: CatchUp } reply:
                _members.CatchUps?.Receive(reply, Live);
                break;
            case CatchUp catchUp:
                _members.CatchUps?.OnTurn(catchUp, Live);
                break;
            case HeldLongEnough:
                _members.CatchUps?.ReleaseHeld();
                break;
            case HistoryReply { Query.Tag: Healing healing } reply when healing == _healing:
                Heal(healing, reply);
                break;
            case HistoryReply:
                break;
            case MemberChanged changed:
                _members.Changed(changed.Subscription);
                break;
            case ReplicaJoined joined:
                Joined(joined.Position);
                break;
            case ReplicaRefused refused when _phase == Phase.Joining:
                _members.RefuseWaiting(refused.Reason);
                break;
            case ReplicaRefused:
                break;
            case ReplicaLeft:
                Left();
                break;
            case Terminated:
                OwnerLost();
                break;
            case RedeliveryDue:
                _delivery.Redeliver();
                break;
            case HealingEnded:
                Healed();
                break;
            case SightQuery query:
                Sender.Tell(_members.See(query), Self);
                break;
            case ReplicaStatsQuery query:
                Sender.Tell(new ReplicaStats(_channel, Subscribers, _delivery.CountPending()), Self);
                break;
            default:
                HandlePresence(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted()
    {
        if (_delivery.IsRunning || !_delivery.TryFlush())
        {
            return;
        }

        TellCount();
        _shared?.Complete(Self, _phase == Phase.Joined);

        // Behind the count: a connection that publishes now finds itself among the channel's subscribers.
        _members.TellStarted(Self);
        if (_phase == Phase.Idle && !_members.AnyWaiting && _shared is not { Asked: > 0 })
        {
            _phase = Phase.Passivating;
            Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
        }
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        _traffic.Add(ChannelCounter.Replicas, -1);
        _members.CatchUps?.Stop();
        _services.Directory.Remove(_channel);
    }

    private long Now => _services.Time.NowMicros();

    // Where live events begin; null while that is not known.
    private StreamPosition? Live => _phase == Phase.Joined && _healing is null ? _position : null;

    private int Subscribers => _subscribers.Count + (_members.CatchUps?.Begun ?? 0);

    private void Collect(ChannelBatch batch)
    {
        foreach (var publication in batch.Events)
        {
            if (!publication.IsTransient)
            {
                if (_healing is not null)
                {
                    // It is in the answer that is on its way.
                    continue;
                }

                if (publication.Position.Epoch == _position.Epoch && publication.Position.Offset <= _position.Offset)
                {
                    continue;
                }

                if (IsBehindHole(publication.Position))
                {
                    // What is missing is fetched, and this with it: now, or when the channel is joined again.
                    if (_phase == Phase.Joined)
                    {
                        BeginHealing();
                    }

                    continue;
                }

                _position = publication.Position;
            }

            _delivery.Collect(publication);
        }

        _delivery.Collect(batch.Replies);
    }

    private void Add(Subscription subscription)
    {
        if (subscription.IsRemoved)
        {
            return;
        }

        if (_phase == Phase.Joined && _healing is null)
        {
            Begin(subscription);
            return;
        }

        _members.Wait(subscription);
        if (_phase == Phase.Idle)
        {
            Join();
        }
    }

    private void Join()
    {
        _phase = Phase.Joining;
        TellOwner(new ReplicaJoin(Self));
    }

    private void Joined(StreamPosition position)
    {
        if (_owner != Sender)
        {
            _owner = Sender;
            Context.Watch(_owner);
        }

        _phase = Phase.Joined;
        _shared?.Joined();
        _toldCount = -1;
        _shownVersion = -1;
        if (_subscribers.Count > 0 && position != _position)
        {
            // The owner changed under living subscribers: fetch what it accepted before this replica joined it.
            BeginHealing();
            return;
        }

        SetHealing(null);
        _position = position;
        BeginWaiting();
    }

    private void BeginWaiting()
    {
        _members.CatchUps?.Resume(_position);
        foreach (var subscription in _members.TakeWaiting())
        {
            // One that began before may have taken this one's place.
            if (!subscription.IsRemoved)
            {
                Begin(subscription);
            }
        }

        LeaveIfEmpty();
    }

    private void Begin(Subscription subscription)
    {
        if (MustWaitForPresence(subscription))
        {
            return;
        }

        if (subscription.WantsNothingFromBefore)
        {
            _members.Start(subscription, _position);
            return;
        }

        _members.CatchUps ??= _delivery.CatchUps = new CatchUps(Context, _services.Settings.CatchUpPage, _members, _delivery, Ask);
        _members.CatchUps.Add(subscription);
    }

    private void Ask(HistoryQuery query) => TellOwner(query);

    private void TellOwner(object message) => _services.Channels.Tell(new ShardEnvelope(_channel, message), Self);

    private void LeaveIfEmpty()
    {
        if (_phase == Phase.Joined && _members.IsEmpty)
        {
            _phase = Phase.Leaving;
            _services.Directory.Remove(_channel);
            TellOwner(new ReplicaLeave(Self));
        }
    }

    private void Left()
    {
        if (_phase != Phase.Leaving)
        {
            return;
        }

        SetHealing(null);
        _shared?.Left();
        if (_owner is not null)
        {
            Context.Unwatch(_owner);
            _owner = null;
        }

        if (_members.AnyWaiting)
        {
            Join();
            return;
        }

        _phase = Phase.Idle;
    }

    private void OwnerLost()
    {
        _owner = null;
        if (_phase is Phase.Joined or Phase.Joining)
        {
            _members.CatchUps?.Suspend();
            Join();
        }
        else if (_phase == Phase.Leaving)
        {
            Left();
        }
    }

    private void BeginHealing()
    {
        _members.CatchUps?.Suspend();
        SetHealing(new Healing(_position, _members, _delivery, Ask));
        _healing!.Ask();
    }

    // A channel leaves out what it has forgotten before it could show it; and whatever else may go wrong must not go unnoticed. Nobody misses anything where nobody gets live events.
    private bool IsBehindHole(StreamPosition next) => _subscribers.Count > 0 && (next.Epoch != _position.Epoch || next.Offset != _position.Offset + 1);

    private void SetHealing(Healing? healing)
    {
        _healing = healing;
        _delivery.HoldsReplies = healing is not null;
    }

    private void Heal(Healing healing, HistoryReply reply)
    {
        var hasEnded = healing.TryEnd(reply);
        _position = healing.Position;
        if (!hasEnded)
        {
            return;
        }

        SetHealing(null);
        _traffic.Add(healing.HadGap ? ChannelCounter.HealedWithGap : ChannelCounter.Healed);
        if (_delivery.TryFlush())
        {
            Healed();
        }
        else
        {
            Self.Tell(HealingEnded.Instance, Self);
        }
    }

    private void Healed()
    {
        if (_phase == Phase.Joined && _healing is null)
        {
            BeginWaiting();
        }
    }

    private void TellCount()
    {
        var version = _subscribers.Version + (_members.CatchUps?.Version ?? 0);
        if (_phase != Phase.Joined || _shownVersion == version)
        {
            return;
        }

        _shownVersion = version;
        _services.Directory.Set(_channel, _subscribers, _members.CatchUps);
        if (_toldCount != Subscribers)
        {
            _toldCount = Subscribers;
            TellOwner(new ReplicaCount(Self, _toldCount));
        }
    }
}
