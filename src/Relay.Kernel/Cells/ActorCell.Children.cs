namespace Relay.Kernel.Cells;

/// <summary>
/// The family. Nothing here is recursive and every step costs O(1) per child, so a parent of hundreds of thousands stops in linear
/// time: the stop goes to all children at once, each answers with <see cref="ChildTerminated"/>, the last answer ends the parent.
/// </summary>
internal sealed partial class ActorCell
{
    private const int MaxNameLength = 4096;

    public IReadOnlyCollection<IActorRef> Children => SnapshotOfChildren();

    public int ChildCount
    {
        get
        {
            var side = _side;
            using var gate = new Gate(side);
            return side?.ChildCount ?? 0;
        }
    }

    public IActorRef Parent => _parent is null ? ActorRefs.Nobody : _parent;

    public IActorRef? Child(string name) => FindChild(name);

    public ActorCell? FindChild(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var side = _side;
        using var gate = new Gate(side);
        return side?.Named?.GetValueOrDefault(name);
    }

    public IActorRef ActorOf(Props props, string? name = null) => StartChild(props, name);

    /// <param name="isGuardian">Its own children may be started from any thread.</param>
    /// <param name="observer">Makes it a guardian whose children are watched over by this one.</param>
    public ActorCell StartChild(Props props, string? name, bool isGuardian = false, IChildObserver? observer = null)
    {
        ArgumentNullException.ThrowIfNull(props);
        if (name is not null && name.Length is 0 or > MaxNameLength)
        {
            throw new InvalidActorNameException($"An actor's name has 1 to {MaxNameLength} characters; this one has {name.Length}");
        }

        var child = new ActorCell(_system, this, props, name, isGuardian);
        if (observer is not null)
        {
            child._side = new CellSide { Gate = observer.Gate, Observer = observer };
        }

        Adopt(child);
        _system.ActorStarted();
        child.Wake();
        return child;
    }

    public void Stop(IActorRef actor)
    {
        var cell = ActorRefs.CellOf(actor);
        if (cell is null)
        {
            return;
        }

        if (ReferenceEquals(cell._parent, this))
        {
            StopChild(cell);
        }
        else
        {
            cell.SendSystem(new StopMessage());
        }
    }

    private void Adopt(ActorCell child)
    {
        var side = Side;
        using var gate = new Gate(side);
        if (Has(CellFlags.Stopping | CellFlags.Terminated))
        {
            throw new InvalidOperationException($"{Path} is stopping and starts no more children");
        }

        if (child._name is not null && !(side.Named ??= new Dictionary<string, ActorCell>(StringComparer.Ordinal)).TryAdd(child._name, child))
        {
            throw new InvalidActorNameException($"{Path} already has a child named '{child._name}'");
        }

        child._previousSibling = side.LastChild;
        if (side.LastChild is null)
        {
            side.FirstChild = child;
        }
        else
        {
            side.LastChild._nextSibling = child;
        }

        side.LastChild = child;
        side.ChildCount++;
    }

    private void StopChild(ActorCell child)
    {
        var side = _side;
        using var gate = new Gate(side);
        if (!child._stopRequested && side is not null)
        {
            child._stopRequested = true;
            side.StoppingChildren++;
            child.SendSystem(new StopMessage());
        }
    }

    /// <summary>Returns the number of children to wait for.</summary>
    private int StopChildren()
    {
        var side = _side;
        using var gate = new Gate(side);
        for (var child = side?.FirstChild; child is not null; child = child._nextSibling)
        {
            if (!child._stopRequested)
            {
                child._stopRequested = true;
                side!.StoppingChildren++;
                child.SendSystem(new StopMessage());
            }
        }

        return side?.ChildCount ?? 0;
    }

    private void OnChildTerminated(ActorCell child)
    {
        var left = Disown(child);
        _side!.Restarts?.Remove(child);
        _side.Escalated?.Remove(child);
        if (Has(CellFlags.Stopping))
        {
            if (left == 0)
            {
                FinishStop();
            }

            return;
        }

        if (Has(CellFlags.Recreating))
        {
            WaitThenRecreate();
        }

        _side.Observer?.OnChildTerminated(child);
    }

    private int Disown(ActorCell child)
    {
        var side = _side!;
        using var gate = new Gate(side);
        if (child._previousSibling is null)
        {
            side.FirstChild = child._nextSibling;
        }
        else
        {
            child._previousSibling._nextSibling = child._nextSibling;
        }

        if (child._nextSibling is null)
        {
            side.LastChild = child._previousSibling;
        }
        else
        {
            child._nextSibling._previousSibling = child._previousSibling;
        }

        child._previousSibling = null;
        child._nextSibling = null;
        if (child._name is not null)
        {
            side.Named!.Remove(child._name);
        }

        if (child._stopRequested)
        {
            side.StoppingChildren--;
        }

        return --side.ChildCount;
    }

    private ActorCell[] SnapshotOfChildren()
    {
        var side = _side;
        using var gate = new Gate(side);
        if (side is null || side.ChildCount == 0)
        {
            return [];
        }

        var children = new ActorCell[side.ChildCount];
        var next = 0;
        for (var child = side.FirstChild; child is not null; child = child._nextSibling)
        {
            children[next++] = child;
        }

        return children;
    }

    /// <summary>Holds the lock of a guardian's family; for all other cells it does nothing.</summary>
    private readonly ref struct Gate
    {
        private readonly Lock? _lock;

        public Gate(CellSide? side)
        {
            _lock = side?.Gate;
            _lock?.Enter();
        }

        public void Dispose() => _lock?.Exit();
    }
}

/// <summary>
/// Hears of the end of a guardian's children without the cost of a death watch each (a shard with a hundred thousand entities). Called on the parent's
/// turn, outside of its gate, when the child's name is free again; not when the parent itself is stopping. Must not throw.
/// </summary>
internal interface IChildObserver
{
    /// <summary>
    /// Held by the cell while its children are found, started and forgotten. The observer may hold it around several such steps, which makes them one.
    /// </summary>
    Lock Gate { get; }

    void OnChildTerminated(ActorCell child);
}
