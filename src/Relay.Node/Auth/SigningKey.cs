using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// A key with the one algorithm it is used with: HS256, RS256 or ES256 (RFC 7518 §3.2 to §3.4), on .NET's own cryptography. What a token says of its algorithm is
/// only ever compared with the key's. Never printed. Immutable and thread-safe: a public key is kept as numbers and made anew for each use, since .NET promises no
/// thread-safety of its key objects, and verifying happens when a client comes, not when it speaks.
/// </summary>
internal sealed class SigningKey
{
    /// <summary>RFC 7518 §3.3: 2048 bits or more. The upper bound is for the time a signature may take.</summary>
    private const int LeastRsaBits = 2048;
    private const int MostRsaBits = 8192;

    /// <summary>r and s of P-256, each of 32 bytes (RFC 7518 §3.4).</summary>
    private const int EcSignatureBytes = 64;

    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly byte[] _secret = [];
    private readonly RSAParameters _rsa;
    private readonly ECParameters _ec;

    public SigningKey(string? keyId, byte[] secret)
    {
        Algorithm = JwtAlgorithm.HS256;
        KeyId = keyId;
        CanSign = true;
        _secret = secret;
    }

    private SigningKey(string? keyId, RSAParameters rsa)
    {
        Algorithm = JwtAlgorithm.RS256;
        KeyId = keyId;
        CanSign = rsa.D is not null;
        _rsa = rsa;
    }

    private SigningKey(string? keyId, ECParameters ec)
    {
        Algorithm = JwtAlgorithm.ES256;
        KeyId = keyId;
        CanSign = ec.D is not null;
        _ec = ec;
    }

    /// <summary>How it signs.</summary>
    public JwtAlgorithm Algorithm { get; }

    /// <summary>The <c>kid</c> it answers to; null = tokens with any kid or none.</summary>
    public string? KeyId { get; }

    /// <summary>False for a public key.</summary>
    public bool CanSign { get; }

    /// <summary>A key of this process' own, gone with it.</summary>
    public static SigningKey Random() => new(null, RandomNumberGenerator.GetBytes(HMACSHA256.HashSizeInBytes));

    /// <summary>An RSA key.</summary>
    /// <exception cref="CryptographicException">It is none, or of a size that is not taken; the text says which.</exception>
    public static SigningKey Of(string? keyId, RSAParameters parameters)
    {
        using var rsa = RSA.Create(parameters);
        return rsa.KeySize is >= LeastRsaBits and <= MostRsaBits
            ? new SigningKey(keyId, parameters)
            : throw new CryptographicException($"an RSA key of {rsa.KeySize} bits; RS256 needs {LeastRsaBits} to {MostRsaBits} (RFC 7518 §3.3)");
    }

    /// <summary>A key on the curve P-256.</summary>
    /// <exception cref="CryptographicException">It is on another curve, or on none.</exception>
    public static SigningKey Of(string? keyId, ECParameters parameters)
    {
        if (!parameters.Curve.IsNamed || !(parameters.Curve.Oid.Value == P256 || parameters.Curve.Oid.FriendlyName is "nistP256" or "ECDSA_P256"))
        {
            throw new CryptographicException("a key on another curve than P-256, which ES256 is for (RFC 7518 §3.4)");
        }

        using var ec = ECDsa.Create(parameters);
        return new SigningKey(keyId, parameters);
    }

    /// <summary>Whether the key belongs to this header: same algorithm, and the token's <c>kid</c>, if it has one.</summary>
    public bool AnswersTo(string algorithm, string? keyId) =>
        algorithm.Equals(Algorithm.ToString(), StringComparison.Ordinal) && (KeyId is null || keyId is null || KeyId.Equals(keyId, StringComparison.Ordinal));

    /// <summary>
    /// Whether a signature is this key's. It is compared or decoded as text, so that only the one canonical spelling passes; HMACs in constant time.
    /// </summary>
    /// <param name="signed">Header and payload as they were sent.</param>
    /// <param name="signature">base64url, as sent.</param>
    public bool HasSigned(ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
    {
        if (Algorithm == JwtAlgorithm.HS256)
        {
            return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Sign(signed)), signature);
        }

        if (CompactJws.Decode(Encoding.Latin1.GetString(signature)) is not { } bytes)
        {
            return false;
        }

        try
        {
            if (Algorithm == JwtAlgorithm.RS256)
            {
                using var rsa = RSA.Create(_rsa);
                return bytes.Length == rsa.KeySize / 8 && rsa.VerifyData(signed, bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            }

            // An r or s of 0 passed for a signature of anything in verifiers that did not look (CVE-2022-21449).
            if (bytes.Length != EcSignatureBytes || !bytes.AsSpan(0, 32).ContainsAnyExcept((byte)0) || !bytes.AsSpan(32).ContainsAnyExcept((byte)0))
            {
                return false;
            }

            using var ec = ECDsa.Create(_ec);
            return ec.VerifyData(signed, bytes, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>The signature in base64url. Only where <see cref="CanSign"/>.</summary>
    public string Sign(ReadOnlySpan<byte> signed)
    {
        switch (Algorithm)
        {
            case JwtAlgorithm.RS256:
                using (var rsa = RSA.Create(_rsa))
                {
                    return Base64Url.EncodeToString(rsa.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
                }

            case JwtAlgorithm.ES256:
                using (var ec = ECDsa.Create(_ec))
                {
                    return Base64Url.EncodeToString(ec.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
                }

            default:
                Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
                HMACSHA256.HashData(_secret, signed, hash);
                return Base64Url.EncodeToString(hash);
        }
    }
}
