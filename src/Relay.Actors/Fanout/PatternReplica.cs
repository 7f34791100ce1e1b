using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// This node's subscribers of one pattern such as <c>agents/*</c> (native dialect). Gets the batches of every matching channel. There is no history
/// and no position: a pattern is many sequences, and who needs one resumes the channel itself.
/// <para>Where there are other nodes a subscription begins when all of them know the pattern, so that whatever is published anywhere after its ack is seen.</para>
/// </summary>
public sealed class PatternReplica : ActorBase, IBatchReceiver
{
    /// <summary>How long a subscription waits for the word of other nodes: one of them may have died a moment ago.</summary>
    private static readonly TimeSpan MostUnknown = TimeSpan.FromSeconds(2);

    private readonly string _pattern;
    private readonly ReplicaServices _services;
    private readonly SubscriberSet _subscribers = new();
    private readonly ReplicaDelivery _delivery;
    private readonly ReplicaMembers _members;

    // Null where there is no other node.
    private readonly PatternHealing? _healing;
    private bool _announced;
    private long _announcement;
    private bool _known;
    private bool _passivating;

    /// <summary>The replica of <paramref name="pattern"/>.</summary>
    public PatternReplica(string pattern, ReplicaServices services)
    {
        _pattern = pattern;
        _services = services;
        _delivery = new ReplicaDelivery(Context, services.Time, _subscribers, new NamespaceView(services.Live, pattern)) { Deliveries = services.Deliveries, Entity = EntityOf(pattern) };
        _members = new ReplicaMembers(services.Time, _subscribers) { Deliveries = services.Deliveries, Entity = EntityOf(pattern) };
        _healing = services.Peers is null ? null : new PatternHealing(Context, services.Channels, _delivery, TellGap);
    }

    /// <summary>Name under which a pattern lives among the replicas; no channel begins with it.</summary>
    public static string EntityOf(string pattern) => "pattern:" + pattern;

    /// <summary>The pattern of such a name; null for a channel.</summary>
    public static string? PatternOf(string entity) => entity.StartsWith("pattern:", StringComparison.Ordinal) ? entity["pattern:".Length..] : null;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (_delivery.IsRunning)
        {
            _delivery.GoOn(message);
        }
        else if (message is ChannelBatch batch)
        {
            Collect(batch.Events);
        }
        else if (_delivery.TryFlush())
        {
            Handle(message);
        }
        else
        {
            Context.Stash.Stash();
        }
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted()
    {
        if (!_delivery.IsRunning && _delivery.TryFlush())
        {
            _members.TellStarted(Self);
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => Withdraw();

    private void Handle(object message)
    {
        switch (message)
        {
            case AddSubscription or RemoveSubscription when _passivating:
                // The shard keeps it for the next incarnation.
                Context.Parent.Tell(new ShardEnvelope(EntityOf(_pattern), message), Sender);
                break;
            case AddSubscription { Subscription: var subscription }:
                Add(subscription);
                break;
            case RemoveSubscription remove:
                Remove(remove);
                break;
            case PatternKnown known when known.Number == _announcement:
            case PatternUnknown:
                Known();
                break;
            case HistoryReply reply when _healing is not null:
                _healing.Receive(reply);
                break;
            case PatternInDoubt:
                _healing?.Doubt();
                break;
            case PatternRetry:
                _healing!.Retry();
                break;
            case SightQuery query:
                Sender.Tell(_members.See(query), Self);
                break;
            case PresenceQuery or DeliveryAcked or HistoryReply or PatternKnown:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Add(Subscription subscription)
    {
        if (subscription.IsRemoved)
        {
            return;
        }

        if (!_announced)
        {
            Announce();
        }

        if (_known)
        {
            _members.Start(subscription, default);
        }
        else
        {
            _members.Wait(subscription);
        }
    }

    private void Announce()
    {
        _announced = true;
        if (!ChannelPattern.TryParse(_pattern, out var pattern))
        {
            _known = true;
            return;
        }

        _services.Patterns.Add(pattern, Self);
        if (_services.Peers is null)
        {
            _known = true;
            return;
        }

        Context.Timers.StartSingle(PatternUnknown.Instance, PatternUnknown.Instance, MostUnknown);
        _announcement = _services.Peers.Announce(pattern, Self);
    }

    private void Known()
    {
        if (_known || _passivating)
        {
            return;
        }

        _known = true;
        Context.Timers.Cancel(PatternUnknown.Instance);
        foreach (var subscription in _members.TakeWaiting())
        {
            if (!subscription.IsRemoved)
            {
                _members.Start(subscription, default);
            }
        }
    }

    private void Withdraw()
    {
        _services.Patterns.Remove(Self);
        if (_announcement != 0)
        {
            _services.Peers!.Withdraw(_announcement);
            _announcement = 0;
        }
    }

    private void Collect(Publication[] events)
    {
        if (_healing is null)
        {
            _delivery.Collect(events);
        }
        else
        {
            _healing.Collect(events);
        }
    }

    private void TellGap(string channel, StreamPosition seen, StreamPosition to)
    {
        foreach (var subscription in _subscribers.OfNative())
        {
            _members.TellGap(subscription, channel, seen, to);
        }
    }

    private void Remove(RemoveSubscription remove)
    {
        _members.Remove(remove, Sender, Self);
        if (_members.IsEmpty)
        {
            _passivating = true;
            Withdraw();
            Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
        }
    }
}

/// <summary>To a pattern's replica itself: it has waited long enough for other nodes.</summary>
internal sealed class PatternUnknown
{
    private PatternUnknown()
    {
    }

    public static PatternUnknown Instance { get; } = new();
}
