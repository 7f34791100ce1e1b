using System.Collections.Concurrent;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Protocol;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>
/// What all ways into a WebSocket share: the plain and TLS listeners' connection middleware and the HTTP pipeline's endpoint. One per process; thread-safe.
/// </summary>
public sealed partial class WebSocketServer
{
    private readonly IConnectionFactory _factory;
    private readonly ILogger<WebSocketServer> _logger;
    private readonly ConcurrentDictionary<(string Listener, string Dialect, string Transport), ConnectionGroup> _groups = new();

    public WebSocketServer(
        WebSocketServerOptions options,
        ConnectionGate gate,
        ServerMetrics metrics,
        NodeLimits limits,
        IConnectionFactory factory,
        IAuthenticator authenticator,
        DoorPolicies door,
        IEnumerable<IDialect> dialects,
        TimeProvider time,
        ILogger<WebSocketServer> logger)
    {
        Options = options;
        Gate = gate;
        Metrics = metrics;
        Limits = limits;
        Time = time;
        _factory = factory;
        _logger = logger;
        Door = new UpgradeDoor(options, gate, limits, authenticator, door, dialects);
        Sends = new GatheredSendPool(time, options.SendTimeout);
    }

    /// <summary>Counts of connections; set <see cref="ConnectionGate.IsDraining"/> before a planned stop.</summary>
    public ConnectionGate Gate { get; }

    /// <summary>Counts of WebSockets.</summary>
    public ServerMetrics Metrics { get; }

    /// <summary>How many of whom may come in.</summary>
    public NodeLimits Limits { get; }

    internal WebSocketServerOptions Options { get; }

    internal TimeProvider Time { get; }

    internal UpgradeDoor Door { get; }

    internal GatheredSendPool Sends { get; }

    /// <summary>
    /// Serves a client from behind the 101 to its end; never throws. The greeting goes out first, then frames are read.
    /// </summary>
    /// <param name="admission">What the door decided.</param>
    /// <param name="listener">Where the client came in.</param>
    /// <param name="transport">Both halves of the client.</param>
    /// <param name="kind">For metrics: <c>tcp</c>, <c>tls</c>, <c>http1</c> or <c>http2</c>.</param>
    internal Task ServeAsync(Admission admission, ListenerIdentity listener, PipedTransport transport, string kind)
    {
        if (TryOpen(admission, listener, transport, kind, out var client))
        {
            return ReadLoop.RunAsync(transport, client.Frames, client.Handler, client.Group);
        }

        transport.Abort();
        transport.End();
        return Task.CompletedTask;
    }

    /// <summary>Opens the relay's side of a client: its greeting is sent. False when that failed, which is logged.</summary>
    internal bool TryOpen(Admission admission, ListenerIdentity listener, ClientTransport transport, string kind, out OpenedClient client)
    {
        try
        {
            var handler = admission.Request is { } request
                ? _factory.Open(request, transport)
                : new EchoHandler(transport, Options, admission.Answer.Deflate, Time);
            var frames = new FrameReader(admission.Limits, FrameRole.Server, admission.Answer.Deflate);
            var group = _groups.GetOrAdd(
                (listener.Name, admission.DialectName, kind),
                static (key, server) => new ConnectionGroup(server.Metrics, server.Options, server._logger, key),
                this);
            group.Opened();
            client = new OpenedClient(handler, frames, group);
            return true;
        }
        catch (Exception error)
        {
            admission.Request?.Lease?.Dispose();
            LogOpenFailed(error, listener.Name);
            client = default;
            return false;
        }
    }

    internal void Refused(ListenerIdentity listener, HandshakeRefusal refusal)
    {
        Metrics.Refused(listener.Name, refusal);
        LogRefused(listener.Name, refusal.Status);
    }

    [LoggerMessage(LogLevel.Debug, "listener {Listener} refused a connection with {Status}")]
    private partial void LogRefused(string listener, int status);

    [LoggerMessage(LogLevel.Error, "listener {Listener}: opening a connection failed")]
    private partial void LogOpenFailed(Exception error, string listener);
}

/// <summary>The relay's side of a client.</summary>
/// <param name="Handler">Who gets its messages.</param>
/// <param name="Frames">Its fresh reader; disposed by whoever reads.</param>
/// <param name="Group">What it is counted with; told of its end by whoever reads.</param>
internal readonly record struct OpenedClient(IMessageHandler Handler, FrameReader Frames, ConnectionGroup Group);
