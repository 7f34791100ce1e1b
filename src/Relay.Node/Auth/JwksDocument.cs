using System.Security.Cryptography;
using System.Text.Json;

namespace Relay.Node.Auth;

/// <summary>
/// A JSON Web Key Set (RFC 7517 §5): the keys of it that this relay can use. Public RSA keys for RS256 and P-256 keys for ES256; everything else is passed over, as the RFC
/// wants, secrets (<c>oct</c>) among it: what is fetched over the network is no secret. Pure.
/// </summary>
internal static class JwksDocument
{
    /// <summary>Far more than an issuer has at once.</summary>
    public const int MaxKeys = 100;

    /// <summary>Reads a set; null when it is none.</summary>
    /// <param name="utf8">The document.</param>
    public static IReadOnlyList<SigningKey>? Parse(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = StrictJson.ParseObject(utf8);
            if (document is null || !document.RootElement.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MaxKeys)
            {
                return null;
            }

            var keys = new List<SigningKey>();
            foreach (var entry in list.EnumerateArray())
            {
                if (Read(entry) is { } key)
                {
                    keys.Add(key);
                }
            }

            return keys;
        }
        catch (InvalidOperationException)
        {
            // An escape that is no Unicode text, see StrictJson.
            return null;
        }
    }

    private static SigningKey? Read(JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object || (Text(entry, "use") ?? "sig") is not "sig" || !MayVerify(entry))
        {
            return null;
        }

        var keyId = Text(entry, "kid");
        try
        {
            return (Text(entry, "kty"), Text(entry, "alg")) switch
            {
                ("RSA", null or "RS256") when Bytes(entry, "n") is { } n && Bytes(entry, "e") is { Length: <= 4 } e =>
                    SigningKey.Of(keyId, new RSAParameters { Modulus = n, Exponent = e }),
                ("EC", null or "ES256") when Text(entry, "crv") is "P-256" && Bytes(entry, "x") is { Length: 32 } x && Bytes(entry, "y") is { Length: 32 } y =>
                    SigningKey.Of(keyId, new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } }),
                _ => null,
            };
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static bool MayVerify(JsonElement entry) =>
        !entry.TryGetProperty("key_ops", out var ops)
        || (ops.ValueKind == JsonValueKind.Array && ops.EnumerateArray().Any(static op => op.ValueKind == JsonValueKind.String && op.ValueEquals("verify")));

    private static string? Text(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[]? Bytes(JsonElement entry, string name) => Text(entry, name) is { Length: > 0 } text ? CompactJws.Decode(text) : null;
}
