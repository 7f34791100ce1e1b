namespace Relay.Actors.Connections;

/// <summary>Somebody who has more for a client than may wait for it at once.</summary>
internal interface ITurnTaker
{
    /// <summary>Its turn has come. Called under the lock of an <see cref="Outbound"/>: tells an actor, and calls nothing back.</summary>
    void OnTurn();
}

/// <summary>
/// Whose turn it is to bring a client a part of what it catches up with: one after the other, in the order in which they asked. Plain data without lock;
/// <see cref="Outbound"/> owns it, under its lock.
/// </summary>
internal sealed class SendTurns
{
    private readonly LinkedList<ITurnTaker> _waiting = [];
    private bool _hasProgressed = true;

    /// <summary>Null while it is nobody's turn.</summary>
    public ITurnTaker? Current { get; private set; }

    /// <summary>True when <paramref name="sender"/> has the turn now; otherwise it waits.</summary>
    /// <param name="sender">Who asks; it neither has the turn nor waits for it.</param>
    /// <param name="isRoom">Whether little waits for the client.</param>
    public bool TryTake(ITurnTaker sender, bool isRoom)
    {
        if (isRoom && Current is null && _waiting.Count == 0)
        {
            Current = sender;
            return true;
        }

        _waiting.AddLast(sender);
        return false;
    }

    /// <summary>Gives the turn to the next, if there is room; true when nobody has it and nobody waits.</summary>
    public bool TryGive(bool isRoom)
    {
        if (isRoom && Current is null && _waiting.First is { } next)
        {
            _waiting.RemoveFirst();
            Current = next.Value;
            Current.OnTurn();
        }

        return Current is null && _waiting.Count == 0;
    }

    public void Leave(ITurnTaker sender)
    {
        if (Current == sender)
        {
            Current = null;
        }
        else
        {
            _waiting.Remove(sender);
        }
    }

    /// <summary>The socket has taken something.</summary>
    public void Progressed() => _hasProgressed = true;

    /// <summary>True when somebody waits, and nothing was taken since this was last asked.</summary>
    public bool WaitedInVain()
    {
        var inVain = _waiting.Count > 0 && Current is null && !_hasProgressed;
        _hasProgressed = false;
        return inVain;
    }
}
