namespace Relay.Kernel.Cells;

/// <summary>
/// Who watches a cell. Most cells have no or one watcher, a few have tens of thousands, so: one inline, a hash set from the second on.
/// </summary>
internal sealed class WatcherSet
{
    private (ActorCell Watcher, IActorRef Watched)? _first;
    private HashSet<(ActorCell Watcher, IActorRef Watched)>? _more;

    public void Add(ActorCell watcher, IActorRef watched)
    {
        if (_more is null && (_first is null || _first == (watcher, watched)))
        {
            _first = (watcher, watched);
            return;
        }

        _more ??= _first is { } first ? [first] : [];
        _more.Add((watcher, watched));
    }

    public void Remove(ActorCell watcher, IActorRef watched)
    {
        _more?.Remove((watcher, watched));
        if (_first == (watcher, watched))
        {
            _first = null;
        }
    }

    public void NotifyAll()
    {
        if (_more is null)
        {
            _first?.Watcher.SendSystem(new DeathNotice(_first.Value.Watched));
            return;
        }

        foreach (var (watcher, watched) in _more)
        {
            watcher.SendSystem(new DeathNotice(watched));
        }
    }
}
