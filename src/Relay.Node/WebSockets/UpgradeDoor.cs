using System.Collections.Frozen;
using Relay.Actors.Connections;
using Relay.Protocol;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>What was decided about an upgrade that may pass.</summary>
/// <param name="Answer">For the 101.</param>
/// <param name="Limits">Bounds of what the client may send.</param>
/// <param name="Request">For the relay; null = <c>/echo</c>.</param>
internal sealed record Admission(HandshakeAnswer Answer, FrameLimits Limits, ConnectionRequest? Request)
{
    /// <summary>For metrics.</summary>
    public string DialectName => Request?.Dialect.Profile.Name ?? "echo";
}

/// <summary>
/// Decides whether an upgrade becomes a WebSocket, wherever it came from: origin, draining, credentials, dialect, negotiation, in that order, so
/// that a foreign page learns nothing and a leaving node checks no tokens. No I/O; thread-safe.
/// </summary>
internal sealed class UpgradeDoor
{
    private static readonly HandshakeRefusal ForeignOrigin = new(403, "Origin not allowed") { Reason = "origin" };
    private static readonly HandshakeRefusal Draining = new(503, "Server is leaving") { Reason = "leaving", Headers = [new("Retry-After", "1")] };
    private static readonly HandshakeRefusal Unauthorized = new(401, "Unauthorized") { Headers = [new("WWW-Authenticate", "Bearer")] };

    private static readonly HandshakeRefusal Forbidden = new(403, "Forbidden");

    private readonly WebSocketServerOptions _options;
    private readonly ConnectionGate _gate;
    private readonly IAuthenticator _authenticator;
    private readonly OriginPolicy _origins;
    private readonly FrozenDictionary<DialectKind, (IDialect Dialect, FrameLimits Limits)> _dialects;
    private readonly FrameLimits _echoLimits;

    public UpgradeDoor(WebSocketServerOptions options, ConnectionGate gate, IAuthenticator authenticator, IEnumerable<IDialect> dialects)
    {
        _options = options;
        _gate = gate;
        _authenticator = authenticator;
        _origins = new OriginPolicy(options.AllowedOrigins);
        _dialects = dialects.ToFrozenDictionary(dialect => dialect.Profile.Kind, dialect => (dialect, LimitsOf(dialect.Profile)));
        _echoLimits = FrameLimits.ForMessagesOf(options.EchoMessageBytes) with { MaxFragments = options.EchoFragments };
    }

    /// <summary>The decision: an admission, or null and the answer that ends the connection.</summary>
    /// <param name="request">A request whose handshake headers were checked.</param>
    /// <param name="listener">Where it came in.</param>
    /// <param name="remote">The peer's address.</param>
    /// <param name="refusal">The answer when null is returned.</param>
    public Admission? Decide(UpgradeRequest request, ListenerIdentity listener, string remote, out HandshakeRefusal? refusal)
    {
        refusal = !_origins.Allows(request.Origin, request.Host) ? ForeignOrigin : _gate.IsDraining ? Draining : null;
        if (refusal is not null)
        {
            return null;
        }

        if (_options.Echo && listener.Dialect is null && string.Equals(request.Path, "/echo", StringComparison.Ordinal))
        {
            refusal = HandshakeRules.Negotiate(request, [], _options.Deflate, out var echo);
            return refusal is null ? new Admission(echo, _echoLimits, null) : null;
        }

        var credential = Credential(request);
        var principal = credential is null ? Principal.Anonymous : _authenticator.Verify(credential);
        if (principal is null)
        {
            refusal = Unauthorized;
            return null;
        }

        var choice = DialectSelector.Select(listener.Dialect, request, principal, out refusal);
        if (choice is null)
        {
            return null;
        }

        if (_authenticator.IsRequired && !principal.IsAuthenticated && !AuthenticatesLater(choice.Kind))
        {
            refusal = Unauthorized;
            return null;
        }

        if (!MayListen(choice, principal))
        {
            refusal = Forbidden;
            return null;
        }

        return Negotiate(request, listener, remote, choice, principal, out refusal);
    }

    // Families that only listen are refused here, since they have no words to be told later; another user's events need a service's key.
    private bool MayListen(DialectChoice choice, Principal principal) => choice.Kind switch
    {
        DialectKind.Projects => principal.MaySubscribe,
        DialectKind.Updates => principal.MaySubscribe
            && (!_authenticator.IsRequired || principal.IsService || string.Equals(choice.UserId, principal.Subject, StringComparison.Ordinal)),
        _ => true,
    };

    private Admission? Negotiate(
        UpgradeRequest request, ListenerIdentity listener, string remote, DialectChoice choice, Principal principal, out HandshakeRefusal? refusal)
    {
        ReadOnlySpan<string> subprotocol = choice.Subprotocol is { } chosen ? [chosen] : [];
        refusal = HandshakeRules.Negotiate(request, subprotocol, _options.Deflate, out var answer);
        if (refusal is not null)
        {
            return null;
        }

        var (dialect, limits) = _dialects[choice.Kind];
        var opened = new ConnectionRequest
        {
            Dialect = dialect,
            Listener = listener.Name,
            RemoteAddress = remote,
            Principal = principal,
            UserId = choice.UserId,
            ProjectId = choice.ProjectId,
            AgentId = choice.AgentId,
            SessionId = choice.SessionId,
            Deflate = answer.Deflate,
        };
        return new Admission(answer, limits, opened);
    }

    /// <summary>
    /// <c>context</c> clients bring their token in an <c>auth</c> message, and production mode refuses it there with code 4002 while the socket stays
    /// open (protocols.md): they come in as nobody and may do nothing before.
    /// </summary>
    private static bool AuthenticatesLater(DialectKind kind) => kind == DialectKind.Context;

    /// <summary>
    /// The token or key an upgrade carries: <c>Authorization: Bearer</c>, or, because pages cannot set headers on a WebSocket, <c>?token=</c> or
    /// <c>?access_token=</c>. Never a cookie: a browser would send it for a foreign page as well. Null when there is none.
    /// </summary>
    private static string? Credential(UpgradeRequest request)
    {
        const string Scheme = "Bearer ";
        if (request.Authorization is { } header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return header[Scheme.Length..].Trim(' ');
        }

        return (request.TryGetQuery("token", out var token) || request.TryGetQuery("access_token", out token)) && token.Length > 0 ? token : null;
    }

    private FrameLimits LimitsOf(DialectProfile profile) =>
        FrameLimits.ForMessagesOf(_options.MaxMessageBytes.TryGetValue(profile.Kind, out var bytes) ? bytes : profile.MaxMessageBytes);
}
