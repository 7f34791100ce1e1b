namespace Relay.Actors.Limits;

/// <summary>
/// Who has how many connections, and who has been here lately. Bounded: those with connections are as many as there are connections; the others, kept so that nobody
/// empties a bucket by leaving, are in two generations of limited size, of which the older is forgotten when the younger is full or a minute old. Thread-safe.
/// <para>
/// An attacker with more addresses than that makes the table forget, never grow; such a one is met by the limits of the node.
/// </para>
/// </summary>
/// <typeparam name="TKey">Users' names, or addresses.</typeparam>
public sealed class ShareTable<TKey>(int generation)
    where TKey : notnull
{
    /// <summary>Longer than any bucket takes to be full again.</summary>
    private static readonly TimeSpan Age = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, Share> _held = [];
    private Dictionary<TKey, Share> _young = [];
    private Dictionary<TKey, Share> _old = [];
    private long _turnedAt;

    /// <summary>Entries now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _held.Count + _young.Count + _old.Count;
            }
        }
    }

    /// <summary>The share of <paramref name="key"/>, for what is no connection.</summary>
    public Share Touch(TKey key, long now)
    {
        lock (_gate)
        {
            if (_held.TryGetValue(key, out var held))
            {
                return held;
            }

            var share = Take(key);
            Keep(key, share, now);
            return share;
        }
    }

    /// <summary>Counts one more connection; null when there are <paramref name="most"/> already. Each needs one <see cref="Release"/>.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="most">0 = no bound.</param>
    public Share? TryHold(TKey key, int most)
    {
        lock (_gate)
        {
            if (!_held.TryGetValue(key, out var share))
            {
                share = Take(key);
                _held.Add(key, share);
            }
            else if (most > 0 && share.Connections >= most)
            {
                return null;
            }

            share.Connections++;
            return share;
        }
    }

    /// <summary>A connection has ended.</summary>
    public void Release(TKey key, long now)
    {
        lock (_gate)
        {
            if (_held.TryGetValue(key, out var share) && --share.Connections == 0)
            {
                _held.Remove(key);
                Keep(key, share, now);
            }
        }
    }

    private Share Take(TKey key) => _young.Remove(key, out var share) || _old.Remove(key, out share) ? share : new Share();

    private void Keep(TKey key, Share share, long now)
    {
        if (_young.Count >= generation || now - _turnedAt >= Age.Ticks)
        {
            _turnedAt = now;
            (_old, _young) = (_young, _old);
            _young.Clear();
        }

        _young.Add(key, share);
    }
}
