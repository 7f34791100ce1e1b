namespace Relay.History;

/// <summary>A set of offsets as ranges: a forged jump of 2^60 offsets costs one entry.</summary>
internal sealed class OffsetRanges
{
    private readonly List<(long From, long To)> _ranges = [];

    public IReadOnlyList<(long From, long To)> Ranges => _ranges;

    public bool Contains(long offset) => _ranges.Exists(range => range.From <= offset && offset <= range.To);

    /// <summary>Adds both ends and what lies between; nothing when <paramref name="to"/> is before <paramref name="from"/>.</summary>
    public void Add(long from, long to)
    {
        if (from <= to)
        {
            Remove(from, to);
            _ranges.Add((from, to));
        }
    }

    public void Remove(long from, long to)
    {
        for (var i = _ranges.Count - 1; i >= 0; i--)
        {
            var (first, last) = _ranges[i];
            if (last < from || to < first)
            {
                continue;
            }

            _ranges.RemoveAt(i);
            if (first < from)
            {
                _ranges.Add((first, from - 1));
            }

            if (to < last)
            {
                _ranges.Add((to + 1, last));
            }
        }
    }
}
