using System.Diagnostics.Metrics;
using Relay.Actors.Connections;
using Relay.Kernel.Measuring;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Metrics;

/// <summary>
/// The instruments of meter <c>Relay.Clients</c>. What a delivery raises are plain fields of a <see cref="ClientTraffic"/>, read when somebody asks; the rest, once per connection,
/// refusal or resume, are counters.
/// </summary>
public sealed class ClientMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Relay.Clients";

    private static readonly Metric Connections = Metric.Gauge("relay.client.connections", "{connection}", "Connections by state; `closing` = the last frame is queued or sent", MetricTag.Dialect, new("state", "`open`, `closing`"));
    private static readonly Metric Subscriptions = Metric.Gauge("relay.client.subscriptions", "{subscription}", "Subscriptions of connections, to channels and patterns", MetricTag.Dialect);
    private static readonly Metric Deliveries = Metric.Counter("relay.client.deliveries", "{event}", "Events given to clients: live, caught up or sent again", MetricTag.Dialect);
    private static readonly Metric Frames = Metric.Counter("relay.client.frames", "{frame}", "Messages received; frames given to clients, events and answers", MetricTag.Direction, MetricTag.Dialect);
    private static readonly Metric Io = Metric.Counter("relay.client.io", "By", "Bytes received and given to clients, as on the wire behind TLS", MetricTag.Direction, MetricTag.Dialect);
    private static readonly Metric LeftOut = Metric.Counter("relay.client.left_out", "{event}", "Events that slow clients did not get", MetricTag.Dialect, new("outcome", "`conflated` = a newer one of the same key came; `dropped` = no room, told as a gap"));
    private static readonly Metric Overflows = Metric.Counter("relay.client.overflows", "{connection}", "Connections cut off because the client did not read", MetricTag.Dialect);
    private static readonly Metric QueueSize = Metric.Gauge("relay.client.queue.size", "By", "Bytes that wait for clients to read", MetricTag.Dialect);
    private static readonly Metric QueueClients = Metric.Gauge("relay.client.queue.connections", "{connection}", "Connections for which something waits", MetricTag.Dialect);
    private static readonly Metric Refusals = Metric.Counter("relay.client.refusals", "{request}", "Requests on connections that were refused, by error code", MetricTag.Dialect, new("code", "an error code of protocols.md"));
    private static readonly Metric Closes = Metric.Counter("relay.client.closes", "{connection}", "Connections that were closed with a close code", MetricTag.Dialect, new("code", "a close code of the node; `other` = any other that a client sent"), new("by", "`client`, `node`"));
    private static readonly Metric Resumes = Metric.Counter("relay.client.resumes", "{resume}", "Sessions that clients asked to take up", MetricTag.Dialect, new("outcome", "`resumed`, or the error code of the refusal"));
    private static readonly Metric Recoveries = Metric.Counter("relay.client.recoveries", "{subscription}", "Subscriptions that asked for what they had missed, by position or time", MetricTag.Dialect, new("outcome", "`complete`; `gap` = some of it is gone"));
    private static readonly Metric Sessions = Metric.Gauge("relay.client.sessions", "{session}", "Sessions of ended connections that can be taken up");

    private readonly Meter _meter;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _closes;
    private readonly Counter<long> _resumes;
    private readonly Counter<long> _recoveries;
    private ClientTraffic[] _traffic = [];

    /// <param name="meter">Stays its maker's to dispose.</param>
    public ClientMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _meter = meter;
        _refusals = meter.Counter(Refusals);
        _closes = meter.Counter(Closes);
        _resumes = meter.Counter(Resumes);
        _recoveries = meter.Counter(Recoveries);
        meter.Observe(Deliveries, () => Sums(ClientCounter.Deliveries));
        meter.Observe(Subscriptions, () => Sums(ClientCounter.Subscriptions));
        meter.Observe(Overflows, () => Sums(ClientCounter.Overflows));
        meter.Observe(Frames, () => [.. Sums(ClientCounter.FramesReceived, new("direction", "receive")), .. Sums(ClientCounter.FramesSent, new("direction", "transmit"))]);
        meter.Observe(Io, () => [.. Sums(ClientCounter.BytesReceived, new("direction", "receive")), .. Sums(ClientCounter.BytesSent, new("direction", "transmit"))]);
        meter.Observe(LeftOut, () => [.. Sums(ClientCounter.Conflated, last: new("outcome", "conflated")), .. Sums(ClientCounter.Dropped, last: new("outcome", "dropped"))]);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(
        MeterName,
        [Connections, Subscriptions, Deliveries, Frames, Io, LeftOut, Overflows, QueueSize, QueueClients, Refusals, Closes, Resumes, Recoveries, Sessions]);

    /// <summary>The counters of one more encoding.</summary>
    internal ClientTraffic NewTraffic(string dialect)
    {
        var traffic = new ClientTraffic(this, dialect);
        ClientTraffic[] known;
        do
        {
            known = _traffic;
        }
        while (Interlocked.CompareExchange(ref _traffic, [.. known, traffic], known) != known);

        return traffic;
    }

    /// <summary>Shows what stands in the registry and the session store; once.</summary>
    internal void Show(ConnectionRegistry registry, SessionStore sessions, TimeProvider time)
    {
        var census = new ConnectionCensus(registry, time);
        _meter.Observe(Connections, census.States);
        _meter.Observe(QueueSize, census.QueueBytes);
        _meter.Observe(QueueClients, census.Queues);
        _meter.Observe(Sessions, () => sessions.Count);
    }

    internal void Refused(string dialect, ErrorCode code, int count) => _refusals.Add(count, new("dialect", dialect), new("code", ErrorCodeName.Of(code)));

    internal void Closed(string dialect, int code, bool byClient) =>
        _closes.Add(1, new("dialect", dialect), new("code", CloseCode.Find(code) is null ? "other" : code), new("by", byClient ? "client" : "node"));

    internal void Resumed(string dialect, string outcome) => _resumes.Add(1, new("dialect", dialect), new("outcome", outcome));

    internal void Recovered(string dialect, bool complete) => _recoveries.Add(1, new("dialect", dialect), new("outcome", complete ? "complete" : "gap"));

    // Several encodings speak one dialect, with and without compression.
    private IEnumerable<Measurement<long>> Sums(ClientCounter counter, KeyValuePair<string, object?>? first = null, KeyValuePair<string, object?>? last = null) =>
        Volatile.Read(ref _traffic).GroupBy(static traffic => traffic.Dialect, StringComparer.Ordinal).Select(group =>
        {
            List<KeyValuePair<string, object?>> tags = [new("dialect", group.Key)];
            if (first is { } before)
            {
                tags.Insert(0, before);
            }

            if (last is { } after)
            {
                tags.Add(after);
            }

            return new Measurement<long>(group.Sum(traffic => traffic.Sum(counter)), tags);
        });
}
