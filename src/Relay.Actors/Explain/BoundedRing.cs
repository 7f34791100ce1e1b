using System.Runtime.CompilerServices;

namespace Relay.Actors.Explain;

/// <summary>An entry that holds texts of others besides its own fields.</summary>
internal interface ITextBearer
{
    /// <summary>Characters it keeps alive; those shared with others count as well.</summary>
    int Characters { get; }
}

/// <summary>
/// The newest entries that fit into so many bytes: their array and the texts they hold. The array grows with use, so a quiet node spends little. Thread-safe; adding takes one uncontended
/// lock and allocates nothing once the array has its size.
/// </summary>
/// <param name="maxBytes">Bound of array and texts together; too little for one entry = nothing is kept.</param>
internal sealed class BoundedRing<T>(long maxBytes)
    where T : struct, ITextBearer
{
    private const int FirstCapacity = 16;

    // Headers, lengths and rounding of up to three strings.
    private const int BytesPerText = 72;

    private readonly Lock _gate = new();
    private T[] _items = [];
    private int _first;
    private long _texts;

    /// <summary>Entries kept.</summary>
    public int Count { get; private set; }

    /// <summary>What they take, at most.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return ArrayBytes(_items.Length) + _texts;
            }
        }
    }

    /// <summary>Adds the newest; the oldest go as far as they must.</summary>
    public void Add(in T item)
    {
        lock (_gate)
        {
            AddLocked(item);
        }
    }

    /// <summary>Adds several, in their order.</summary>
    public void Add(ReadOnlySpan<T> items)
    {
        lock (_gate)
        {
            foreach (ref readonly var item in items)
            {
                AddLocked(item);
            }
        }
    }

    /// <summary>Those that <paramref name="match"/> accepts, oldest first.</summary>
    /// <param name="match">Asked under the lock: quick, and calls nothing back.</param>
    /// <param name="most">The newest so many.</param>
    public List<T> Find(Func<T, bool> match, int most = int.MaxValue)
    {
        var found = new List<T>();
        lock (_gate)
        {
            for (var i = Count - 1; i >= 0 && found.Count < most; i--)
            {
                ref readonly var item = ref _items[(_first + i) % _items.Length];
                if (match(item))
                {
                    found.Add(item);
                }
            }
        }

        found.Reverse();
        return found;
    }

    /// <summary>The oldest entry; null when there is none.</summary>
    public T? Oldest
    {
        get
        {
            lock (_gate)
            {
                return Count == 0 ? null : _items[_first];
            }
        }
    }

    private static long ArrayBytes(int length) => (long)length * Unsafe.SizeOf<T>();

    private static long TextBytes(in T item) => item.Characters is > 0 and var characters ? (2L * characters) + BytesPerText : 0;

    private void AddLocked(in T item)
    {
        var text = TextBytes(item);
        if (Count == _items.Length)
        {
            Grow(text);
        }

        while (Count > 0 && (Count == _items.Length || ArrayBytes(_items.Length) + _texts + text > maxBytes))
        {
            _texts -= TextBytes(_items[_first]);
            _items[_first] = default;
            _first = (_first + 1) % _items.Length;
            Count--;
        }

        if (_items.Length == 0 || ArrayBytes(_items.Length) + text > maxBytes)
        {
            return;
        }

        _items[(_first + Count) % _items.Length] = item;
        Count++;
        _texts += text;
    }

    // To twice the size, as long as what is kept still fits beside it; else to what is left.
    private void Grow(long text)
    {
        var room = (maxBytes - _texts - text) / Unsafe.SizeOf<T>();
        var capacity = (int)Math.Min(Math.Max(FirstCapacity, 2L * _items.Length), Math.Max(0, room));
        if (capacity <= _items.Length)
        {
            return;
        }

        var grown = new T[capacity];
        for (var i = 0; i < Count; i++)
        {
            grown[i] = _items[(_first + i) % _items.Length];
        }

        (_items, _first) = (grown, 0);
    }
}
