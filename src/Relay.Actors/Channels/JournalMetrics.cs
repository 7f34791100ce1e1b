using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;
using Relay.Kernel.Persistence;

namespace Relay.Actors.Channels;

/// <summary>
/// The instruments of meter <c>Relay.Journals</c>; stores are <c>sqlite</c>, <c>postgres</c>, <c>redis</c>. Raised once per commit, not once per event.
/// </summary>
public sealed class JournalMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Journals";

    private static readonly MetricTag Store = new("store", "`sqlite`, `postgres`, `redis`");

    private static readonly IReadOnlyList<double> GroupSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    private static readonly Metric Appends = Metric.Counter("relay.journal.appends", "{append}", "Appends stored, each of one channel", Store);
    private static readonly Metric Records = Metric.Counter("relay.journal.records", "{record}", "Events stored", Store);
    private static readonly Metric CommitDuration = Metric.Histogram("relay.journal.commit.duration", "s", "How long the store took to make what was pending durable, or to fail", MeterExtensions.Seconds, Store);
    private static readonly Metric CommitWrites = Metric.Histogram("relay.journal.commit.writes", "{write}", "Writes that were made durable together", GroupSizes, Store);
    private static readonly Metric Refusals = Metric.Counter("relay.journal.refusals", "{write}", "Writes that were not done", Store, new("outcome", "an outcome of a journal, e.g. `Fenced`, `Conflict`, `Busy`, `Failed`"));
    private static readonly Metric Recoveries = Metric.Counter("relay.journal.recoveries", "{stream}", "Times that a channel read its journal, or could not", new MetricTag("outcome", "`done`, `failed`"));
    private static readonly Metric RenewedStreams = Metric.Counter("relay.journal.renewed", "{stream}", "Channels that got another epoch because their store has lost what was acknowledged");

    private readonly Counter<long> _appends;
    private readonly Counter<long> _records;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _writes;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _recoveries;
    private readonly Counter<long> _renewed;

    /// <param name="meter">Stays its maker's to dispose.</param>
    public JournalMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _appends = meter.Counter(Appends);
        _records = meter.Counter(Records);
        _duration = meter.Histogram(CommitDuration);
        _writes = meter.Histogram(CommitWrites);
        _refusals = meter.Counter(Refusals);
        _recoveries = meter.Counter(Recoveries);
        _renewed = meter.Counter(RenewedStreams);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Appends, Records, CommitDuration, CommitWrites, Refusals, Recoveries, RenewedStreams]);

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
