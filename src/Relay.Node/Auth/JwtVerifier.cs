using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// Verifies JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7518 §3.2). Keys come from the configuration only, each with its algorithm: a token's
/// <c>alg</c> must be the key's, and a token's <c>kid</c> chooses among the configured keys and nothing else. Nothing is ever fetched.
/// Immutable and thread-safe.
/// </summary>
internal sealed class JwtVerifier
{
    private readonly IReadOnlyList<SigningKey> _keys;
    private readonly string _issuer;
    private readonly string _audience;
    private readonly TimeProvider _time;

    public JwtVerifier(JwtOptions options, IReadOnlyList<SigningKey> keys, TimeProvider time)
    {
        _keys = keys;
        _issuer = options.Issuer;
        _audience = options.Audience;
        _time = time;
    }

    /// <summary>The token's claims; null when it is wrong in any way. Never throws on input.</summary>
    public JwtClaims? Verify(string token)
    {
        try
        {
            return CompactJws.Parse(token) is { } jws && IsTrusted(jws) ? JwtClaims.Read(jws.Payload, _issuer, _audience, _time.GetUtcNow()) : null;
        }
        catch (InvalidOperationException)
        {
            // An escape that is no Unicode text, see StrictJson.
            return null;
        }
    }

    private bool IsTrusted(CompactJws jws)
    {
        if (!jws.Algorithm.Equals(SigningKey.Algorithm, StringComparison.Ordinal))
        {
            return false;
        }

        foreach (var key in _keys)
        {
            var answersTo = key.KeyId is null || jws.KeyId is null || key.KeyId.Equals(jws.KeyId, StringComparison.Ordinal);
            if (answersTo && jws.IsSignedBy(key.Secret))
            {
                return true;
            }
        }

        return false;
    }
}
