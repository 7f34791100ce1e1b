using System.Security.Cryptography;
using System.Text;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// The configured API keys, kept as SHA-256 hashes. A key is compared with every hash in constant time, so the time tells neither how much of a
/// key was right nor which key it was. Immutable and thread-safe.
/// </summary>
internal sealed class ApiKeys
{
    /// <summary>Longest credential looked at, as for tokens.</summary>
    private const int MaxLength = CompactJws.MaxLength;

    private readonly (byte[] Hash, string Name, Rights Rights)[] _keys;

    public ApiKeys(IReadOnlyList<ApiKeyOptions> keys) =>
        _keys = [.. keys.Select(key => (SHA256.HashData(Encoding.UTF8.GetBytes(key.Key.Reveal())), key.Name, key.Rights))];

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
        foreach (var (known, name, rights) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, known))
            {
                found = new Identity(name, rights);
            }
        }

        return found;
    }
}
