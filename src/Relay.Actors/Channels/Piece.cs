namespace Relay.Actors.Channels;

/// <summary>Some stored events of a channel, one behind the other: taken from the front, added at the end.</summary>
internal sealed class Piece(byte[] bytes)
{
    /// <summary>Bytes in all.</summary>
    public int Size => bytes.Length;

    /// <summary>Where the oldest begins.</summary>
    public int Start { get; private set; }

    /// <summary>Behind the newest.</summary>
    public int End { get; private set; }

    /// <summary>Events.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes left behind the newest.</summary>
    public int Room => bytes.Length - End;

    /// <summary>Nothing in it is younger; microseconds since 1970-01-01 UTC.</summary>
    public long LatestMicros { get; private set; }

    /// <summary>True when any event in it may expire.</summary>
    public bool AnyExpires { get; private set; }

    public ReadOnlySpan<byte> Oldest => At(Start);

    /// <summary>The event that begins at <paramref name="start"/>.</summary>
    public ReadOnlySpan<byte> At(int start) => bytes.AsSpan(start, StoredEvent.LengthOf(bytes.AsSpan(start)));

    /// <summary>The place of one event more.</summary>
    public Span<byte> Take(int size, long timestampMicros, bool expires)
    {
        LatestMicros = Math.Max(LatestMicros, timestampMicros);
        AnyExpires |= expires;
        var place = bytes.AsSpan(End, size);
        End += size;
        Count++;
        return place;
    }

    /// <summary>Gives the oldest up.</summary>
    public void Drop()
    {
        Start += Oldest.Length;
        Count--;
    }

    public void Clear() => (Start, End, Count, LatestMicros, AnyExpires) = (0, 0, 0, 0, false);
}
