namespace Relay.Bench.Load;

/// <summary>
/// The account of a closed loop: which publishes have not yet reached every subscriber of their channel. At most <c>window</c> are open at a time.
/// Thread-safe: one thread opens, many settle.
/// </summary>
internal sealed class WindowLedger
{
    private readonly Entry[] _entries;
    private readonly long _mask;
    private readonly int _window;
    private long _opened;
    private long _completed;

    /// <param name="window">Most publishes open at a time, at least 1.</param>
    public WindowLedger(int window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        _window = window;

        // Larger than the window, so that one slow publish does not hold up those far behind it by its slot.
        var size = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1024, Math.Min(window, 1 << 24) * 4));
        _entries = new Entry[size];
        _mask = size - 1;
        Array.Fill(_entries, new Entry { Number = -1 });
    }

    /// <summary>Publishes opened and not completed.</summary>
    public long Open => Volatile.Read(ref _opened) - Volatile.Read(ref _completed);

    /// <summary>Opens the next publish if the window has room and the slot it needs is free.</summary>
    /// <param name="number">Its number; numbers follow each other.</param>
    /// <param name="receivers">Deliveries it waits for; 0 = it is complete at once.</param>
    public bool TryOpen(long number, int receivers)
    {
        // A slow publish keeps its slot while later ones complete, so room in the window is not yet room in the ring.
        ref var entry = ref _entries[number & _mask];
        if (Open >= _window || Volatile.Read(ref entry.Left) > 0)
        {
            return false;
        }

        Volatile.Write(ref entry.Number, number);
        Volatile.Write(ref entry.Left, receivers);
        Interlocked.Increment(ref _opened);
        if (receivers == 0)
        {
            Interlocked.Increment(ref _completed);
        }

        return true;
    }

    /// <summary>One subscriber has publish <paramref name="number"/>, or will not get it. True when it was the last one.</summary>
    public bool Settle(long number)
    {
        ref var entry = ref _entries[number & _mask];
        if (Volatile.Read(ref entry.Number) != number || Interlocked.Decrement(ref entry.Left) != 0)
        {
            return false;
        }

        Interlocked.Increment(ref _completed);
        return true;
    }

    /// <summary>Gives up everything open, so that a loss without a later delivery to show it does not stop the load. Returns how many.</summary>
    public long ReleaseAll()
    {
        long released = 0;
        foreach (ref var entry in _entries.AsSpan())
        {
            if (Interlocked.Exchange(ref entry.Left, 0) > 0)
            {
                Volatile.Write(ref entry.Number, -1);
                Interlocked.Increment(ref _completed);
                released++;
            }
        }

        return released;
    }

    private struct Entry
    {
        public long Number;
        public int Left;
    }
}
