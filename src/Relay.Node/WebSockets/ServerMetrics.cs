using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>
/// The instruments of this room's meter <c>Relay.Node.WebSockets</c>. Counted once per connection, never per message. Event streams are counted with the
/// WebSockets, as dialect <c>sse</c>.
/// </summary>
public sealed class ServerMetrics
{
    public const string MeterName = "Relay.Node.WebSockets";

    private static readonly MetricTag Listener = new("listener", "a configured listener");

    private static readonly Metric Open = Metric.Gauge("relay.websocket.open", "{connection}", "WebSockets and event streams open now", Listener, MetricTag.Dialect);
    private static readonly Metric AcceptedOnes = Metric.Counter("relay.websocket.accepted", "{connection}", "Handshakes that were accepted", Listener, MetricTag.Dialect, new("transport", "`tcp`, `tls`, `http1`, `http2`"));
    private static readonly Metric RefusedOnes = Metric.Counter("relay.websocket.refused", "{connection}", "Handshakes and connections that were refused", Listener, new("status", "the HTTP status"), new("reason", "`malformed`, `unauthorized`, `forbidden`, `origin`, `not_found`, `method`, `version`, `slow`, `too_large`, `leaving`, `keys`, `host`, `proxy`, a limit of docs/limits.md, e.g. `connections` = Limits:MaxConnections, `other`"));
    private static readonly Metric Connections = Metric.Gauge("relay.connections.open", "{connection}", "TCP connections open now, HTTP included");
    private static readonly Metric Limit = Metric.Gauge("relay.connections.limit", "{connection}", "TCP connections served at once");
    private static readonly Metric Dropped = Metric.Counter("relay.connections.dropped", "{connection}", "TCP connections dropped without an answer");

    private readonly UpDownCounter<long> _open;
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _refused;
    private long _current;

    /// <param name="factory">Maker and owner of the meter.</param>
    /// <param name="gate">Counts of TCP connections.</param>
    public ServerMetrics(IMeterFactory factory, ConnectionGate gate)
    {
        ArgumentNullException.ThrowIfNull(factory);
        ArgumentNullException.ThrowIfNull(gate);
        var meter = factory.Create(MeterName);
        _open = meter.CreateUpDownCounter<long>(Open.Name, Open.Unit, Open.Meaning);
        _accepted = meter.Counter(AcceptedOnes);
        _refused = meter.Counter(RefusedOnes);
        meter.Observe(Connections, () => gate.Open);
        meter.Observe(Limit, () => gate.Limit);
        meter.Observe(Dropped, () => gate.Dropped);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Open, AcceptedOnes, RefusedOnes, Connections, Limit, Dropped]);

    /// <summary>WebSockets open now.</summary>
    public long OpenWebSockets => Interlocked.Read(ref _current);

    internal void Accepted(string listener, string dialect, string transport)
    {
        Interlocked.Increment(ref _current);
        _open.Add(1, new("listener", listener), new("dialect", dialect));
        _accepted.Add(1, new("listener", listener), new("dialect", dialect), new("transport", transport));
    }

    internal void Closed(string listener, string dialect)
    {
        Interlocked.Decrement(ref _current);
        _open.Add(-1, new("listener", listener), new("dialect", dialect));
    }

    internal void Refused(string listener, HandshakeRefusal refusal) => _refused.Add(1, new("listener", listener), new("status", refusal.Status), new("reason", refusal.Reason));
}
