using System.Diagnostics.Metrics;

namespace Relay.Node.WebSockets;

/// <summary>
/// The instruments of this room's meter <c>Relay.Node.WebSockets</c>. Counted once per connection, never per message. Event streams are counted with the
/// WebSockets, as dialect <c>sse</c>.
/// </summary>
/// <remarks>
/// | name | unit | tags |
/// |---|---|---|
/// | relay.websocket.open | {connection} | listener, dialect |
/// | relay.websocket.accepted | {connection} | listener, dialect, transport |
/// | relay.websocket.refused | {connection} | listener, status |
/// | relay.connections.open | {connection} | |
/// | relay.connections.limit | {connection} | |
/// | relay.connections.dropped | {connection} | |
/// </remarks>
public sealed class ServerMetrics
{
    public const string MeterName = "Relay.Node.WebSockets";

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
        _open = meter.CreateUpDownCounter<long>("relay.websocket.open", "{connection}", "WebSockets open now");
        _accepted = meter.CreateCounter<long>("relay.websocket.accepted", "{connection}", "WebSockets accepted");
        _refused = meter.CreateCounter<long>("relay.websocket.refused", "{connection}", "Upgrades and connections refused, by status");
        meter.CreateObservableGauge("relay.connections.open", () => gate.Open, "{connection}", "TCP connections open now, HTTP included");
        meter.CreateObservableGauge("relay.connections.limit", () => gate.Limit, "{connection}", "TCP connections served at once");
        meter.CreateObservableCounter("relay.connections.dropped", () => gate.Dropped, "{connection}", "TCP connections dropped without an answer");
    }

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

    internal void Refused(string listener, int status) => _refused.Add(1, new("listener", listener), new("status", status));
}
