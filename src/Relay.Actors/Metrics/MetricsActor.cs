using System.Globalization;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Sessions;
using Relay.Kernel;

namespace Relay.Actors.Metrics;

/// <summary>
/// Says the key figures, which the channels keep up to date, on channel <c>metrics</c> (protocols.md, <c>context</c>). In a cluster all nodes have the same figures, and the node that owns
/// the channel says them: once for each interval of the clock, whose number is the publish's id, so that an interval in which the channel moves is not said twice.
/// </summary>
internal sealed class MetricsActor(
    KeyFigures figures, RelaySettings settings, TimeProvider time, SessionDirectory sessions, Func<IActorRef> channels, IShardOwnership? ownership = null, NodeNews? news = null) : ActorBase
{
    private const string Channel = "metrics";

    private long _said;

    private long Interval => settings.MetricsInterval.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        _said = time.NowMicros() / Interval;
        Context.Timers.StartPeriodic("say", Say.Instance, news is null || settings.MetricsInterval < NodeNews.Interval ? settings.MetricsInterval : NodeNews.Interval);
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Say when news is null:
                Publish(figures.ToJson(time.NowMicros(), sessions.Count), null);
                break;
            case Say:
                news.Tell();
                SayShared(news);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void SayShared(NodeNews others)
    {
        var now = time.NowMicros();
        if (now / Interval is var interval && interval != _said && ownership!.Owns(Channel))
        {
            Publish(figures.ToJson(now, others.Sessions, others.Agents), interval.ToString(CultureInfo.InvariantCulture));
        }

        _said = interval;
    }

    private void Publish(byte[] data, string? id)
    {
        var item = new PublishItem { Event = "metric.update", Data = data, IdempotencyKey = id };
        channels().Tell(new ShardEnvelope(Channel, new PublishBatch { Channel = Channel, Items = [item], Scope = id is null ? "" : Channel }), Self);
    }

    private sealed class Say
    {
        public static Say Instance { get; } = new();
    }
}
