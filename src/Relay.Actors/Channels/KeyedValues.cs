using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// The newest event of each key of a channel: what a subscriber with <c>last_per_key</c> gets, and what a versioned publish is compared with. At most a
/// fixed number of keys; the one that was written least recently is forgotten first. Independent of the history: a value lives as long as its time to live says.
/// <para>
/// A value that expired is none, and keeps its place until it is the oldest: so what is left is what a journal gives back that keeps the newest keys.
/// </para>
/// Plain data, in the order of offsets. Made with a channel's first key.
/// </summary>
internal sealed class KeyedValues(int capacity)
{
    private readonly Dictionary<string, LinkedListNode<Publication>> _byKey = new(StringComparer.Ordinal);
    private readonly LinkedList<Publication> _oldestFirst = [];

    // Accepted, and not confirmed by the journal yet: nobody may see them, but later publishes are compared with them.
    private Dictionary<string, Publication>? _unshown;

    public int Count => _byKey.Count;

    /// <summary>An event has its place, and nobody may see it yet.</summary>
    public void Accept(Publication publication) => (_unshown ??= new(StringComparer.Ordinal))[publication.Key!] = publication;

    /// <summary>An event may be seen: it is its key's value now.</summary>
    public void Show(Publication publication)
    {
        var key = publication.Key!;
        if (_unshown is not null && _unshown.TryGetValue(key, out var newest) && newest.Position.Offset <= publication.Position.Offset)
        {
            _unshown.Remove(key);
        }

        if (_byKey.TryGetValue(key, out var node))
        {
            _oldestFirst.Remove(node);
            node.Value = publication;
        }
        else if (_byKey.Count < capacity)
        {
            node = new LinkedListNode<Publication>(publication);
            _byKey.Add(key, node);
        }
        else
        {
            node = _oldestFirst.First!;
            _oldestFirst.RemoveFirst();
            _byKey.Remove(node.Value.Key!);
            node.Value = publication;
            _byKey.Add(key, node);
        }

        _oldestFirst.AddLast(node);
    }

    /// <summary>Where the newest accepted event of a key stands; default when the key has no value.</summary>
    public StreamPosition VersionOf(string key, long nowMicros)
    {
        if (_unshown is null || !_unshown.TryGetValue(key, out var newest))
        {
            newest = _byKey.GetValueOrDefault(key)?.Value;
        }

        return newest is not null && IsAlive(newest, nowMicros) ? newest.Position : default;
    }

    /// <summary>The value of one key; empty when it has none behind <paramref name="offset"/>.</summary>
    public List<Publication> Of(string key, long offset, long nowMicros) =>
        _byKey.TryGetValue(key, out var node) && node.Value.Position.Offset > offset && IsAlive(node.Value, nowMicros) ? [node.Value] : [];

    /// <summary>The values that were written behind <paramref name="offset"/>, oldest first, at most <paramref name="limit"/>.</summary>
    public List<Publication> After(long offset, int limit, long nowMicros)
    {
        var first = _oldestFirst.Last;
        while (first?.Previous is { } before && before.Value.Position.Offset > offset)
        {
            first = before;
        }

        var values = new List<Publication>();
        for (var node = first; node is not null && values.Count < limit; node = node.Next)
        {
            if (node.Value.Position.Offset > offset && IsAlive(node.Value, nowMicros))
            {
                values.Add(node.Value);
            }
        }

        return values;
    }

    /// <summary>Forgets the oldest of more than <paramref name="count"/>.</summary>
    public void KeepNewest(int count)
    {
        while (Count > Math.Max(0, count))
        {
            _byKey.Remove(_oldestFirst.First!.Value.Key!);
            _oldestFirst.RemoveFirst();
        }
    }

    /// <summary>Forgets what expired and would be the next to go.</summary>
    public void Prune(long nowMicros)
    {
        while (_oldestFirst.First is { } oldest && !IsAlive(oldest.Value, nowMicros))
        {
            _oldestFirst.RemoveFirst();
            _byKey.Remove(oldest.Value.Key!);
        }
    }

    private static bool IsAlive(Publication publication, long nowMicros) =>
        publication.ExpiresMicros == 0 || publication.ExpiresMicros > nowMicros;
}
