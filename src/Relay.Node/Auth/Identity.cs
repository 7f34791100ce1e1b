using Relay.Actors.Connections;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>Who showed a credential, as far as the credential says. Immutable.</summary>
/// <param name="Principal">Who it is, and what it may do with channels.</param>
/// <param name="Rights">What it may do at all.</param>
public sealed record Identity(Principal Principal, Rights Rights)
{
    /// <summary>User, agent or key name; never empty.</summary>
    public string Subject => Principal.Subject;

    /// <summary>The session its token was issued for; null without one.</summary>
    public string? SessionId => Principal.SessionId;

    /// <summary>When its token ends; null for an API key, which does not.</summary>
    public DateTimeOffset? ExpiresAt => Principal.ExpiresAt;
}
