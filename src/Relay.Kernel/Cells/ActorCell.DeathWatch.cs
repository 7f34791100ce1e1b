namespace Relay.Kernel.Cells;

/// <summary>
/// Death watch. The notice is a system message; it becomes a <see cref="Terminated"/> at the end of the watcher's mailbox, so it comes
/// after everything the dead actor told the watcher, and an <c>Unwatch</c> can still withdraw it.
/// </summary>
internal sealed partial class ActorCell
{
    public IActorRef Watch(IActorRef actor) => StartWatch(actor, null);

    public IActorRef WatchWith(IActorRef actor, object message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return StartWatch(actor, message);
    }

    public IActorRef Unwatch(IActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        if (_side?.Watching?.Remove(actor, out _) == true)
        {
            ActorRefs.CellOf(actor)?.SendSystem(new UnwatchMessage(this, actor));
        }

        _side?.NoticesQueued?.Remove(actor, out _);
        return actor;
    }

    private IActorRef StartWatch(IActorRef actor, object? message)
    {
        ArgumentNullException.ThrowIfNull(actor);
        if (ReferenceEquals(actor, this) || Has(CellFlags.Terminated))
        {
            return actor;
        }

        if (!(Side.Watching ??= new WatchedSet()).Set(actor, message))
        {
            return actor;
        }

        var cell = ActorRefs.CellOf(actor);
        if (cell is not null)
        {
            cell.SendSystem(new WatchMessage(this, actor));
        }
        else
        {
            // Nobody and refs of finished asks: never alive.
            SendSystem(new DeathNotice(actor));
        }

        return actor;
    }

    private void OnDeathNotice(IActorRef actor)
    {
        if (_side?.Watching?.Remove(actor, out var message) == true)
        {
            (_side.NoticesQueued ??= new WatchedSet()).Set(actor, message);
            Push(new Envelope(new Terminated(actor), actor));
        }
    }

    private void DeliverTerminated(Terminated terminated)
    {
        if (_side?.NoticesQueued?.Remove(terminated.ActorRef, out var message) == true)
        {
            Deliver(message ?? terminated);
        }
    }

    private void EndWatches(CellSide? side)
    {
        if (side?.Watching is { } watching)
        {
            foreach (var actor in watching.Actors)
            {
                ActorRefs.CellOf(actor)?.SendSystem(new UnwatchMessage(this, actor));
            }
        }

        side?.Watchers?.NotifyAll();
    }
}
