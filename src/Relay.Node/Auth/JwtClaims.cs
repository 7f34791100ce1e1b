using System.Text.Json;

namespace Relay.Node.Auth;

/// <summary>The claims of a verified token that the relay acts upon (RFC 7519 §4.1).</summary>
/// <param name="Subject"><c>sub</c>: user or agent.</param>
/// <param name="SessionId"><c>sid</c>; null without one.</param>
/// <param name="ExpiresAt"><c>exp</c>, without leeway.</param>
internal sealed record JwtClaims(string Subject, string? SessionId, DateTimeOffset ExpiresAt)
{
    /// <summary>Difference of clocks forgiven in <c>exp</c> and <c>nbf</c>; reliability.md S7.</summary>
    public static readonly TimeSpan Leeway = TimeSpan.FromSeconds(60);

    /// <summary>Longest <c>sub</c> and <c>sid</c>: a channel name (256 bytes) is made of them.</summary>
    public const int MaxIdLength = 256;

    /// <summary>Reads claims whose signature was verified; null when they do not hold now, or for this relay. Throws as <see cref="StrictJson"/> says.</summary>
    /// <param name="payload">UTF-8 JSON.</param>
    /// <param name="issuer">The <c>iss</c> required; empty = any.</param>
    /// <param name="audience">The <c>aud</c> required; empty = any.</param>
    /// <param name="now">The wall clock.</param>
    public static JwtClaims? Read(byte[] payload, string issuer, string audience, DateTimeOffset now)
    {
        using var document = StrictJson.ParseObject(payload);
        if (document is null)
        {
            return null;
        }

        var claims = document.RootElement;
        if (!TryTime(claims, "exp", out var expires) || expires is null || now >= expires.Value + Leeway
            || !TryTime(claims, "nbf", out var notBefore) || now + Leeway < notBefore
            || !TryTime(claims, "iat", out _)
            || (issuer.Length > 0 && !(claims.TryGetProperty("iss", out var iss) && IsText(iss, issuer)))
            || (audience.Length > 0 && !(claims.TryGetProperty("aud", out var aud) && NamesAudience(aud, audience)))
            || !TryId(claims, "sub", out var subject) || subject is null
            || !TryId(claims, "sid", out var session))
        {
            return null;
        }

        return new JwtClaims(subject, session, expires.Value);
    }

    /// <summary>
    /// A NumericDate; null when absent, false when it is no whole number of seconds within the calendar. RFC 7519 §2 would also allow a fraction;
    /// no issuer sends one, and reading "1e400" or "2^63" by floating point is how other verifiers were fooled.
    /// </summary>
    private static bool TryTime(JsonElement claims, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!claims.TryGetProperty(name, out var claim))
        {
            return true;
        }

        // Up to the year 9999, with room for the leeway.
        if (claim.ValueKind != JsonValueKind.Number || !claim.TryGetInt64(out var seconds) || seconds is < 0 or > 253_402_300_000)
        {
            return false;
        }

        time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }

    /// <summary>A non-empty text of bounded length; null when absent.</summary>
    private static bool TryId(JsonElement claims, string name, out string? id)
    {
        id = null;
        if (!claims.TryGetProperty(name, out var claim))
        {
            return true;
        }

        if (claim.ValueKind != JsonValueKind.String)
        {
            return false;
        }

        id = claim.GetString();
        return id is { Length: > 0 and <= MaxIdLength };
    }

    private static bool IsText(JsonElement claim, string expected) => claim.ValueKind == JsonValueKind.String && claim.ValueEquals(expected);

    private static bool NamesAudience(JsonElement claim, string expected) =>
        IsText(claim, expected) || (claim.ValueKind == JsonValueKind.Array && claim.EnumerateArray().Any(entry => IsText(entry, expected)));
}
