using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// Checks the credentials clients bring: JSON Web Tokens and API keys. Whatever is wrong with one, the answer is the same null. Thread-safe.
/// </summary>
public sealed class Authenticator : IAuthenticator
{
    private readonly JwtVerifier _tokens;
    private readonly ApiKeys _keys;
    private readonly Revocations _revocations;

    /// <summary>Checks by <paramref name="options"/>, which must have passed validation.</summary>
    public Authenticator(AuthOptions options, TimeProvider time, Revocations? revocations = null)
    {
        // A file may have changed since it was checked; a key that is no key any more is a failure to start.
        var configured = options.Jwt.Keys.Select(static key => KeyMaterial.Read(key, out var problem) ?? throw new InvalidOperationException("Relay:Auth:Jwt:Keys: " + problem)).ToList();
        UsesOwnKey = configured.Count == 0 && options.Jwt.JwksUrl.Length == 0;
        if (UsesOwnKey)
        {
            configured.Add(SigningKey.Random());
        }

        IsRequired = options.Required;
        Ring = new KeyRing(configured, options.Jwt.JwksUrl.Length > 0, options.Jwt.JwksPause, time);
        _tokens = new JwtVerifier(options.Jwt, Ring, time);
        _keys = new ApiKeys(options.ApiKeys);
        _revocations = revocations ?? new Revocations(time);
        Issuer = new TokenIssuer(options.Jwt, configured.Find(static key => key.CanSign), time);
    }

    /// <inheritdoc/>
    public bool IsRequired { get; }

    /// <inheritdoc/>
    public bool AwaitsKeys => Ring.AwaitsKeys;

    /// <summary>True when no key is configured: tokens are signed with a random one and die with this process.</summary>
    public bool UsesOwnKey { get; }

    /// <summary>Issues tokens that this authenticator accepts.</summary>
    public TokenIssuer Issuer { get; }

    internal KeyRing Ring { get; }

    /// <inheritdoc/>
    public Principal? Verify(string credential) => Identify(credential)?.Principal;

    /// <summary>Like <see cref="Verify"/>, with what it may do at all.</summary>
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
        return _tokens.Verify(credential) is { } claims && claims.ToPrincipal() is var principal && IsGood(principal)
            ? new Identity(principal, Rights.Publish | Rights.Subscribe)
            : null;
    }

    /// <summary>False for credentials that were good once and have been revoked since.</summary>
    public bool IsGood(Principal principal) => !_revocations.Concern(principal);

    /// <summary>The credential of an <c>Authorization</c> header; null when it is not <c>Bearer …</c> (RFC 6750 §2.1; the scheme's case does not matter).</summary>
    public static string? FromHeader(string? authorization)
    {
        const string Scheme = "Bearer ";
        return authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? authorization[Scheme.Length..].Trim() is { Length: > 0 } credential ? credential : null
            : null;
    }
}
