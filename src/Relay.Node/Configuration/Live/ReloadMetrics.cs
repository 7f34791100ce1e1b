using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Node.Configuration.Live;

/// <summary>The instruments of meter <c>Relay.Node.Configuration</c>.</summary>
public sealed class ReloadMetrics
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Relay.Node.Configuration";

    private static readonly Metric Reloads = Metric.Counter("relay.configuration.reloads", "{reload}", "Times that a changed configuration was read", new MetricTag("outcome", "`taken`; `refused` = the one before stays"));
    private static readonly Metric Refused = Metric.Gauge("relay.configuration.refused", "", "1 while what lies on disk is refused and an older configuration is in force");

    private readonly Counter<long> _reloads;
    private int _refused;

    /// <param name="factory">Maker and owner of the meter.</param>
    public ReloadMetrics(IMeterFactory factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        var meter = factory.Create(MeterName);
        _reloads = meter.Counter(Reloads);
        meter.Observe(Refused, () => Volatile.Read(ref _refused));
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Reloads, Refused]);

    internal bool IsRefused
    {
        set => Volatile.Write(ref _refused, value ? 1 : 0);
    }

    internal void Read(string outcome) => _reloads.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}
