using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>What is to be done with an event that a pattern's replica got of a channel.</summary>
internal enum PatternStep
{
    /// <summary>It is the next one, or the first that was heard of the channel: bring it.</summary>
    Next,

    /// <summary>It was brought, or comes with what the channel is being asked for.</summary>
    Known,

    /// <summary>Later ones were brought, and it was not: it has lost its place.</summary>
    Passed,

    /// <summary>Others are missing before it: ask the channel.</summary>
    Missing,
}

/// <summary>
/// How far a pattern's subscribers have got in each channel they have heard of. Events come from the channels' owners over several links, so where an owner changes or a link breaks some may
/// come late, twice or not at all. Forgets the channels that were silent for longest. Plain data.
/// </summary>
/// <param name="capacity">Channels remembered at least; at most twice as many.</param>
internal sealed class PatternPlaces(int capacity)
{
    private Dictionary<string, PatternPlace> _young = new(StringComparer.Ordinal);
    private Dictionary<string, PatternPlace> _old = new(StringComparer.Ordinal);

    /// <summary>All that are remembered.</summary>
    public IEnumerable<PatternPlace> All => _young.Values.Concat(_old.Values);

    /// <summary>Whether it is still remembered.</summary>
    public bool Holds(PatternPlace place) => _young.GetValueOrDefault(place.Channel) == place || _old.GetValueOrDefault(place.Channel) == place;

    /// <summary>Judges an event that has a place in its channel's sequence, and counts it as brought where that is the verdict.</summary>
    public PatternStep Take(Publication publication, out PatternPlace place)
    {
        var position = publication.Position;
        if (Find(publication.Channel) is not { } known)
        {
            place = new PatternPlace(publication.Channel, position);
            Keep(place);
            return PatternStep.Next;
        }

        place = known;
        if (place.Asked is not null)
        {
            place.Seen = position;
            return PatternStep.Known;
        }

        if (position.Epoch != place.Position.Epoch || position.Offset > place.Position.Offset + 1)
        {
            return PatternStep.Missing;
        }

        if (position.Offset <= place.Position.Offset)
        {
            return position.Offset < place.First ? PatternStep.Passed : PatternStep.Known;
        }

        place.Position = position;
        return PatternStep.Next;
    }

    private PatternPlace? Find(string channel)
    {
        if (_young.TryGetValue(channel, out var place))
        {
            return place;
        }

        if (_old.Remove(channel, out place))
        {
            Keep(place);
        }

        return place;
    }

    private void Keep(PatternPlace place)
    {
        if (_young.Count == capacity)
        {
            // Those that are being asked for something wait for the answer.
            var asked = _old.Values.Where(static one => one.Asked is not null).ToList();
            (_old, _young) = (_young, new Dictionary<string, PatternPlace>(StringComparer.Ordinal));
            foreach (var one in asked)
            {
                _young[one.Channel] = one;
            }
        }

        _young[place.Channel] = place;
    }
}

/// <summary>How far a pattern's subscribers have got in one channel. Owned by the <see cref="PatternPlaces"/> it is in.</summary>
internal sealed class PatternPlace(string channel, StreamPosition first)
{
    public string Channel => channel;

    /// <summary>The first event that was heard of this life of the channel.</summary>
    public long First { get; private set; } = first.Offset;

    /// <summary>Everything from <see cref="First"/> up to here was brought, or told as a gap.</summary>
    public StreamPosition Position { get; set; } = first;

    /// <summary>The question that the channel was asked; null when it is not being asked.</summary>
    public object? Asked { get; set; }

    /// <summary>The last event that came while the channel was being asked.</summary>
    public StreamPosition? Seen { get; set; }

    /// <summary>Asked before there was reason to ask: the answer may be too old.</summary>
    public bool IsDoubted { get; set; }

    /// <summary>An answer has brought everything from <paramref name="start"/> up to <paramref name="reached"/>.</summary>
    public void Reach(StreamPosition start, StreamPosition reached)
    {
        if (Position.Epoch != reached.Epoch)
        {
            First = start.Offset + 1;
        }

        Position = reached;
    }
}
