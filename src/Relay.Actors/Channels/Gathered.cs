namespace Relay.Actors.Channels;

/// <summary>
/// Collects what one message will carry. The array is made for what is expected first, so that mostly it becomes the message's own, without a copy
/// and without a list that stays behind.
/// </summary>
internal struct Gathered<T>
{
    private T[]? _items;

    public int Count { get; private set; }

    /// <summary>Makes room for <paramref name="more"/> further ones.</summary>
    public void Expect(int more)
    {
        if (_items is null)
        {
            _items = new T[more];
        }
        else if (_items.Length - Count < more)
        {
            Array.Resize(ref _items, Math.Max(Count + more, Count * 2));
        }
    }

    public void Add(T item)
    {
        Expect(1);
        _items![Count++] = item;
    }

    /// <summary>All of them; nothing stays.</summary>
    public T[] Take()
    {
        var items = _items ?? [];
        if (items.Length != Count)
        {
            Array.Resize(ref items, Count);
        }

        _items = null;
        Count = 0;
        return items;
    }
}
