using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>Tokens as an issuer would make them: HS256 with a shared secret.</summary>
internal static class Tokens
{
    public const string Secret = "0123456789abcdef0123456789abcdef";

    /// <param name="claims">Members of the payload, without braces, <c>iat</c> and <c>exp</c>, e.g. <c>"sub":"ann"</c>.</param>
    public static string Of(string claims)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var signed = Base64Url.EncodeToString("""{"alg":"HS256"}"""u8) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{{claims},\"iat\":{now},\"exp\":{now + 3600}}}"));
        return signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.ASCII.GetBytes(signed)));
    }
}
