using System.Diagnostics.Metrics;
using Relay.Kernel;
using Relay.Kernel.Measuring;

namespace Relay.Actors.Metrics;

/// <summary>The instruments of meter <c>Relay.Actors</c>: the kernel's own counters.</summary>
public static class ActorMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Actors";

    private static readonly Metric Live = Metric.Gauge("relay.actors.live", "{actor}", "Actors");
    private static readonly Metric Deepest = Metric.Gauge("relay.actors.mailbox.depth", "{message}", "Most messages that an actor found in its mailbox at once within the last half to whole minute");
    private static readonly Metric Failures = Metric.Counter("relay.actors.failures", "{failure}", "Unhandled exceptions of actors; each is logged");
    private static readonly Metric Restarts = Metric.Counter("relay.actors.restarts", "{restart}", "Actors that began anew after a failure");
    private static readonly Metric DeadLetters = Metric.Counter("relay.actors.dead_letters", "{message}", "Messages that came for actors that are gone");
    private static readonly Metric Unhandled = Metric.Counter("relay.actors.unhandled", "{message}", "Messages that their actor did not know");

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Live, Deepest, Failures, Restarts, DeadLetters, Unhandled]);

    /// <summary>Shows the counters of a system; once.</summary>
    public static void Show(Meter meter, ActorSystem system)
    {
        ArgumentNullException.ThrowIfNull(meter);
        ArgumentNullException.ThrowIfNull(system);
        meter.Observe(Live, () => system.Statistics.LiveActors);
        meter.Observe(Deepest, () => system.DeepestMailbox);
        meter.Observe(Failures, () => system.Statistics.Failures);
        meter.Observe(Restarts, () => system.Statistics.Restarts);
        meter.Observe(DeadLetters, () => system.Statistics.DeadLetters);
        meter.Observe(Unhandled, () => system.Statistics.Unhandled);
    }
}
