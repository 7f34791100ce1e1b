using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// This node's subscribers of one pattern such as <c>agents/*</c> (native dialect). Gets the batches of every matching channel. There is no history
/// and no position: a pattern is many sequences, and who needs one resumes the channel itself.
/// </summary>
public sealed class PatternReplica : ActorBase, IBatchReceiver
{
    private readonly string _pattern;
    private readonly ReplicaServices _services;
    private readonly SubscriberSet _subscribers = new();
    private readonly ReplicaDelivery _delivery;
    private readonly ReplicaMembers _members;
    private bool _passivating;

    /// <summary>The replica of <paramref name="pattern"/>.</summary>
    public PatternReplica(string pattern, ReplicaServices services)
    {
        _pattern = pattern;
        _services = services;
        _delivery = new ReplicaDelivery(Context, services.Time, _subscribers, services.Settings.For(pattern).WhenSlow);
        _members = new ReplicaMembers(services.Time, _subscribers);
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
            _delivery.Collect(batch.Events);
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
    protected override void PostStop() => _services.Patterns.Remove(Self);

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
            case PresenceQuery or DeliveryAcked or HistoryReply:
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

        if (_subscribers.Count == 0 && ChannelPattern.TryParse(_pattern, out var pattern))
        {
            _services.Patterns.Add(pattern, Self);
        }

        _members.Start(subscription, default);
    }

    private void Remove(RemoveSubscription remove)
    {
        _members.Remove(remove, Sender, Self);
        if (_subscribers.Count == 0)
        {
            _passivating = true;
            _services.Patterns.Remove(Self);
            Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
        }
    }
}
