using System.Diagnostics.Metrics;
using Relay.Kernel.Persistence;

namespace Relay.Actors.Channels;

/// <summary>
/// The instruments of meter <c>Relay.Journals</c>; stores are <c>sqlite</c>, <c>postgres</c>, <c>redis</c>. Raised once per commit, not once per event.
/// </summary>
/// <remarks>
/// | name | unit | tags |
/// |---|---|---|
/// | relay.journal.appends | {append} | store |
/// | relay.journal.records | {record} | store |
/// | relay.journal.commit.duration | s | store |
/// | relay.journal.commit.writes | {write} | store |
/// | relay.journal.refusals | {write} | store, outcome |
/// | relay.journal.recoveries | {stream} | outcome: done, failed |
/// | relay.journal.renewed | {stream} | |
/// </remarks>
public sealed class JournalMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Journals";

    private readonly Counter<long> _appends;
    private readonly Counter<long> _records;
    private readonly Histogram<double> _duration;
    private readonly Histogram<int> _writes;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _recoveries;
    private readonly Counter<long> _renewed;

    /// <param name="meter">Stays its maker's to dispose.</param>
    public JournalMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _appends = meter.CreateCounter<long>("relay.journal.appends", "{append}", "Appends stored, each of one channel");
        _records = meter.CreateCounter<long>("relay.journal.records", "{record}", "Events stored");
        _duration = meter.CreateHistogram<double>("relay.journal.commit.duration", "s", "How long the store took to make what was pending durable, or to fail");
        _writes = meter.CreateHistogram<int>("relay.journal.commit.writes", "{write}", "Writes that were made durable together");
        _refusals = meter.CreateCounter<long>("relay.journal.refusals", "{write}", "Writes that were not done, by outcome");
        _recoveries = meter.CreateCounter<long>("relay.journal.recoveries", "{stream}", "Times that a channel read its journal, or could not");
        _renewed = meter.CreateCounter<long>("relay.journal.renewed", "{stream}", "Channels that got another epoch because their store has lost what was acknowledged");
    }

    /// <summary>A group was handed to the store and came back, done or not.</summary>
    public void Committed(string store, int writes, TimeSpan duration)
    {
        _duration.Record(duration.TotalSeconds, Tag("store", store));
        _writes.Record(writes, Tag("store", store));
    }

    /// <summary>Stored.</summary>
    public void Stored(string store, int appends, int records)
    {
        if (appends > 0)
        {
            _appends.Add(appends, Tag("store", store));
            _records.Add(records, Tag("store", store));
        }
    }

    /// <summary>Not done.</summary>
    public void Refused(string store, JournalOutcome outcome, int writes = 1) => _refusals.Add(writes, Tag("store", store), Tag("outcome", outcome.ToString()));

    internal void Recovered(bool done) => _recoveries.Add(1, Tag("outcome", done ? "done" : "failed"));

    internal void Renewed() => _renewed.Add(1);

    private static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);
}
