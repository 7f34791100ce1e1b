namespace Relay.Node.WebSockets;

/// <summary>
/// What all connections of one listener, dialect and transport share: their counters and limits. One object for all of them, so that a connection carries a
/// single reference. Thread-safe.
/// </summary>
internal sealed class ConnectionGroup
{
    private readonly ServerMetrics _metrics;
    private readonly string _listener;
    private readonly string _dialect;
    private readonly string _transport;

    /// <param name="metrics">Where they are counted.</param>
    /// <param name="options">Their limits.</param>
    /// <param name="logger">Where their failures are logged.</param>
    /// <param name="key">Listener, dialect and transport: the tags.</param>
    public ConnectionGroup(ServerMetrics metrics, WebSocketServerOptions options, ILogger logger, (string Listener, string Dialect, string Transport) key)
    {
        _metrics = metrics;
        (_listener, _dialect, _transport) = key;
        CloseTimeout = options.CloseTimeout;
        Logger = logger;
    }

    /// <summary>How long a handler may take to finish after goodbye.</summary>
    public TimeSpan CloseTimeout { get; }

    public ILogger Logger { get; }

    public void Opened() => _metrics.Accepted(_listener, _dialect, _transport);

    public void Closed() => _metrics.Closed(_listener, _dialect);
}
