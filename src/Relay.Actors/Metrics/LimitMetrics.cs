using System.Diagnostics.Metrics;
using Relay.Actors.Limits;
using Relay.Kernel.Measuring;

namespace Relay.Actors.Metrics;

/// <summary>The instruments of meter <c>Relay.Limits</c> (docs/limits.md).</summary>
public sealed class LimitMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Limits";

    private static readonly Metric ReachedOnes = Metric.Counter(
        "relay.limit.reached",
        "{event}",
        "Times that somebody met a limit",
        new("limit", string.Join(", ", LimitNames.Labels.Select(static label => $"`{label}`"))),
        new("outcome", "`refused`; `slowed` = read later, nothing lost; `closed` = disconnected"));

    private static readonly Metric Delay = Metric.Gauge("relay.load.delay", "s", "How long what comes in waits for its turn: the shortest wait of the last 100 ms");
    private static readonly Metric Shedding = Metric.Gauge("relay.load.shedding", "", "1 while new work is refused because of Limits:QueueDelay, else 0");
    private static readonly Metric Used = Metric.Gauge("relay.memory.used", "By", "Memory in use, as it is compared with the budget");
    private static readonly Metric Budget = Metric.Gauge("relay.memory.budget", "By", "Limits:MemoryBudget in force; 0 = none");
    private static readonly Metric Level = Metric.Gauge("relay.memory.level", "", "0 = fine, 1 = no new connections, 2 = no publishes and subscriptions either, 3 = the slowest clients are cut off");
    private static readonly Metric Tracked = Metric.Gauge("relay.limit.tracked", "{entry}", "Users and addresses whose limits are counted now", new MetricTag("kind", "`user`, `address`"));

    private static readonly int Outcomes = Enum.GetValues<LimitOutcome>().Length;

    // Counted here and read when somebody asks: in an overload most of the work is refusing.
    private readonly long[] _reached = new long[Enum.GetValues<Limit>().Length * Outcomes];
    private readonly Meter _meter;

    /// <param name="meter">Its meter; stays the caller's.</param>
    public LimitMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _meter = meter;
        meter.Observe(ReachedOnes, Measure);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [ReachedOnes, Delay, Shedding, Used, Budget, Level, Tracked]);

    /// <summary>Shows the state of a node's limits; once.</summary>
    internal void Show(NodeLimits limits)
    {
        _meter.CreateObservableGauge(Delay.Name, () => limits.Delay.TotalSeconds, Delay.Unit, Delay.Meaning);
        _meter.Observe(Shedding, () => limits.IsShedding ? 1 : 0);
        _meter.Observe(Used, () => limits.MemoryUsed);
        _meter.Observe(Budget, () => limits.Current.MemoryBudget);
        _meter.Observe(Level, () => (long)limits.Memory);
        _meter.Observe(Tracked, () => [new Measurement<long>(limits.Users, new KeyValuePair<string, object?>("kind", "user")), new Measurement<long>(limits.Addresses, new KeyValuePair<string, object?>("kind", "address"))]);
    }

    internal void Reached(Limit limit, LimitOutcome outcome) => Interlocked.Increment(ref _reached[((int)limit * Outcomes) + (int)outcome]);

    private IEnumerable<Measurement<long>> Measure()
    {
        foreach (var limit in Enum.GetValues<Limit>())
        {
            foreach (var outcome in Enum.GetValues<LimitOutcome>())
            {
                if (Interlocked.Read(ref _reached[((int)limit * Outcomes) + (int)outcome]) is var count and > 0)
                {
                    yield return new(count, new("limit", limit.Label()), new("outcome", outcome switch { LimitOutcome.Refused => "refused", LimitOutcome.Slowed => "slowed", _ => "closed" }));
                }
            }
        }
    }
}
