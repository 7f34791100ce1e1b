using System.Diagnostics.Metrics;

namespace Relay.Actors.Bridges;

/// <summary>
/// The instruments of meter <c>Relay.Bridges</c>; sources are <c>redis-updates</c>, <c>redis-stream</c>, <c>postgres-notify</c>, <c>postgres-outbox</c>, <c>http</c>.
/// </summary>
/// <remarks>
/// | name | unit | tags |
/// |---|---|---|
/// | relay.bridge.accepted | {message} | source |
/// | relay.bridge.dropped | {message} | source, fault |
/// | relay.bridge.dead_letters | {message} | source |
/// | relay.bridge.unconfirmed | {message} | source |
/// | relay.bridge.interruptions | {interruption} | source |
/// </remarks>
public sealed class BridgeMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Bridges";

    private readonly Counter<long> _accepted;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _unconfirmed;
    private readonly Counter<long> _interruptions;

    /// <param name="meter">Stays its maker's to dispose.</param>
    public BridgeMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _accepted = meter.CreateCounter<long>("relay.bridge.accepted", "{message}", "Messages from outside that all their channels accepted");
        _dropped = meter.CreateCounter<long>("relay.bridge.dropped", "{message}", "Messages from outside that cannot be delivered: dropped, or moved to the dead ones of their stream or table");
        _deadLetters = meter.CreateCounter<long>("relay.bridge.dead_letters", "{message}", "Messages moved to the dead letters of their stream or table");
        _unconfirmed = meter.CreateCounter<long>("relay.bridge.unconfirmed", "{message}", "Messages that were handed over and not confirmed in time");
        _interruptions = meter.CreateCounter<long>("relay.bridge.interruptions", "{interruption}", "Times that a source could not be read any more");
    }

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
