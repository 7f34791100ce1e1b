using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// Verifies JSON Web Tokens (RFC 7519). Keys come from the configuration and from the issuer's key set, each with its algorithm: a token's <c>alg</c> must be the key's, and
/// a token's <c>kid</c> chooses among the keys known and does nothing else but ask for a new look at the configured address. Thread-safe.
/// </summary>
internal sealed class JwtVerifier(JwtOptions options, KeyRing keys, TimeProvider time)
{
    /// <summary>The token's claims; null when it is wrong in any way. Never throws on input.</summary>
    public JwtClaims? Verify(string token)
    {
        try
        {
            return CompactJws.Parse(token) is { } jws && IsTrusted(jws) ? JwtClaims.Read(jws.Payload, options, time.GetUtcNow()) : null;
        }
        catch (InvalidOperationException)
        {
            // An escape that is no Unicode text, see StrictJson.
            return null;
        }
    }

    private bool IsTrusted(CompactJws jws)
    {
        var isKnown = false;
        foreach (var key in keys.Keys)
        {
            if (key.AnswersTo(jws.Algorithm, jws.KeyId))
            {
                isKnown = true;
                if (jws.IsSignedBy(key))
                {
                    return true;
                }
            }
        }

        if (!isKnown)
        {
            keys.Miss();
        }

        return false;
    }
}
