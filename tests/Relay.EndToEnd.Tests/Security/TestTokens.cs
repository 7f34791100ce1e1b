using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>JSON Web Tokens of any content, right and wrong.</summary>
internal static class TestTokens
{
    public static string Hs256(string header, string payload, string secret) => Hs256(header, payload, Encoding.UTF8.GetBytes(secret));

    public static string Hs256(string header, string payload, byte[] secret)
    {
        var body = Encode(header) + "." + Encode(payload);
        return body + "." + Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(body)));
    }

    public static string Rs256(string header, string payload, RSA key)
    {
        var body = Encode(header) + "." + Encode(payload);
        return body + "." + Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(body), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    /// <summary>A token whose third part is given.</summary>
    public static string Unsigned(string header, string payload, string signature = "") => Encode(header) + "." + Encode(payload) + "." + signature;

    public static string Claims(string subject, string issuer, long? expiresIn = 3600, string? more = null)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var exp = expiresIn is { } seconds ? $",\"exp\":{now + seconds}" : "";
        return $"{{\"sub\":\"{subject}\",\"iss\":\"{issuer}\",\"iat\":{now}{exp}{(more is null ? "" : "," + more)}}}";
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
