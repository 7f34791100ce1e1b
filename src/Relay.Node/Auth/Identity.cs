using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>Who showed a credential, as far as the credential says. Immutable.</summary>
/// <param name="Subject">User, agent or key name; never empty.</param>
/// <param name="Rights">What it may do.</param>
public sealed record Identity(string Subject, Rights Rights)
{
    /// <summary>The session its token was issued for; null without one.</summary>
    public string? SessionId { get; init; }

    /// <summary>When its token ends; null for an API key, which does not.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
