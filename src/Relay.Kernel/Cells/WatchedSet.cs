namespace Relay.Kernel.Cells;

/// <summary>
/// Whom a cell watches, with the message it wants for each (null = <see cref="Terminated"/>). Most cells that watch at all watch one other, so: one
/// inline, a dictionary from the second on. Owned by the cell's turn.
/// </summary>
internal sealed class WatchedSet
{
    private IActorRef? _first;
    private object? _firstMessage;
    private Dictionary<IActorRef, object?>? _more;

    public IEnumerable<IActorRef> Actors => _more is not null ? _more.Keys : _first is not null ? [_first] : [];

    /// <summary>Sets the message for <paramref name="actor"/>; true when it was not watched before.</summary>
    public bool Set(IActorRef actor, object? message)
    {
        if (_more is null && (_first is null || ReferenceEquals(_first, actor)))
        {
            var isNew = _first is null;
            (_first, _firstMessage) = (actor, message);
            return isNew;
        }

        if (_more is null)
        {
            _more = new Dictionary<IActorRef, object?>(ReferenceEqualityComparer.Instance) { { _first!, _firstMessage } };
            (_first, _firstMessage) = (null, null);
        }

        var known = _more.ContainsKey(actor);
        _more[actor] = message;
        return !known;
    }

    public bool Remove(IActorRef actor, out object? message)
    {
        if (_more is not null)
        {
            return _more.Remove(actor, out message);
        }

        message = null;
        if (!ReferenceEquals(_first, actor))
        {
            return false;
        }

        message = _firstMessage;
        (_first, _firstMessage) = (null, null);
        return true;
    }
}
