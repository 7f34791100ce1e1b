using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.Http;
using Relay.Node.Proxies;
using Relay.Node.WebSockets;
using Relay.Protocol;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Node.EventStreams;

/// <summary>
/// <c>GET /sse</c> (protocols.md, Server-Sent Events): the same door as an upgrade's, the same connection as a native client's, and an HTTP response as its
/// way out. What is refused is refused with a status before the first event.
/// </summary>
internal sealed class EventStreamEndpoint
{
    private readonly WebSocketServer _server;
    private readonly IConnectionFactory _factory;
    private readonly IAuthenticator _authenticator;
    private readonly ApiGuard _guard;
    private readonly SseDialect _dialect;
    private readonly TimeSpan _pingInterval;
    private readonly TimeSpan _idleTimeout;
    private readonly int _maxChannels;

    public EventStreamEndpoint(WebSocketServer server, IConnectionFactory factory, IAuthenticator authenticator, ApiGuard guard, RelayOptions options)
    {
        var native = options.Dialects["relay"];
        _server = server;
        _factory = factory;
        _authenticator = authenticator;
        _guard = guard;
        _dialect = new SseDialect(SseDialect.DefaultProfile with { PingInterval = native.PingInterval });
        _pingInterval = native.PingInterval;
        _idleTimeout = native.IdleTimeout;
        _maxChannels = options.Limits.MaxSubscriptionsPerConnection;
    }

    /// <summary>Serves one stream to its end.</summary>
    public async Task ServeAsync(HttpContext context)
    {
        if (!_guard.AllowOrigin(context))
        {
            return;
        }

        var listener = context.Features.Get<ListenerIdentity>() ?? new ListenerIdentity("http", null);
        if (!_guard.IsForeign(context) && !_server.Gate.IsDraining && _server.Limits.TryHandshake(_guard.AddressOf(context)) is { } tooMany)
        {
            await RefuseAsync(context, listener, Answer.Of(tooMany));
            return;
        }

        var asked = EventStreamQuery.Read(context.Request.QueryString.Value ?? "", context.Request.Headers["Last-Event-ID"].ToString(), _maxChannels);
        var credential = Authenticator.FromHeader(context.Request.Headers.Authorization) ?? (_server.Options.TokenInQuery ? asked.Token : null);
        var principal = credential is null ? Principal.Anonymous : _authenticator.Verify(credential);
        if (Refusal(context, asked, principal) is { } refusal)
        {
            await RefuseAsync(context, listener, refusal);
            return;
        }

        // Over HTTP/2 many streams share a connection that was counted once.
        var counts = HttpProtocol.IsHttp2(context.Request.Protocol);
        if (counts && !_server.Gate.TryAdmit())
        {
            _server.Limits.Reached(Limit.Connections, LimitOutcome.Refused, listener.Name);
            await RefuseAsync(context, listener, Answer.Of(new LimitRefusal(Limit.Connections, TimeSpan.FromSeconds(1))));
            return;
        }

        try
        {
            // The listener counted the TCP connection for its peer; behind a proxy that is nobody, over HTTP/2 it is one for many.
            var isNamed = counts || listener.ProxyProtocol || context.Items.ContainsKey(typeof(ForwardedClient));
            if (_server.Limits.TryEnter(principal!, _guard.AddressOf(context), isNamed, out var lease) is { } many)
            {
                await RefuseAsync(context, listener, Answer.Of(many));
            }
            else if (await StreamAsync(context, listener, asked, principal!, lease) is { } denied)
            {
                await RefuseAsync(context, listener, denied);
            }
        }
        finally
        {
            if (counts)
            {
                _server.Gate.Release();
            }
        }
    }

    // In the order of the upgrade's door: a foreign page learns nothing, a leaving node checks no tokens.
    private Answer? Refusal(HttpContext context, EventStreamQuery asked, Principal? principal)
    {
        if (_guard.IsForeign(context))
        {
            return new Answer(StatusCodes.Status403Forbidden, ErrorCode.NotAuthorized, "Origin not allowed") { Reason = "origin" };
        }

        if (_server.Gate.IsDraining)
        {
            return new Answer(StatusCodes.Status503ServiceUnavailable, ErrorCode.Unavailable, "Server is leaving") { Reason = "leaving" };
        }

        if (principal is null || (_authenticator.IsRequired && !principal.IsAuthenticated))
        {
            return principal is null && _authenticator.AwaitsKeys
                ? new Answer(StatusCodes.Status503ServiceUnavailable, ErrorCode.Unavailable, "The keys that verify tokens are being fetched")
                : new Answer(StatusCodes.Status401Unauthorized, "UNAUTHORIZED", _server.Options.TokenInQuery
                    ? "A valid token or API key is required: Authorization: Bearer …, or ?token=…"
                    : "A valid token or API key is required: Authorization: Bearer …; one in the URL is not taken here (Auth:TokenInQuery)");
        }

        return asked.Problem is { } problem
            ? new Answer(StatusCodes.Status400BadRequest, asked.IsChannelProblem ? ErrorCode.InvalidChannel : ErrorCode.InvalidMessage, problem)
            : null;
    }

    /// <summary>Streams to the end, or returns the refusal when nothing was sent.</summary>
    private async Task<Answer?> StreamAsync(HttpContext context, ListenerIdentity listener, EventStreamQuery asked, Principal principal, ConnectionLease lease)
    {
        using var held = lease;
        var opening = new StreamOpening(asked.Subscriptions);
        var cursor = asked.Subscriptions is [{ IsPattern: false }] ? null : new SseCursor(asked.Subscriptions);
        var transport = new EventStreamTransport(context, cursor, _server.Options.SendTimeout, _server.Time);
        using var gone = context.RequestAborted.UnsafeRegister(static state => ((EventStreamTransport)state!).Leave(), transport);
        var connection = context.Connection;
        var handler = _factory.Open(
            new ConnectionRequest
            {
                Dialect = _dialect,
                Listener = listener.Name,
                RemoteAddress = $"{connection.RemoteIpAddress}:{connection.RemotePort}",
                Principal = principal,
                AgentId = _authenticator.IsRequired && !principal.IsService && principal.Subject != asked.AgentId ? null : asked.AgentId,
                Opening = opening,
                Lease = lease,
            },
            transport);
        await Task.WhenAny(opening.Refusal, transport.WhenFinishing);
        var denied = !opening.Refusal.IsCompleted ? new Answer(StatusCodes.Status503ServiceUnavailable, ErrorCode.Unavailable, "The stream could not be opened")
            : await opening.Refusal is { } reason ? new Answer(StatusCodes.Status403Forbidden, ErrorCode.NotAuthorized, reason)
            : null;
        if (denied is null)
        {
            await RunAsync(context, listener, transport, handler);
        }

        // Only then the connection learns of its end: it drops its transport, which must not reach the answer any more.
        if (!await transport.ReleaseAsync())
        {
            context.Abort();
        }

        handler.OnDisconnected(null);
        return denied;
    }

    private async Task RunAsync(HttpContext context, ListenerIdentity listener, EventStreamTransport transport, IMessageHandler handler)
    {
        DeadPeers.Watch(context, _pingInterval, _idleTimeout);
        Prepare(context);
        await context.Response.StartAsync(CancellationToken.None);
        transport.Open();
        _server.Metrics.Accepted(listener.Name, _dialect.Profile.Name, HttpProtocol.IsHttp2(context.Request.Protocol) ? "http2" : "http1");
        if (_server.Gate.IsDraining)
        {
            // Since it was admitted: the clients that were there have been told already.
            handler.OnProtocolError(CloseCode.ServiceRestart, "Server is leaving");
        }

        await transport.WhenFinishing;
        _server.Metrics.Closed(listener.Name, _dialect.Profile.Name);
    }

    // A response of this kind may be slow for as long as its client likes: what a client does not take is bounded by the connection, and each send by the
    // transport.
    private static void Prepare(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    private Task RefuseAsync(HttpContext context, ListenerIdentity listener, Answer refusal)
    {
        var counted = new HandshakeRefusal(refusal.Status, refusal.Text);
        _server.Refused(listener, refusal.Reason is { } reason ? counted with { Reason = reason } : counted);
        if (refusal.Limit is { } limit)
        {
            return context.LimitedAsync(limit);
        }

        if (refusal.Status == StatusCodes.Status503ServiceUnavailable)
        {
            return context.UnavailableAsync(refusal.Text);
        }

        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        return context.JsonAsync(refusal.Status, json => ApiGuard.Error(json, refusal.Code, refusal.Text));
    }

    /// <summary>A refusal; codes are those of the API.</summary>
    private sealed record Answer(int Status, string Code, string Text)
    {
        public Answer(int status, ErrorCode code, string text)
            : this(status, ErrorCodeName.Of(code), text)
        {
        }

        /// <summary>The limit that says so; null = none.</summary>
        public LimitRefusal? Limit { get; private init; }

        public static Answer Of(LimitRefusal limit) => new(limit.Status, limit.Code, limit.Text) { Limit = limit, Reason = limit.Limit.Label() };

        /// <summary>For metrics; null = as the status says.</summary>
        public string? Reason { get; init; }
    }
}
