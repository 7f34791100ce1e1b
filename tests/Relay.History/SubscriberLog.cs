namespace Relay.History;

/// <summary>
/// What one subscriber went through on one channel, walked along with a cursor: the place up to which it has, or was told, everything.
/// <para>
/// A subscription begins at <c>since</c>, or at its ack's place when it asked for nothing or was answered <c>recovered:false</c>. From there on every
/// offset must come once, in order, or be named by a gap notice, which may come before or behind the jump it explains. Where a subscription ends by a lost
/// connection, nothing is known of what lies behind its last event: the next subscription has to bring it.
/// </para>
/// </summary>
internal sealed class SubscriberLog(string channel, string name, Action<Finding> found)
{
    private readonly HashSet<Place> _seen = [];
    private readonly HashSet<Place> _seenNow = [];
    private readonly List<(string Epoch, long After, long To)> _covered = [];
    private readonly Dictionary<string, OffsetRanges> _told = new(StringComparer.Ordinal);
    private readonly OffsetRanges _missing = new();
    private bool _isOpen;
    private Place _began;
    private Place _cursor;

    public string Name => name;

    /// <summary>True when the subscriber answers for this place and never saw it.</summary>
    public bool Lacks(Place place) =>
        !_seen.Contains(place)
        && _covered.Exists(part => part.Epoch == place.Epoch && part.After < place.Offset && place.Offset <= part.To)
        && !(_told.TryGetValue(place.Epoch, out var told) && told.Contains(place.Offset));

    public void Begin(Subscribed subscribed)
    {
        End();
        _isOpen = true;
        _began = subscribed is { Since: { } since, Recovered: not false } ? since : subscribed.Place;
        _cursor = _began;
        if (_cursor.Epoch != subscribed.Place.Epoch)
        {
            Report(FindingKind.SilentGap, $"asked to resume from {_cursor} and runs at {subscribed.Place} without recovered:false");
            _began = _cursor = subscribed.Place;
        }
    }

    public void See(Place place)
    {
        if (!_isOpen)
        {
            Report(FindingKind.Phantom, $"{place} came without a subscription");
            return;
        }

        if (place.Epoch != _cursor.Epoch)
        {
            Report(FindingKind.SilentGap, $"{place} follows {_cursor}: another epoch, of which nothing was told");
            Enter(new Place(place.Epoch, place.Offset - 1));
        }

        if (place.Offset <= _cursor.Offset)
        {
            SeeBehind(place);
        }
        else
        {
            _missing.Add(_cursor.Offset + 1, place.Offset - 1);
            _cursor = place;
        }

        _seen.Add(place);
        _seenNow.Add(place);
    }

    public void Tell(GapTold gap)
    {
        if (_isOpen && gap.Epoch != _cursor.Epoch)
        {
            Enter(new Place(gap.Epoch, gap.From - 1));
        }

        if (!_told.TryGetValue(gap.Epoch, out var told))
        {
            _told[gap.Epoch] = told = new OffsetRanges();
        }

        told.Add(gap.From, gap.To);
    }

    public void CatchUp(Place place)
    {
        if (!_isOpen || place.Epoch != _cursor.Epoch)
        {
            Report(FindingKind.SilentGap, $"claims all up to {place}, and is at {(_isOpen ? _cursor.ToString() : "no subscription")}");
            return;
        }

        if (place.Offset > _cursor.Offset)
        {
            _missing.Add(_cursor.Offset + 1, place.Offset);
            _cursor = place;
        }
    }

    public void End()
    {
        if (_isOpen)
        {
            Leave();
            _isOpen = false;
            _seenNow.Clear();
        }
    }

    private void SeeBehind(Place place)
    {
        if (_seenNow.Contains(place))
        {
            Report(FindingKind.Repeated, $"{place} came twice in one subscription");
        }
        else if (place.Epoch == _began.Epoch && place.Offset <= _began.Offset)
        {
            Report(FindingKind.Repeated, $"{place} came in a subscription that began behind it, at {_began}");
        }
        else
        {
            _missing.Remove(place.Offset, place.Offset);
            Report(FindingKind.Reordered, $"{place} came behind {_cursor}");
        }
    }

    private void Enter(Place place)
    {
        Leave();
        _began = _cursor = place;
    }

    private void Leave()
    {
        if (_told.TryGetValue(_cursor.Epoch, out var told))
        {
            foreach (var (from, to) in told.Ranges)
            {
                _missing.Remove(from, to);
            }
        }

        foreach (var (from, to) in _missing.Ranges)
        {
            Report(FindingKind.SilentGap, $"{_cursor.Epoch}:{from} to {to} never came, and no gap was told");
        }

        _missing.Remove(long.MinValue, long.MaxValue);
        _covered.Add((_cursor.Epoch, _began.Offset, _cursor.Offset));
    }

    private void Report(FindingKind kind, string text) => found(new Finding(kind, channel, name, text));
}
