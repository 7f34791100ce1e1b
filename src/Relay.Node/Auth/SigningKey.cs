using System.Security.Cryptography;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>A key with the one algorithm it is used with (HS256). Never printed.</summary>
internal sealed class SigningKey
{
    /// <summary>The only algorithm there is.</summary>
    public const string Algorithm = "HS256";

    private readonly byte[] _secret;

    public SigningKey(string? keyId, byte[] secret)
    {
        KeyId = keyId;
        _secret = secret;
    }

    /// <summary>The <c>kid</c> it answers to; null = tokens with any kid or none.</summary>
    public string? KeyId { get; }

    /// <summary>The key's bytes.</summary>
    public ReadOnlySpan<byte> Secret => _secret;

    /// <summary>Keys of a checked configuration.</summary>
    public static IReadOnlyList<SigningKey> From(JwtOptions options) =>
        [.. options.Keys.Select(key => new SigningKey(key.Kid.Length > 0 ? key.Kid : null, JwtKeyOptions.SecretBytes(key.Secret)!))];

    /// <summary>A key of this process' own, gone with it.</summary>
    public static SigningKey Random() => new(null, RandomNumberGenerator.GetBytes(HMACSHA256.HashSizeInBytes));
}
