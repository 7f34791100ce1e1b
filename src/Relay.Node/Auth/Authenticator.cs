using Relay.Actors.Connections;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// Checks the credentials clients bring: JSON Web Tokens and API keys. Whatever is wrong with one, the answer is the same null. Immutable and
/// thread-safe.
/// </summary>
public sealed class Authenticator : IAuthenticator
{
    private readonly JwtVerifier _tokens;
    private readonly ApiKeys _keys;

    /// <summary>Checks by <paramref name="options"/>, which must have passed validation.</summary>
    public Authenticator(AuthOptions options, TimeProvider time)
    {
        var configured = SigningKey.From(options.Jwt);
        UsesOwnKey = configured.Count == 0;
        var keys = UsesOwnKey ? [SigningKey.Random()] : configured;
        IsRequired = options.Required;
        _tokens = new JwtVerifier(options.Jwt, keys, time);
        _keys = new ApiKeys(options.ApiKeys);
        Issuer = new TokenIssuer(options.Jwt, keys[0], time);
    }

    /// <inheritdoc/>
    public bool IsRequired { get; }

    /// <summary>True when no key is configured: tokens are signed with a random one and die with this process.</summary>
    public bool UsesOwnKey { get; }

    /// <summary>Issues tokens that this authenticator accepts.</summary>
    public TokenIssuer Issuer { get; }

    /// <inheritdoc/>
    public Principal? Verify(string credential) => Identify(credential) is { } identity
        ? new Principal(identity.Subject, IsAuthenticated: true)
        {
            MayPublish = identity.Rights.HasFlag(Rights.Publish),
            MaySubscribe = identity.Rights.HasFlag(Rights.Subscribe),
            IsService = identity.ExpiresAt is null,
        }
        : null;

    /// <summary>Like <see cref="Verify"/>, with rights, session and end of validity.</summary>
    public Identity? Identify(string credential)
    {
        if (string.IsNullOrEmpty(credential))
        {
            return null;
        }

        if (_keys.Find(credential) is { } holder)
        {
            return holder;
        }

        // A token names a user or agent; what it may do beyond publishing and subscribing is for API keys with the right.
        return _tokens.Verify(credential) is { } claims
            ? new Identity(claims.Subject, Rights.Publish | Rights.Subscribe) { SessionId = claims.SessionId, ExpiresAt = claims.ExpiresAt }
            : null;
    }

    /// <summary>The credential of an <c>Authorization</c> header; null when it is not <c>Bearer …</c> (RFC 6750 §2.1; the scheme's case does not matter).</summary>
    public static string? FromHeader(string? authorization)
    {
        const string Scheme = "Bearer ";
        return authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? authorization[Scheme.Length..].Trim() is { Length: > 0 } credential ? credential : null
            : null;
    }
}
