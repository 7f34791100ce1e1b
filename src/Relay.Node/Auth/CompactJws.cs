using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Relay.Node.Auth;

/// <summary>
/// A signed text in the compact form of RFC 7515 §7.1, its header read and its signature not yet believed.
/// <para>
/// Only what is needed to find the key is read from the header. Nothing in it may name an algorithm other than the key's own, bring or point
/// to a key (<c>jwk</c>, <c>jku</c>, <c>x5u</c>, <c>x5c</c>), or demand an extension (<c>crit</c>): such a text is no text of ours, whoever signed it.
/// </para>
/// </summary>
internal sealed class CompactJws
{
    /// <summary>Longest text looked at; reliability.md S7.</summary>
    public const int MaxLength = 8 * 1024;

    private const int MaxKeyIdLength = 256;

    private static readonly SearchValues<char> Base64UrlAlphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static readonly string[] Refused = ["crit", "jwk", "jku", "x5u", "x5c"];

    private readonly byte[] _signed;
    private readonly byte[] _signature;

    private CompactJws(string algorithm, string? keyId, byte[] payload, byte[] signed, byte[] signature)
    {
        Algorithm = algorithm;
        KeyId = keyId;
        Payload = payload;
        _signed = signed;
        _signature = signature;
    }

    /// <summary>The header's <c>alg</c>, letter by letter.</summary>
    public string Algorithm { get; }

    /// <summary>The header's <c>kid</c>; null without one.</summary>
    public string? KeyId { get; }

    /// <summary>What was signed, decoded; not to be read before the signature is verified.</summary>
    public byte[] Payload { get; }

    /// <summary>Takes the text apart; null when it is not in the compact form or its header is refused. Throws as <see cref="StrictJson"/> says.</summary>
    public static CompactJws? Parse(string text)
    {
        if (text.Length > MaxLength)
        {
            return null;
        }

        var first = text.IndexOf('.', StringComparison.Ordinal);
        var last = text.LastIndexOf('.');
        if (first <= 0 || last <= first + 1 || text.AsSpan(first + 1, last - first - 1).Contains('.'))
        {
            return null;
        }

        if (Decode(text.AsSpan(0, first)) is not { } header
            || Decode(text.AsSpan(first + 1, last - first - 1)) is not { } payload
            || !TryReadHeader(header, out var algorithm, out var keyId))
        {
            return null;
        }

        return new CompactJws(algorithm, keyId, payload, Encoding.ASCII.GetBytes(text, 0, last), Encoding.ASCII.GetBytes(text[(last + 1)..]));
    }

    /// <summary>Whether a key has signed header and payload.</summary>
    public bool IsSignedBy(SigningKey key) => key.HasSigned(_signed, _signature);

    /// <summary>Writes a signed text.</summary>
    /// <param name="header">JSON; its <c>alg</c> must be the key's.</param>
    /// <param name="payload">What to sign.</param>
    /// <param name="key">One that can sign.</param>
    public static string Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, SigningKey key)
    {
        var signed = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(payload)}";
        return $"{signed}.{key.Sign(Encoding.ASCII.GetBytes(signed))}";
    }

    /// <summary>The bytes of a base64url text without padding (RFC 7515 §2); null when it is none, or not the one spelling of its bytes.</summary>
    internal static byte[]? Decode(ReadOnlySpan<char> part)
    {
        // The decoder alone would also take padding and blanks, which RFC 7515 §2 excludes. It refuses unused bits that are not zero.
        if (part.ContainsAnyExcept(Base64UrlAlphabet))
        {
            return null;
        }

        var bytes = new byte[Base64Url.GetMaxDecodedLength(part.Length)];
        return Base64Url.DecodeFromChars(part, bytes, out _, out var written) == OperationStatus.Done ? bytes[..written] : null;
    }

    private static bool TryReadHeader(byte[] json, out string algorithm, out string? keyId)
    {
        algorithm = "";
        keyId = null;
        using var document = StrictJson.ParseObject(json);
        if (document is null)
        {
            return false;
        }

        var header = document.RootElement;
        if (Refused.Any(name => header.TryGetProperty(name, out _))
            || !header.TryGetProperty("alg", out var alg) || alg.ValueKind != JsonValueKind.String)
        {
            return false;
        }

        algorithm = alg.GetString()!;
        if (header.TryGetProperty("kid", out var kid))
        {
            if (kid.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            keyId = kid.GetString();
            if (keyId!.Length > MaxKeyIdLength)
            {
                return false;
            }
        }

        return true;
    }
}
