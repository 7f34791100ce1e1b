using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// The configured API keys, kept as SHA-256 hashes. A key is compared with every hash in constant time, so the time tells neither how much of a
/// key was right nor which key it was. A slow hash is for passwords that people choose; keys are drawn at random (<c>--new-key</c>), and a slow hash at every request would be a
/// way to keep the node busy. Immutable and thread-safe.
/// </summary>
internal sealed class ApiKeys
{
    /// <summary>Longest credential looked at, as for tokens.</summary>
    private const int MaxLength = CompactJws.MaxLength;

    /// <summary>256 bits: nobody finds it by trying.</summary>
    private const int KeyBytes = 32;

    private const string HashPrefix = "sha256:";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    private readonly ApiKeyOptions[] _options;
    private readonly (byte[] Hash, Identity Identity)[] _keys;

    /// <param name="keys">As configured.</param>
    /// <param name="before">Those before: who is the same still, keeps its identity.</param>
    public ApiKeys(IReadOnlyList<ApiKeyOptions> keys, ApiKeys? before = null)
    {
        _options = [.. keys];
        _keys = [.. keys.Select(key => (HashOf(key), before?.Same(key) ?? IdentityOf(key)))];
    }

    /// <summary>The holders of <paramref name="before"/> who are not here any more, or may do other things now.</summary>
    public IEnumerable<Principal> Missing(ApiKeys before) =>
        before._keys.Select(static key => key.Identity.Principal).Where(old => !Array.Exists(_keys, key => ReferenceEquals(key.Identity.Principal, old)));

    /// <summary>A new key, as its holder shows it.</summary>
    public static string Create() => "rk_" + System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>What the configuration holds in place of a key: <c>sha256:</c> and 64 hexadecimal digits.</summary>
    public static string Hash(string key) => HashPrefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>The bytes of such a text; null when it is none.</summary>
    public static byte[]? ParseHash(string text) =>
        text.Length == HashPrefix.Length + (2 * SHA256.HashSizeInBytes)
        && text.StartsWith(HashPrefix, StringComparison.Ordinal) && text.AsSpan(HashPrefix.Length).IndexOfAnyExcept(HexDigits) < 0
            ? Convert.FromHexString(text.AsSpan(HashPrefix.Length))
            : null;

    /// <summary>Who holds the key; null when nobody does.</summary>
    public Identity? Find(string credential)
    {
        if (_keys.Length == 0 || credential.Length > MaxLength)
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(credential), hash);
        Identity? found = null;
        foreach (var (known, identity) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, known))
            {
                found = identity;
            }
        }

        return found;
    }

    // By name, rights, channels, and the key itself: whoever holds the old key of a name is not who holds its new one.
    private Identity? Same(ApiKeyOptions key)
    {
        var index = Array.FindIndex(_options, old => old.Name == key.Name && old.Rights == key.Rights && old.Channels.SequenceEqual(key.Channels, StringComparer.Ordinal) && HashOf(old).AsSpan().SequenceEqual(HashOf(key)));
        return index < 0 ? null : _keys[index].Identity;
    }

    private static byte[] HashOf(ApiKeyOptions key) =>
        key.Hash.Length > 0 ? ParseHash(key.Hash)! : SHA256.HashData(Encoding.UTF8.GetBytes(key.Key.Reveal()));

    private static Identity IdentityOf(ApiKeyOptions key) => new(
        new Principal(key.Name, IsAuthenticated: true)
        {
            MayPublish = key.Rights.HasFlag(Rights.Publish),
            MaySubscribe = key.Rights.HasFlag(Rights.Subscribe),
            IsService = true,
            Grants = key.Channels.Count == 0 ? null : ChannelGrants.Create(key.Channels.Select(static channels => (channels, ChannelRights.Read | ChannelRights.Publish))),
        },
        key.Rights);
}
