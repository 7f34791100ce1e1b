using System.Runtime.InteropServices;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// This node's subscribers of one pattern such as <c>agents/*</c> (native dialect). Gets the batches of every matching channel. There is no history
/// and no position: a pattern is many sequences, and who needs one resumes the channel itself.
/// </summary>
public sealed class PatternReplica(string patternText, ReplicaServices services) : ActorBase, IBatchReceiver
{
    private readonly SubscriberSet _subscribers = new();
    private readonly List<Publication> _pending = [];
    private bool _passivating;

    /// <summary>Name under which a pattern lives among the replicas; no channel begins with it.</summary>
    public static string EntityOf(string pattern) => "pattern:" + pattern;

    /// <summary>The pattern of such a name; null for a channel.</summary>
    public static string? PatternOf(string entity) => entity.StartsWith("pattern:", StringComparison.Ordinal) ? entity["pattern:".Length..] : null;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (message is ChannelBatch batch)
        {
            _pending.AddRange(batch.Events);
            return;
        }

        Flush();
        switch (message)
        {
            case AddSubscription or RemoveSubscription when _passivating:
                // The shard keeps it for the next incarnation.
                Context.Parent.Tell(new ShardEnvelope(EntityOf(patternText), message), Sender);
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

    /// <inheritdoc/>
    protected override void OnBatchCompleted() => Flush();

    /// <inheritdoc/>
    protected override void PostStop() => services.Patterns.Remove(Self);

    private void Flush()
    {
        FanoutLoop.Send(CollectionsMarshal.AsSpan(_pending), _subscribers);
        _pending.Clear();
    }

    private void Add(Subscription subscription)
    {
        if (subscription.IsRemoved)
        {
            return;
        }

        if (_subscribers.Count == 0 && ChannelPattern.TryParse(patternText, out var pattern))
        {
            services.Patterns.Add(pattern, Self);
        }

        if (subscription.Replaces is { } replaced)
        {
            subscription.Replaces = null;
            Drop(replaced);
        }

        _subscribers.Add(subscription);
        if (subscription.RequestId.IsPresent)
        {
            subscription.Client.Send(new AckMessage { TimestampMicros = services.Time.NowMicros(), RequestId = subscription.RequestId });
        }

        subscription.Client.Actor.Tell(new SubscriptionStarted(subscription), Self);
    }

    private void Remove(RemoveSubscription remove)
    {
        Drop(remove.Subscription);
        if (remove.RequestId.IsPresent)
        {
            remove.Subscription.Client.Send(new AckMessage { TimestampMicros = services.Time.NowMicros(), RequestId = remove.RequestId });
        }

        if (_subscribers.Count == 0)
        {
            _passivating = true;
            services.Patterns.Remove(Self);
            Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
        }
    }

    private void Drop(Subscription subscription)
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

        if (_subscribers.Remove(subscription))
        {
            return;
        }

        // Withdrawn before it ran: its request still has an ack, and its connection waits for a start.
        if (subscription.RequestId.IsPresent)
        {
            subscription.Client.Send(new AckMessage { TimestampMicros = services.Time.NowMicros(), RequestId = subscription.RequestId });
        }

        subscription.Client.Actor.Tell(new SubscriptionStarted(subscription), Self);
    }
}
