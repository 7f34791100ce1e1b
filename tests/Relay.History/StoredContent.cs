namespace Relay.History;

/// <summary>The final content of one channel: every offset from the first one kept to the head, once, in order.</summary>
internal sealed class StoredContent(JournalRead read, Action<Finding> found)
{
    private readonly Dictionary<long, string> _ids = [];
    private long _last = read.First - 1;

    public int Count => _ids.Count;

    public void Add(Stored stored)
    {
        var offset = stored.Place.Offset;
        if (stored.Place.Epoch != read.Head.Epoch)
        {
            Report(FindingKind.Conflicting, $"{stored.Place} is stored in a sequence whose head is {read.Head}");
            return;
        }

        if (!_ids.TryAdd(offset, stored.Id))
        {
            Report(FindingKind.Repeated, $"{stored.Place} is stored twice");
        }
        else if (offset <= _last)
        {
            Report(FindingKind.Reordered, $"{stored.Place} is stored behind offset {_last}");
        }
        else if (offset != _last + 1)
        {
            Report(FindingKind.SilentGap, $"offsets {_last + 1} to {offset - 1} are not stored");
        }

        _last = Math.Max(_last, offset);
    }

    public void End()
    {
        if (_last < read.Head.Offset)
        {
            Report(FindingKind.SilentGap, $"offsets {_last + 1} to {read.Head.Offset} are not stored");
        }
    }

    /// <summary>True when this id should be stored at this place and is not. What retention dropped is not missed.</summary>
    public bool Lacks(Place place, string id) =>
        place.Epoch != read.Head.Epoch || (place.Offset >= read.First && !(_ids.TryGetValue(place.Offset, out var stored) && stored == id));

    private void Report(FindingKind kind, string text) => found(new Finding(kind, read.Channel, "journal", text));
}
