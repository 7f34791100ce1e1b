using Relay.Actors.Channels;
using Relay.Actors.Sessions;
using Relay.Kernel;

namespace Relay.Actors.Metrics;

/// <summary>Says the key figures, which the channels keep up to date, on channel <c>metrics</c> (protocols.md, <c>context</c>).</summary>
public sealed class MetricsActor(KeyFigures figures, RelaySettings settings, TimeProvider time, SessionDirectory sessions, Func<IActorRef> channels) : ActorBase
{
    /// <inheritdoc/>
    protected override void PreStart() => Context.Timers.StartPeriodic("say", Say.Instance, settings.MetricsInterval);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Say:
                var data = figures.ToJson(time.NowMicros(), sessions.Count);
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
