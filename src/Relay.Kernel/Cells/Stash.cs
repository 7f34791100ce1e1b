namespace Relay.Kernel.Cells;

/// <summary>
/// Stashed messages as a list of envelopes, ready to be put in front of the mailbox as a whole. Each is a new envelope: the same one
/// must never stand in two lists, which it could if its handler unstashed and stashed again. Owned by the cell's turn.
/// </summary>
internal sealed class Stash(ActorCell cell, int capacity) : IStash
{
    private Envelope? _oldest;
    private Envelope? _newest;
    private Envelope? _lastStashed;

    public int Count { get; private set; }

    public int Capacity => capacity;

    void IStash.Stash()
    {
        var current = cell.CurrentEnvelope ?? throw new StashException("There is no current message to stash");
        if (ReferenceEquals(_lastStashed, current))
        {
            throw new StashException($"{cell.Path} stashed the same message twice: {current.Message.GetType()}");
        }

        if (Count >= capacity)
        {
            throw new StashException($"The stash of {cell.Path} is full ({capacity} messages); raise it with Props.WithStashCapacity or refuse earlier");
        }

        _lastStashed = current;
        Append(new Envelope(current.Message is AutoReceivedMessage own ? new Unstashed(own.UserMessage) : current.Message, current.Sender));
    }

    public void Unstash()
    {
        if (_oldest is not { } first)
        {
            return;
        }

        _oldest = first.Next;
        if (_oldest is null)
        {
            _newest = null;
        }

        Count--;
        cell.Prepend(first, first);
    }

    public void UnstashAll()
    {
        if (_oldest is not { } first)
        {
            return;
        }

        var last = _newest!;
        TakeAll();
        cell.Prepend(first, last);
    }

    /// <summary>Empties the stash; returns its oldest envelope, linked to the others.</summary>
    public Envelope? TakeAll()
    {
        var first = _oldest;
        _oldest = null;
        _newest = null;
        Count = 0;
        if (!ReferenceEquals(_lastStashed, cell.CurrentEnvelope))
        {
            _lastStashed = null;
        }

        return first;
    }

    private void Append(Envelope envelope)
    {
        if (_newest is null)
        {
            _oldest = envelope;
        }
        else
        {
            _newest.Next = envelope;
        }

        _newest = envelope;
        Count++;
    }
}
