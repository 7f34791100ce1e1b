using Relay.Actors.Channels;
using Relay.Actors.Sessions;
using Relay.Kernel;

namespace Relay.Actors.Metrics;

/// <summary>Counts the events that pass and says the key figures on channel <c>metrics</c> (protocols.md, <c>context</c>).</summary>
public sealed class MetricsActor(RelaySettings settings, TimeProvider time, SessionDirectory sessions, Func<IActorRef> channels) : ActorBase
{
    private readonly KeyFigures _figures = new();

    /// <inheritdoc/>
    protected override void PreStart() => Context.Timers.StartPeriodic("say", Say.Instance, settings.MetricsInterval);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case EventsPassed passed:
                foreach (var publication in passed.Events)
                {
                    _figures.Apply(publication);
                }

                break;
            case Say:
                var data = _figures.ToJson(time.NowMicros(), sessions.Count);
                channels().Tell(
                    new ShardEnvelope("metrics", new PublishBatch { Channel = "metrics", Items = [new PublishItem { Event = "metric.update", Data = data }] }), Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private sealed class Say
    {
        public static Say Instance { get; } = new();
    }
}
