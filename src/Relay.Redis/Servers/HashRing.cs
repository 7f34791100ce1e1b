using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Redis.Servers;

/// <summary>
/// Consistent hashing: which of several servers is a key's. Each server has <see cref="PointsPerServer"/> points on a ring of 64 bits; a key belongs to the server of the first point at or
/// behind its own place. A server that comes takes keys from all others and moves none between them; one that goes gives its keys to all others. Plain data, immutable.
/// </summary>
/// <remarks>
/// What lies on servers was placed by this, so it never changes: a place is the first eight bytes (big-endian) of the SHA-256 of the UTF-8 text, which is the key itself, or <c>{name}/{n}</c> for
/// point n of a server, n from 0; of two points at one place the lower name's counts. SHA-256 because it is the same in every language, so that scripts of operators can find a stream; it costs
/// less than the command that follows. Rendezvous hashing would be as stable and need no points; with points a look-up does not grow with the servers, and the
/// way from a key on along the ring is the order in which others take its place.
/// </remarks>
public sealed class HashRing
{
    /// <summary>Shares are then within about 5 % of even (one over the root of it), 15 % at the most.</summary>
    public const int PointsPerServer = 512;

    private const int SmallKey = 256;

    private readonly string[] _names;
    private readonly ulong[] _places;
    private readonly int[] _owners;

    /// <param name="names">Of the servers, in any order; at least one, none twice, none with blanks.</param>
    /// <exception cref="ArgumentException">These names make no ring.</exception>
    public HashRing(IEnumerable<string> names)
    {
        _names = [.. names.Order(StringComparer.Ordinal)];
        if (_names.Length == 0 || _names.Distinct(StringComparer.Ordinal).Count() < _names.Length || Array.Exists(_names, static name => name.Length == 0 || name.Any(char.IsWhiteSpace)))
            throw new ArgumentException($"The names '{string.Join("', '", _names)}' make no ring: at least one, none twice, none with blanks.", nameof(names));
        var points = new (ulong Place, int Owner)[_names.Length * PointsPerServer];
        for (var i = 0; i < points.Length; i++)
            points[i] = (PlaceOf($"{_names[i / PointsPerServer]}/{i % PointsPerServer}"), i / PointsPerServer);
        Array.Sort(points);
        _places = Array.ConvertAll(points, static point => point.Place);
        _owners = Array.ConvertAll(points, static point => point.Owner);
    }

    /// <summary>The servers, in the order of their names; answers are indexes of this list.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Whose the key is.</summary>
    public int OwnerOf(string key) => _names.Length == 1 ? 0 : _owners[Find(key)];

    /// <summary>All servers, as they come on the ring from the key on: its owner, then who takes its place, and so on.</summary>
    public int[] OrderOf(string key)
    {
        var order = new List<int>(_names.Length);
        for (var at = Find(key); order.Count < _names.Length; at = (at + 1) % _owners.Length)
        {
            if (!order.Contains(_owners[at]))
                order.Add(_owners[at]);
        }

        return [.. order];
    }

    /// <summary>All names, one blank between them: two rings with the same text place every key alike.</summary>
    public override string ToString() => string.Join(' ', _names);

    private int Find(string key)
    {
        var found = Array.BinarySearch(_places, PlaceOf(key));
        if (found < 0)
            return ~found % _places.Length;
        while (found > 0 && _places[found - 1] == _places[found])
            found--;
        return found;
    }

    private static ulong PlaceOf(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        var utf8 = length <= SmallKey ? stackalloc byte[length] : new byte[length];
        Encoding.UTF8.GetBytes(text, utf8);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8, hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }
}
