using Relay.Kernel.Persistence;

namespace Relay.Actors.Channels;

/// <summary>
/// Publish ids a channel has accepted, for a bounded time and number (guarantees.md 3: 10 minutes, 10,000 ids). Ids are scoped by publisher,
/// so nobody can hide another's publish by guessing its id (reliability.md S26).
/// <para>
/// A ring in the order of arrival, which is the order of forgetting, with a hash chain through its entries. A dictionary beside a queue would hold every
/// id twice, and they are the larger part of what a busy channel remembers; as strings, every collection would have to carry them on. The hash is the
/// runtime's seeded one: ids are chosen by clients.
/// </para>
/// </summary>
internal sealed class DedupeWindow(int capacity, TimeSpan age)
{
    private readonly long _ageMicros = age.Ticks / TimeSpan.TicksPerMicrosecond;
    private Entry[] _ring = [];

    /// <summary>By hash: 1 + index of the newest entry of a chain, 0 for none. A power of two, at least as long as the ring.</summary>
    private int[] _chains = [];
    private readonly IdText _text = new();
    private int _head;
    private long _oldestMicros;

    public int Count { get; private set; }

    /// <summary>Remembers an id; false when it is known already, with the offset it stands for.</summary>
    public bool TryAdd(string scope, string id, long offset, long nowMicros, out long known)
    {
        Prune(nowMicros);
        var hash = HashOf(scope, id);
        if (Find(scope, id, hash, out known))
        {
            return false;
        }

        if (capacity > 0)
        {
            MakeRoom();
            Append(new Entry { Scope = scope, Id = _text.Add(id), IdLength = id.Length, Offset = offset, AtMicros = nowMicros, Hash = hash });
        }

        return true;
    }

    /// <summary>Whether an id is remembered.</summary>
    public bool IsKnown(string scope, string id, long nowMicros)
    {
        Prune(nowMicros);
        return Find(scope, id, HashOf(scope, id), out _);
    }

    /// <summary>Forgets what is too old.</summary>
    public void Prune(long nowMicros)
    {
        while (Count > 0 && nowMicros - _oldestMicros >= _ageMicros)
        {
            Drop();
        }
    }

    /// <summary>Forgets the oldest of more than <paramref name="count"/>.</summary>
    public void KeepNewest(int count)
    {
        while (Count > Math.Max(0, count))
        {
            Drop();
        }
    }

    /// <summary>The ids that are remembered of events behind <paramref name="offset"/>, oldest first.</summary>
    public IEnumerable<KnownId> After(long offset)
    {
        for (var i = 0; i < Count; i++)
        {
            var entry = _ring[(_head + i) % _ring.Length];
            if (entry.Offset > offset)
            {
                yield return new KnownId(entry.Scope, _text.At(entry.Id, entry.IdLength).ToString(), entry.Offset, entry.AtMicros);
            }
        }
    }

    private static int HashOf(string scope, string id) => id.GetHashCode(StringComparison.Ordinal) ^ (scope.GetHashCode(StringComparison.Ordinal) * 31);

    private bool Find(string scope, string id, int hash, out long offset)
    {
        offset = 0;
        if (Count == 0)
        {
            return false;
        }

        for (var at = _chains[hash & (_chains.Length - 1)]; at != 0; at = _ring[at - 1].Next)
        {
            ref readonly var entry = ref _ring[at - 1];
            if (entry.Hash == hash && entry.Scope == scope && _text.At(entry.Id, entry.IdLength).SequenceEqual(id))
            {
                offset = entry.Offset;
                return true;
            }
        }

        return false;
    }

    private void MakeRoom()
    {
        if (Count == capacity)
        {
            Drop();
        }
        else if (Count == _ring.Length)
        {
            Grow();
        }
    }

    private void Append(in Entry entry)
    {
        var index = (_head + Count) % _ring.Length;
        ref var chain = ref _chains[entry.Hash & (_chains.Length - 1)];
        _ring[index] = entry with { Next = chain };
        chain = index + 1;
        if (Count++ == 0)
        {
            _oldestMicros = entry.AtMicros;
        }
    }

    // The oldest of all is the last of its chain.
    private void Drop()
    {
        ref var link = ref _chains[_ring[_head].Hash & (_chains.Length - 1)];
        while (link != _head + 1)
        {
            link = ref _ring[link - 1].Next;
        }

        link = 0;
        _text.Drop(_ring[_head].Id, _ring[_head].IdLength);
        _ring[_head] = default;
        _head = (_head + 1) % _ring.Length;
        Count--;
        _oldestMicros = _ring[_head].AtMicros;
    }

    private void Grow()
    {
        var (old, head, count) = (_ring, _head, Count);
        _ring = new Entry[Math.Min(capacity, Math.Max(4, old.Length * 2))];
        _chains = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)_ring.Length)];
        _head = 0;
        Count = 0;
        for (var i = 0; i < count; i++)
        {
            Append(old[(head + i) % old.Length]);
        }
    }

    private record struct Entry
    {
        public string Scope;
        public long Id;
        public int IdLength;
        public long Offset;
        public long AtMicros;
        public int Hash;
        public int Next;
    }
}
