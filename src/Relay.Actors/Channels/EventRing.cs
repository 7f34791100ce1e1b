using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// The newest events of a channel, oldest first, at most a fixed number. Offsets in it are consecutive, so an offset is found by subtraction.
/// Grows by doubling: most channels never fill their window.
/// </summary>
internal sealed class EventRing(int capacity)
{
    private Publication?[] _slots = [];
    private int _head;

    public int Count { get; private set; }

    public void Add(Publication publication)
    {
        if (capacity == 0)
        {
            return;
        }

        if (Count == _slots.Length && Count < capacity)
        {
            Grow();
        }

        if (Count == capacity)
        {
            _slots[_head] = publication;
            _head = (_head + 1) % _slots.Length;
            return;
        }

        _slots[(_head + Count) % _slots.Length] = publication;
        Count++;
    }

    public void DropBefore(long timestampMicros)
    {
        while (Count > 0 && _slots[_head]!.TimestampMicros < timestampMicros)
        {
            _slots[_head] = null;
            _head = (_head + 1) % _slots.Length;
            Count--;
        }
    }

    public List<Publication> After(long offset, int limit, long nowMicros)
    {
        var from = Count == 0 ? 0 : (int)Math.Clamp(offset + 1 - At(0).Position.Offset, 0, Count);
        var to = (int)Math.Min(Count, (long)from + limit);
        var events = new List<Publication>(to - from);
        for (var i = from; i < to; i++)
        {
            if (IsAlive(At(i), nowMicros))
            {
                events.Add(At(i));
            }
        }

        return events;
    }

    public List<Publication> Last(int count, long nowMicros, Func<string, bool>? wanted = null)
    {
        var events = new List<Publication>();
        for (var i = Count - 1; i >= 0 && events.Count < count; i--)
        {
            if (IsAlive(At(i), nowMicros) && (wanted is null || wanted(At(i).Event)))
            {
                events.Add(At(i));
            }
        }

        events.Reverse();
        return events;
    }

    private static bool IsAlive(Publication publication, long nowMicros) =>
        publication.ExpiresMicros == 0 || publication.ExpiresMicros > nowMicros;

    private Publication At(int index) => _slots[(_head + index) % _slots.Length]!;

    private void Grow()
    {
        var larger = new Publication?[Math.Min(capacity, Math.Max(4, _slots.Length * 2))];
        for (var i = 0; i < Count; i++)
        {
            larger[i] = At(i);
        }

        _slots = larger;
        _head = 0;
    }
}
