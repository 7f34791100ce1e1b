using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Actors.Bridges;

/// <summary>
/// The instruments of meter <c>Relay.Bridges</c>; sources are <c>redis-updates</c>, <c>redis-stream</c>, <c>postgres-notify</c>, <c>postgres-outbox</c>, <c>http</c>.
/// </summary>
public sealed class BridgeMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Bridges";

    private static readonly MetricTag Source = new("source", "`redis-updates`, `redis-stream`, `postgres-notify`, `postgres-outbox`, `http`");

    private static readonly Metric AcceptedMessages = Metric.Counter("relay.bridge.accepted", "{message}", "Messages from outside that all their channels accepted", Source);
    private static readonly Metric DroppedMessages = Metric.Counter("relay.bridge.dropped", "{message}", "Messages from outside that cannot be delivered: dropped, or moved to the dead ones of their stream or table", Source, new("fault", "what is wrong with it, e.g. `NotJson`, `InvalidChannel`, `TooLarge`"));
    private static readonly Metric DeadLetters = Metric.Counter("relay.bridge.dead_letters", "{message}", "Messages moved to the dead letters of their stream or table", Source);
    private static readonly Metric UnconfirmedMessages = Metric.Counter("relay.bridge.unconfirmed", "{message}", "Messages that were handed over and not confirmed in time", Source);
    private static readonly Metric Interruptions = Metric.Counter("relay.bridge.interruptions", "{interruption}", "Times that a source could not be read any more", Source);

    private readonly Counter<long> _accepted;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _unconfirmed;
    private readonly Counter<long> _interruptions;

    /// <param name="meter">Stays its maker's to dispose.</param>
    public BridgeMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _accepted = meter.Counter(AcceptedMessages);
        _dropped = meter.Counter(DroppedMessages);
        _deadLetters = meter.Counter(DeadLetters);
        _unconfirmed = meter.Counter(UnconfirmedMessages);
        _interruptions = meter.Counter(Interruptions);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [AcceptedMessages, DroppedMessages, DeadLetters, UnconfirmedMessages, Interruptions]);

    /// <summary>Accepted by all their channels.</summary>
    public void Accepted(string source, int messages) => _accepted.Add(messages, new KeyValuePair<string, object?>("source", source));

    /// <summary>Handed over, and no answer came in time.</summary>
    public void Unconfirmed(string source, int messages) => _unconfirmed.Add(messages, new KeyValuePair<string, object?>("source", source));

    /// <summary>Moved to the dead letters.</summary>
    public void DeadLetter(string source) => _deadLetters.Add(1, new KeyValuePair<string, object?>("source", source));

    /// <summary>The source is away.</summary>
    public void Interrupted(string source) => _interruptions.Add(1, new KeyValuePair<string, object?>("source", source));

    internal void Dropped(string source, string fault) =>
        _dropped.Add(1, new KeyValuePair<string, object?>("source", source), new KeyValuePair<string, object?>("fault", fault));
}
