using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What is known of a client once its upgrade was accepted. Immutable.</summary>
public sealed record ConnectionRequest
{
    /// <summary>The chosen family with its limits.</summary>
    public required IDialect Dialect { get; init; }

    /// <summary>Name of the listener it came through, e.g. <c>main</c>.</summary>
    public required string Listener { get; init; }

    /// <summary>The peer's address and port, for logs.</summary>
    public required string RemoteAddress { get; init; }

    /// <summary>Who it is; <see cref="Principal.Anonymous"/> without credentials.</summary>
    public Principal Principal { get; init; } = Principal.Anonymous;

    /// <summary><c>updates</c>: the user whose events it gets.</summary>
    public string? UserId { get; init; }

    /// <summary><c>projects</c>: the project's id in its canonical form.</summary>
    public string? ProjectId { get; init; }

    /// <summary><c>context</c>: <c>?agent_id=</c>.</summary>
    public string? AgentId { get; init; }

    /// <summary><c>context</c>: <c>?session_id=</c>.</summary>
    public string? SessionId { get; init; }

    /// <summary>permessage-deflate without context takeover was negotiated: shared compressed frames may be sent.</summary>
    public bool Deflate { get; init; }

    /// <summary>What it holds of the node's limits; its handler disposes of it when it is told of the end. Null = nothing is counted.</summary>
    public ConnectionLease? Lease { get; init; }

    /// <summary><c>sse</c>: what it asked for; such a client has no words to ask later.</summary>
    public StreamOpening? Opening { get; init; }
}

/// <summary>Who a client is, as its credentials say. Immutable.</summary>
/// <param name="Subject">User, agent or key name; empty when anonymous.</param>
/// <param name="IsAuthenticated">True when a token or key was verified.</param>
public sealed record Principal(string Subject, bool IsAuthenticated)
{
    /// <summary>May publish events.</summary>
    public bool MayPublish { get; init; } = true;

    /// <summary>May hear events and read history and presence.</summary>
    public bool MaySubscribe { get; init; } = true;

    /// <summary>Speaks for a service rather than for one user, so it may listen for any user.</summary>
    public bool IsService { get; init; }

    /// <summary>The channels it may use; null = those that the namespaces' rules leave it.</summary>
    public ChannelGrants? Grants { get; init; }

    /// <summary>Channels it hears whether it asks or not; it cannot leave them.</summary>
    public IReadOnlyList<string> Forced { get; init; } = [];

    /// <summary>The token's own id (<c>jti</c>); null without one.</summary>
    public string? TokenId { get; init; }

    /// <summary>The session the token was issued for (<c>sid</c>); null without one.</summary>
    public string? SessionId { get; init; }

    /// <summary>When the token was issued, seconds since 1970-01-01 UTC; 0 = it does not say.</summary>
    public long IssuedAt { get; init; }

    /// <summary>When the credentials end; null = they do not.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Nobody in particular.</summary>
    public static Principal Anonymous { get; } = new("", false);
}

/// <summary>Turns accepted sockets into connections of the relay.</summary>
public interface IConnectionFactory
{
    /// <summary>
    /// Opens a connection: its greeting is sent through <paramref name="transport"/> before this returns or shortly after, in order; the caller then
    /// feeds the returned handler from its read loop.
    /// </summary>
    IMessageHandler Open(ConnectionRequest request, ITransport transport);
}

/// <summary>Checks credentials that a client brings to the door. Implemented by the program.</summary>
public interface IAuthenticator
{
    /// <summary>True when no client may pass without credentials (<c>Relay:Auth:Required</c>).</summary>
    bool IsRequired { get; }

    /// <summary>
    /// Verifies a token or API key (the text behind <c>Bearer</c>, or the <c>auth</c> message's <c>token</c>); null when it is wrong or expired.
    /// The reason is never told to the client.
    /// </summary>
    Principal? Verify(string credential);

    /// <summary>True while a wrong token may turn out to be right in a moment: its key is being fetched. The client is told to try again.</summary>
    bool AwaitsKeys => false;

    /// <summary>False for credentials that were good once and are not any more: revoked, or taken out of the configuration.</summary>
    bool IsGood(Principal principal) => true;

    /// <summary>Another number once <see cref="IsGood"/> may have another answer for API keys.</summary>
    int Version => 0;
}
