using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>
/// What a shard knows. Owned by the shard's turn, apart from the counters, which the region reads; outside of the actor, so that it
/// outlives a restart of the shard.
/// </summary>
internal sealed class ShardState
{
    public IActorRef? Actor;
    public int Entities;
    public long Passivations;
    public long Overflowed;

    /// <summary>Entities on their way out, with what came for them since; the others need no entry: they are found among the children.</summary>
    public readonly Dictionary<string, Queue<(object Message, IActorRef Sender)>> Leaving = new(StringComparer.Ordinal);
}

/// <summary>
/// Owns the entities of one shard: starts each at its first message, passes messages on, and keeps them while an entity passivates.
/// </summary>
/// <remarks>
/// Why no message is lost in a passivation: everything the shard told the entity before it saw <see cref="Passivate"/> stands in the entity's
/// mailbox before the stop message, because one teller's messages keep their order; everything after goes into the buffer; the buffer goes to
/// the new incarnation before anything else does. The end of an entity is a system message of the kernel, so it cannot be
/// overtaken by, or confused with, the end of a later incarnation of the same name.
/// </remarks>
internal sealed class ShardActor(ShardState state, Func<string, Props> entityProps, ShardRegionOptions options) : ActorBase, IChildObserver
{
    void IChildObserver.OnChildTerminated(ActorCell child)
    {
        Interlocked.Decrement(ref state.Entities);
        if (!state.Leaving.Remove(child.Name!, out var kept))
        {
            return;
        }

        while (kept.TryDequeue(out var one))
        {
            Deliver(child.Name!, one.Message, one.Sender);
        }
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ShardEnvelope envelope:
                Deliver(envelope.EntityId, envelope.Message, Sender);
                break;
            case IShardMessage sharded:
                Deliver(sharded.EntityId, message, Sender);
                break;
            case Passivate passivate:
                LetGo(passivate.StopMessage);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    // Entities are not to suffer from a failure of their shard.
    protected override void PreRestart(Exception reason, object? message) => PostStop();

    private void Deliver(string entityId, object message, IActorRef sender)
    {
        if (state.Leaving.Count > 0 && state.Leaving.TryGetValue(entityId, out var kept))
        {
            Keep(kept, message, sender);
            return;
        }

        var entity = Cell.FindChild(entityId);
        if (entity is null)
        {
            entity = TryStart(entityId, message, sender);
        }
        else if (entity.IsTerminated)
        {
            // It stopped without Passivate and its name is not free yet: as if it had passivated.
            state.Leaving.Add(entityId, kept = new());
            Keep(kept, message, sender);
            return;
        }

        entity?.Tell(message, sender);
    }

    private ActorCell? TryStart(string entityId, object message, IActorRef sender)
    {
        try
        {
            var entity = Cell.StartChild(entityProps(entityId), entityId);
            Interlocked.Increment(ref state.Entities);
            return entity;
        }
        catch (Exception exception)
        {
            Context.System.PublishFailure(new ActorFailed(Self.Path / entityId, exception, Directive.Stop));
            Context.System.PublishDeadLetter(message, sender, Self);
            sender.Tell(new Status.Failure(exception), Self);
            return null;
        }
    }

    private void Keep(Queue<(object Message, IActorRef Sender)> kept, object message, IActorRef sender)
    {
        if (kept.Count < options.BufferCapacity)
        {
            kept.Enqueue((message, sender));
            return;
        }

        Interlocked.Increment(ref state.Overflowed);
        Context.System.PublishDeadLetter(message, sender, Self);
    }

    private void LetGo(object stopMessage)
    {
        // From a child that has not asked before; a late repeat must not stop the next incarnation.
        if (Sender is ActorCell { Name: { } name } entity && ReferenceEquals(Cell.FindChild(name), entity) && state.Leaving.TryAdd(name, new()))
        {
            Interlocked.Increment(ref state.Passivations);
            entity.Tell(stopMessage, Self);
        }
    }
}
