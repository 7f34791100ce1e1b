namespace Relay.History;

/// <summary>
/// Collects the lines of all clients in one order, and writes them to a file as they come when one is given. Any thread.
/// <para>
/// The order is evidence: a publish recorded as acknowledged before another was recorded as invoked did happen before it. Callers therefore record what
/// they send before they send it, and what they read after they have read it.
/// </para>
/// </summary>
public sealed class HistoryRecorder : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<HistoryEntry> _entries = [];
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private readonly StreamWriter? _file;

    /// <param name="path">JSON lines, see <see cref="HistoryFile"/>; null = kept in memory only.</param>
    public HistoryRecorder(string? path = null)
    {
        _file = path is null ? null : new StreamWriter(path, append: false);
    }

    /// <summary>All lines so far.</summary>
    public IReadOnlyList<HistoryEntry> Entries
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries];
            }
        }
    }

    public void Add(HistoryEntry entry)
    {
        lock (_gate)
        {
            _entries.Add(entry is Seen seen ? Sharing(seen) : entry);
            _file?.WriteLine(HistoryFile.Format(entry));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _file?.Dispose();
        }
    }

    // Thousands of subscribers read the same events: what they say is kept once.
    private Seen Sharing(Seen seen) =>
        new(Kept(seen.Channel), seen.Subscriber, new Place(Kept(seen.Place.Epoch), seen.Place.Offset), Kept(seen.Id), Kept(seen.Body));

    private string Kept(string text)
    {
        if (_texts.TryGetValue(text, out var kept))
        {
            return kept;
        }

        _texts.Add(text);
        return text;
    }
}
