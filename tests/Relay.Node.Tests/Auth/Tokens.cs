using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Relay.Node.Auth;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Auth;

/// <summary>A clock that stands still, keys, and tokens made by hand.</summary>
internal static class Tokens
{
    public const string SecretText = "0123456789abcdef0123456789abcdef";

    public static readonly DateTimeOffset Now = new(2026, 9, 1, 12, 0, 0, TimeSpan.Zero);

    public static byte[] Secret { get; } = Encoding.UTF8.GetBytes(SecretText);

    public static TimeProvider Clock { get; } = new StandingClock(Now);

    /// <summary>Seconds since 1970, so far from now.</summary>
    public static long At(int seconds) => Now.ToUnixTimeSeconds() + seconds;

    public static JwtVerifier Verifier(string issuer = "", string audience = "", string? kid = null) =>
        Verifier(new JwtOptions { Issuer = issuer, Audience = audience, LongestLife = TimeSpan.FromDays(20_000) }, new SigningKey(kid, Secret));

    public static JwtVerifier Verifier(JwtOptions options, params SigningKey[] keys) => new(options, new KeyRing(keys, false, TimeSpan.Zero, Clock), Clock);

    /// <summary>A token of any header and payload, signed by HS256.</summary>
    public static string Sign(string header, string payload, byte[]? secret = null)
    {
        var signed = Encode(header) + "." + Encode(payload);
        return signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(secret ?? Secret, Encoding.ASCII.GetBytes(signed)));
    }

    public static string WithClaims(string claims) => Sign("""{"alg":"HS256","typ":"JWT"}""", "{" + claims + "}");

    public static string WithHeader(string header) => Sign(header, $$"""{"sub":"u1","exp":{{At(60)}}}""");

    public static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private sealed class StandingClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
