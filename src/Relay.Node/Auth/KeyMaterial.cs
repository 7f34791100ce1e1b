using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>Keys out of configured text and files. What is wrong with one is said in words for the operator that hold nothing of the key.</summary>
internal static class KeyMaterial
{
    /// <summary>RFC 7518 §3.2: a key as long as the hash or longer.</summary>
    public const int LeastSecretBytes = 32;

    /// <summary>No key is larger; a path that names a log or a device is a mistake.</summary>
    private const int MostFileBytes = 64 * 1024;

    /// <summary>The key that is configured; null and what is wrong with it, when it is none.</summary>
    public static SigningKey? Read(JwtKeyOptions options, out string? problem)
    {
        problem = null;
        try
        {
            var text = options.File.Length > 0 ? ReadFile(options.File) : options.Algorithm == JwtAlgorithm.HS256 ? options.Secret.Reveal() : options.PublicKeyPem;
            var keyId = options.Kid.Length > 0 ? options.Kid : null;
            return options.Algorithm switch
            {
                JwtAlgorithm.HS256 => Symmetric(keyId, text, out problem),
                JwtAlgorithm.RS256 => SigningKey.Of(keyId, RsaOf(text)),
                _ => SigningKey.Of(keyId, EcOf(text)),
            };
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            problem = wrong.Message.ReplaceLineEndings(" ");
            return null;
        }
    }

    /// <summary>The bytes of a secret: text, <c>base64url:…</c> or <c>base64:…</c>; null when it claims to be base64 and is not.</summary>
    public static byte[]? SecretBytes(string text)
    {
        try
        {
            return text switch
            {
                _ when text.StartsWith("base64url:", StringComparison.Ordinal) => Base64Url.DecodeFromChars(text.AsSpan(10)),
                _ when text.StartsWith("base64:", StringComparison.Ordinal) => Convert.FromBase64String(text[7..]),
                _ => Encoding.UTF8.GetBytes(text),
            };
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static SigningKey? Symmetric(string? keyId, string text, out string? problem)
    {
        // A PEM file behind HS256 is the confusion of algorithms, made by the operator: whoever has the public key could sign.
        problem = text.Contains("-----BEGIN", StringComparison.Ordinal) ? "a PEM key is not a secret; set Alg to RS256 or ES256" : SecretBytes(text) switch
        {
            null => "not base64 behind its prefix",
            { Length: < LeastSecretBytes } bytes => $"has {bytes.Length} bytes; HS256 needs {LeastSecretBytes} or more (RFC 7518 §3.2)",
            _ => null,
        };
        return problem is null ? new SigningKey(keyId, SecretBytes(text)!) : null;
    }

    private static RSAParameters RsaOf(string pem)
    {
        if (IsCertificate(pem))
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            using var key = certificate.GetRSAPublicKey() ?? throw new CryptographicException("the certificate holds no RSA key");
            return key.ExportParameters(includePrivateParameters: false);
        }

        using var rsa = RSA.Create();
        rsa.ImportFromPem(Unfold(pem));
        return rsa.ExportParameters(IsPrivate(pem));
    }

    private static ECParameters EcOf(string pem)
    {
        if (IsCertificate(pem))
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            using var key = certificate.GetECDsaPublicKey() ?? throw new CryptographicException("the certificate holds no EC key");
            return key.ExportParameters(includePrivateParameters: false);
        }

        using var ec = ECDsa.Create();
        ec.ImportFromPem(Unfold(pem));
        return ec.ExportParameters(IsPrivate(pem));
    }

    private static string ReadFile(string path)
    {
        var file = new FileInfo(path);
        if (file.Exists && file.Length > MostFileBytes)
        {
            throw new IOException($"larger than {MostFileBytes} bytes: no key");
        }

        // An editor leaves a line end behind a secret.
        return File.ReadAllText(path).TrimEnd('\r', '\n');
    }

    private static bool IsCertificate(string pem) => pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal);

    private static bool IsPrivate(string pem) => pem.Contains("PRIVATE KEY", StringComparison.Ordinal);

    // Environment variables are often written in one line.
    private static string Unfold(string pem) => pem.Replace("\\n", "\n", StringComparison.Ordinal);
}
