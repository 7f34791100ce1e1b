using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Sessions;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>What is told to whoever asks a shard that nobody answers for.</summary>
internal sealed class ShardRefusals : IShardRefusals
{
    private const string Reason = "The channel's owner cannot be reached";

    public static ShardRefusals Instance { get; } = new();

    /// <summary>
    /// Whether a question may be asked again though it may have been answered: a publish has an id by which the channel knows it, asking changes nothing, or does the same twice.
    /// </summary>
    public static bool MayRepeat(object message) => Inner(message) switch
    {
        PublishBatch batch => Array.TrueForAll(batch.Items, static item => item.IdempotencyKey is not null),
        SayInSession or TypeInSession or Probe => false,
        _ => true,
    };

    public bool CanRefuse(object message) => Inner(message) is PublishBatch or HistoryQuery { MayBeRefused: true }
        or CreateSession or JoinSession or SayInSession or TypeInSession or DeleteSession or WakeSession or AwaitAnswer or PresentElsewhere or Probe;

    public void Refuse(object message, IActorRef? sender)
    {
        var asker = sender ?? ActorRefs.Nobody;
        switch (Inner(message))
        {
            case PublishBatch { WantsReply: true } batch:
                asker.Tell(new PublishReply(batch, new PublishOutcome[batch.Items.Length], 0, asker) { Refusal = Reason });
                break;
            case HistoryQuery query:
                asker.Tell(new HistoryReply(query, default, false, []) { Refusal = Reason });
                break;
            case PresentElsewhere query:
                asker.Tell(new PresentElsewhereReply(query, [], 0, 0) { Refusal = Reason });
                break;
            case AwaitAnswer awaited:
                asker.Tell(new AgentAnswered(awaited.RequestId, null));
                break;
            case PublishBatch or TypeInSession or Probe:
                break;
            default:
                asker.Tell(new SessionRefused(((ShardEnvelope)message).EntityId["sessions/".Length..], Reason));
                break;
        }
    }

    private static object Inner(object message) => message is ShardEnvelope envelope ? envelope.Message : message;
}
