using System.Collections.Frozen;
using System.Net;
using System.Text;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Node.Auth;
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
/// Decides whether an upgrade becomes a WebSocket, wherever it came from: origin, draining, how many come, credentials, dialect, negotiation, how many the user has, in that
/// order, so that a foreign page learns nothing and a node that leaves or is flooded checks no tokens. No I/O; thread-safe.
/// </summary>
internal sealed class UpgradeDoor
{
    private const string TokenPrefix = "relay.token.";
    private const string EncodedPrefix = "relay.token64.";

    private static readonly HandshakeRefusal ForeignOrigin = new(403, "Origin not allowed") { Reason = "origin" };
    private static readonly HandshakeRefusal Draining = new(503, "Server is leaving") { Reason = "leaving", Headers = [new("Retry-After", "1")] };
    private static readonly HandshakeRefusal Unauthorized = new(401, "Unauthorized") { Headers = [new("WWW-Authenticate", "Bearer")] };

    private static readonly HandshakeRefusal TokenInQuery =
        Unauthorized with { Body = "Unauthorized: a token in the URL is not taken here (Auth:TokenInQuery); send Authorization: Bearer, or offer the subprotocol relay.token.TOKEN" };

    private static readonly HandshakeRefusal AwaitingKeys = new(503, "The keys that verify tokens are being fetched") { Reason = "keys", Headers = [new("Retry-After", "1")] };
    private static readonly HandshakeRefusal WrongHost = HandshakeRefusal.BadRequest(HostPolicy.Refusal) with { Reason = "host" };
    private static readonly HandshakeRefusal Forbidden = new(403, "Forbidden");

    private readonly WebSocketServerOptions _options;
    private readonly ConnectionGate _gate;
    private readonly NodeLimits _limits;
    private readonly IAuthenticator _authenticator;
    private readonly DoorPolicies _door;
    private readonly AccessRules _access;
    private readonly FrozenDictionary<DialectKind, (IDialect Dialect, FrameLimits Limits)> _dialects;
    private readonly FrameLimits _echoLimits;

    public UpgradeDoor(WebSocketServerOptions options, ConnectionGate gate, NodeLimits limits, IAuthenticator authenticator, DoorPolicies door, IEnumerable<IDialect> dialects)
    {
        _options = options;
        _gate = gate;
        _limits = limits;
        _authenticator = authenticator;
        _door = door;
        _access = new AccessRules(options.Namespaces, authenticator);
        _dialects = dialects.ToFrozenDictionary(dialect => dialect.Profile.Kind, dialect => (dialect, LimitsOf(dialect.Profile)));
        _echoLimits = FrameLimits.ForMessagesOf(options.EchoMessageBytes) with { MaxFragments = options.EchoFragments };
    }

    /// <summary>The decision: an admission, or null and the answer that ends the connection.</summary>
    /// <param name="request">A request whose handshake headers were checked.</param>
    /// <param name="listener">Where it came in.</param>
    /// <param name="remote">The peer's address.</param>
    /// <param name="refusal">The answer when null is returned.</param>
    /// <param name="isShared">True when several clients share its TCP connection (HTTP/2).</param>
    public Admission? Decide(UpgradeRequest request, ListenerIdentity listener, string remote, out HandshakeRefusal? refusal, bool isShared = false)
    {
        var peer = IPEndPoint.TryParse(remote, out var known) ? known.Address : null;
        var client = _options.Proxies.IsUsed && peer is not null ? _options.Proxies.See(peer, request.Header) : default;
        var address = client.Address ?? (peer is null || _options.Proxies.Trusts(peer) ? null : peer);
        var host = client.Host ?? request.Host;
        remote = client.Address?.ToString() ?? remote;
        refusal = !_door.Hosts.Allows(host) ? WrongHost : !_door.Origins.Allows(request.Origin, host) ? ForeignOrigin : _gate.IsDraining ? Draining : null;
        if (refusal is not null)
        {
            return null;
        }

        if (_options.Echo && listener.Dialect is null && string.Equals(request.Path, "/echo", StringComparison.Ordinal))
        {
            refusal = HandshakeRules.Negotiate(request, [], _options.Deflate, out var echo);
            return refusal is null ? new Admission(echo, _echoLimits, null) : null;
        }

        if (_limits.TryHandshake(address) is { } tooMany)
        {
            refusal = LimitAnswers.Of(tooMany);
            return null;
        }

        var credential = Credential(request);
        var principal = credential is null ? Principal.Anonymous : _authenticator.Verify(credential);
        if (principal is null)
        {
            refusal = _authenticator.AwaitsKeys ? AwaitingKeys : Unauthorized;
            return null;
        }

        var choice = DialectSelector.Select(listener.Dialect, request, principal, out refusal);
        if (choice is null)
        {
            return null;
        }

        if (_authenticator.IsRequired && !principal.IsAuthenticated && !AuthenticatesLater(choice.Kind))
        {
            refusal = FromQuery(request) is null ? Unauthorized : TokenInQuery;
            return null;
        }

        if (!MayListen(choice, principal))
        {
            refusal = Forbidden;
            return null;
        }

        var comesFrom = new Origin(remote, address, IsCountedHere: isShared || listener.ProxyProtocol || client.Address is not null);
        return Negotiate(request, listener, comesFrom, choice, principal, out refusal);
    }

    // Families that only listen are refused here, since they have no words to be told later.
    private bool MayListen(DialectChoice choice, Principal principal) => choice.Kind switch
    {
        DialectKind.Projects => _access.May(ChannelRights.Subscribe, Asker.Of(principal), "projects/" + choice.ProjectId),
        DialectKind.Updates => _access.May(ChannelRights.Subscribe, Asker.Of(principal) with { UserId = choice.UserId }, "users/" + choice.UserId),
        _ => true,
    };

    private Admission? Negotiate(
        UpgradeRequest request, ListenerIdentity listener, Origin origin, DialectChoice choice, Principal principal, out HandshakeRefusal? refusal)
    {
        ReadOnlySpan<string> subprotocol = choice.Subprotocol is { } chosen ? [chosen] : [];
        refusal = HandshakeRules.Negotiate(request, subprotocol, _options.Deflate, out var answer);
        if (refusal is not null)
        {
            return null;
        }

        if (_limits.TryEnter(principal, origin.Address, origin.IsCountedHere, out var lease) is { } tooMany)
        {
            refusal = LimitAnswers.Of(tooMany);
            return null;
        }

        var (dialect, limits) = _dialects[choice.Kind];
        var opened = new ConnectionRequest
        {
            Dialect = dialect,
            Listener = listener.Name,
            RemoteAddress = origin.Text,
            Lease = lease,
            Principal = principal,
            UserId = choice.UserId,
            ProjectId = choice.ProjectId,
            AgentId = IsBelieved(choice.AgentId, principal) ? choice.AgentId : null,
            SessionId = choice.SessionId,
            Deflate = answer.Deflate,
        };
        return new Admission(answer, limits, opened);
    }

    /// <summary>
    /// Whether a token's holder is the agent it says to be in the URL: where credentials count, names do not. One without a token is nobody yet and may say any.
    /// </summary>
    private bool IsBelieved(string? agentId, Principal principal) =>
        !_authenticator.IsRequired || !principal.IsAuthenticated || principal.IsService || principal.Subject.Equals(agentId, StringComparison.Ordinal);

    /// <summary>
    /// <c>context</c> clients bring their token in an <c>auth</c> message, and production mode refuses it there with code 4002 while the socket stays
    /// open (protocols.md): they come in as nobody and may do nothing before.
    /// </summary>
    private static bool AuthenticatesLater(DialectKind kind) => kind == DialectKind.Context;

    /// <summary>
    /// The token or key an upgrade carries: <c>Authorization: Bearer</c>, or, because pages cannot set headers on a WebSocket, a subprotocol <c>relay.token.TOKEN</c> among
    /// those offered (<c>relay.token64.…</c>, in base64url, for keys with characters that a subprotocol has not), or, where switched on, <c>?token=</c> or <c>?access_token=</c>. Never a cookie: a browser would send it for a foreign page as well. Null when there is none.
    /// </summary>
    private string? Credential(UpgradeRequest request)
    {
        const string Scheme = "Bearer ";
        if (request.Authorization is { } header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return header[Scheme.Length..].Trim(' ');
        }

        foreach (var offered in request.Subprotocols)
        {
            if (offered.StartsWith(TokenPrefix, StringComparison.Ordinal))
            {
                return offered[TokenPrefix.Length..];
            }

            if (offered.StartsWith(EncodedPrefix, StringComparison.Ordinal))
            {
                // An empty credential is nobody's: refused as any other that is wrong.
                return CompactJws.Decode(offered.AsSpan(EncodedPrefix.Length)) is { } bytes ? Encoding.UTF8.GetString(bytes) : "";
            }
        }

        return _options.TokenInQuery ? FromQuery(request) : null;
    }

    private static string? FromQuery(UpgradeRequest request) =>
        (request.TryGetQuery("token", out var token) || request.TryGetQuery("access_token", out token)) && token.Length > 0 ? token : null;

    private FrameLimits LimitsOf(DialectProfile profile)
    {
        var usual = FrameLimits.ForMessagesOf(_options.MaxMessageBytes.TryGetValue(profile.Kind, out var bytes) ? bytes : profile.MaxMessageBytes);
        return usual with
        {
            MaxFragments = _options.MaxFragments > 0 ? _options.MaxFragments : usual.MaxFragments,
            MaxInflatedBytes = _options.MaxInflatedBytes > 0 ? _options.MaxInflatedBytes : usual.MaxInflatedBytes,
        };
    }

    /// <summary>Where an upgrade came from.</summary>
    /// <param name="Text">For logs.</param>
    /// <param name="Address">The client's; null where it is not known.</param>
    /// <param name="IsCountedHere">True where the listener could not count its TCP connection for it.</param>
    private readonly record struct Origin(string Text, IPAddress? Address, bool IsCountedHere);
}
