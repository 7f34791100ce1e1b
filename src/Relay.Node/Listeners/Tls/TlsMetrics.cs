using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Node.Listeners.Tls;

/// <summary>The instruments of meter <c>Relay.Node.Tls</c>.</summary>
public sealed class TlsMetrics
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Relay.Node.Tls";

    private static readonly MetricTag Listener = new("listener", "a configured listener");
    private static readonly Metric Remaining = Metric.Gauge("relay.tls.certificate.remaining", "s", "Until the certificate of a listener ends; negative = it has ended", Listener);
    private static readonly Metric Reloads = Metric.Counter("relay.tls.certificate.reloads", "{reload}", "Times that a listener's changed files were read", Listener, new("outcome", "`taken`; `refused` = the certificate before stays"));

    private readonly Meter _meter;
    private readonly Counter<long> _reloads;

    /// <param name="factory">Maker and owner of the meter.</param>
    public TlsMetrics(IMeterFactory factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        _meter = factory.Create(MeterName);
        _reloads = _meter.Counter(Reloads);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Remaining, Reloads]);

    internal void Show(IReadOnlyCollection<ListenerCertificate> certificates, TimeProvider time) =>
        _meter.Observe(Remaining, () => certificates.Select(one => new Measurement<long>((long)(one.Current.Until - time.GetUtcNow()).TotalSeconds, new KeyValuePair<string, object?>("listener", one.Listener))));

    internal void Reloaded(string listener, string outcome) => _reloads.Add(1, new("listener", listener), new("outcome", outcome));
}
