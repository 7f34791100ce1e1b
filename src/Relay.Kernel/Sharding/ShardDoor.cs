namespace Relay.Kernel;

/// <summary>
/// One shard of a distributed region, as senders see it: what it is told goes to the entities of this process, to the ref that leads to the owner, or is held until one of the two is
/// known. Messages of one sender keep their order, whatever happens to the shard.
/// </summary>
/// <remarks>
/// Nobody else's code runs under the lock: what was held is told outside of it, while new messages queue up behind, and the way is open when nothing is left. <see cref="Hold"/>,
/// <see cref="Open"/> and <see cref="Return"/> are called by one thread at a time.
/// </remarks>
internal sealed class ShardDoor(ActorSystem system, ActorPath path, int capacity, IShardRefusals refusals) : IActorRef
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Held> _held = [];
    private IActorRef? _open;

    public ActorPath Path => path;

    public ActorSystem System => system;

    /// <summary>Where it leads; null while messages are held.</summary>
    public IActorRef? Target => Volatile.Read(ref _open);

    public int HeldCount
    {
        get
        {
            lock (_gate)
            {
                return _held.Count;
            }
        }
    }

    public void Tell(object message, IActorRef? sender = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        if ((Volatile.Read(ref _open) ?? Keep(message, sender)) is { } target)
        {
            target.Tell(message, sender);
        }
    }

    /// <summary>From now on messages are held.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            Volatile.Write(ref _open, null);
        }
    }

    /// <summary>What was held goes to <paramref name="target"/>, then everything else does.</summary>
    public void Open(IActorRef target)
    {
        while (true)
        {
            Held[] batch;
            lock (_gate)
            {
                if (_held.Count == 0)
                {
                    Volatile.Write(ref _open, target);
                    return;
                }

                batch = [.. _held];
                _held.Clear();
            }

            foreach (var one in batch)
            {
                target.Tell(one.Message, one.Sender);
            }
        }
    }

    /// <summary>While it is held: puts messages that had gone out before everything that came since.</summary>
    public void Return(IReadOnlyList<(object Message, IActorRef? Sender)> messages)
    {
        lock (_gate)
        {
            for (var i = messages.Count - 1; i >= 0; i--)
            {
                _held.AddFirst(new Held(messages[i].Message, messages[i].Sender, system.Time.GetTimestamp()));
            }
        }
    }

    /// <summary>Refuses what has been held for longer than <paramref name="age"/> and can be refused.</summary>
    public void RefuseOlder(TimeSpan age)
    {
        foreach (var one in Take(held => system.Time.GetElapsedTime(held.Since) >= age && refusals.CanRefuse(held.Message)))
        {
            refusals.Refuse(one.Message, one.Sender);
        }
    }

    /// <summary>Forgets what is held of senders that bring it again by themselves.</summary>
    public void Drop(Func<IActorRef?, bool> isSender) => Take(held => isSender(held.Sender));

    public override string ToString() => Path.ToString();

    private List<Held> Take(Func<Held, bool> isWanted)
    {
        var taken = new List<Held>();
        lock (_gate)
        {
            for (var node = _held.First; node is not null;)
            {
                var next = node.Next;
                if (isWanted(node.Value))
                {
                    _held.Remove(node);
                    taken.Add(node.Value);
                }

                node = next;
            }
        }

        return taken;
    }

    private IActorRef? Keep(object message, IActorRef? sender)
    {
        lock (_gate)
        {
            if (_open is { } target)
            {
                return target;
            }

            if (_held.Count < capacity)
            {
                _held.AddLast(new Held(message, sender, system.Time.GetTimestamp()));
                return null;
            }
        }

        if (refusals.CanRefuse(message))
        {
            refusals.Refuse(message, sender);
        }
        else
        {
            system.PublishDeadLetter(message, sender, this);
        }

        return null;
    }

    private readonly record struct Held(object Message, IActorRef? Sender, long Since);
}
