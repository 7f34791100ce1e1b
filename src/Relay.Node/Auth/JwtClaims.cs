using System.Text.Json;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>The claims of a verified token that the relay acts upon (RFC 7519 §4.1, and docs/security.md for <c>rights</c> and <c>subs</c>).</summary>
/// <param name="Subject"><c>sub</c>: user or agent.</param>
/// <param name="SessionId"><c>sid</c>; null without one.</param>
/// <param name="ExpiresAt"><c>exp</c>, without leeway.</param>
internal sealed record JwtClaims(string Subject, string? SessionId, DateTimeOffset ExpiresAt)
{
    /// <summary>Longest <c>sub</c>, <c>sid</c> and <c>jti</c>: a channel name (256 bytes) is made of the first two.</summary>
    public const int MaxIdLength = 256;

    /// <summary><c>jti</c>; null without one.</summary>
    public string? TokenId { get; private init; }

    /// <summary><c>iat</c>, seconds since 1970-01-01 UTC; 0 without one.</summary>
    public long IssuedAt { get; private init; }

    /// <summary><c>rights</c>; null without one.</summary>
    public ChannelGrants? Grants { get; private init; }

    /// <summary><c>subs</c>.</summary>
    public IReadOnlyList<string> Forced { get; private init; } = [];

    /// <summary>Reads claims whose signature was verified; null when they do not hold now, or for this relay. Throws as <see cref="StrictJson"/> says.</summary>
    /// <param name="payload">UTF-8 JSON.</param>
    /// <param name="options">Issuer, audience, leeway and longest life.</param>
    /// <param name="now">The wall clock.</param>
    public static JwtClaims? Read(byte[] payload, JwtOptions options, DateTimeOffset now)
    {
        using var document = StrictJson.ParseObject(payload);
        if (document is null)
        {
            return null;
        }

        var claims = document.RootElement;
        if (!TryTime(claims, "exp", out var expires) || expires is null || now >= expires.Value + options.ClockSkew
            || expires.Value - now > options.LongestLife + options.ClockSkew
            || !TryTime(claims, "nbf", out var notBefore) || now + options.ClockSkew < notBefore
            || !TryTime(claims, "iat", out var issued)
            || (options.Issuer.Length > 0 && !(claims.TryGetProperty("iss", out var iss) && IsText(iss, options.Issuer)))
            || (options.Audience.Length > 0 && !(claims.TryGetProperty("aud", out var aud) && NamesAudience(aud, options.Audience)))
            || !TryId(claims, "sub", out var subject) || subject is null
            || !TryId(claims, "sid", out var session)
            || !TryId(claims, "jti", out var tokenId)
            || !GrantClaims.TryRead(claims, out var grants, out var forced))
        {
            return null;
        }

        // One that is let in although its time is over, because clocks differ, has the rest of that difference.
        var end = now < expires.Value ? expires.Value : expires.Value + options.ClockSkew;
        return new JwtClaims(subject, session, end)
        {
            TokenId = tokenId,
            IssuedAt = issued?.ToUnixTimeSeconds() ?? 0,
            Grants = grants,
            Forced = forced,
        };
    }

    /// <summary>As what the doors know.</summary>
    public Principal ToPrincipal() => new(Subject, IsAuthenticated: true)
    {
        Grants = Grants,
        Forced = Forced,
        TokenId = TokenId,
        SessionId = SessionId,
        IssuedAt = IssuedAt,
        ExpiresAt = ExpiresAt,
    };

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
        if (claim.ValueKind != JsonValueKind.Number || !claim.TryGetInt64(out var seconds) || seconds is < 0 or > 253_402_300_000 - 3600)
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
