using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>
/// One shard of this process, as senders see it: finds the entity a message is for, starts it at its first message, and keeps messages while it passivates.
/// </summary>
/// <remarks>
/// <para>
/// Not an actor but a lock. A message to a living entity, which is nearly every message, goes from the sender's thread straight into the entity's
/// mailbox; a hop through an actor of the shard would cost an envelope, a wake-up and a turn for each. The actor behind
/// it (<see cref="ShardActor"/>) is the parent and supervisor of the entities and hears what they tell their parent. It is a guardian: its children may be
/// started from any thread, and the lock used here is its gate.
/// </para>
/// <para>
/// Under the lock nobody else's code runs: finding, starting and telling an entity only push to mailboxes and schedule turns. The recipe of an entity is
/// made, and failures and dead letters are published, outside of it. So a delegate of the application may tell any shard anything, and two
/// shards' locks are never held together.
/// </para>
/// <para>
/// Why no message is lost in a passivation: everything that reached the entity before its shard saw <see cref="Passivate"/> stands in the entity's
/// mailbox before the stop message, because both are pushed under the lock; everything after goes into the buffer; the buffer goes to the
/// new incarnation, under the lock, before anything else does. For the same reason the messages of one sender keep their order: each is in the
/// mailbox or in the buffer when its tell returns. The end of an entity is a system message of the kernel, so it cannot be overtaken by, or confused
/// with, the end of a later incarnation of the same name.
/// </para>
/// </remarks>
internal sealed partial class Shard : IActorRef, IActorProxy, IChildObserver
{
    private readonly Func<string, Props> _entityProps;
    private readonly int _bufferCapacity;

    /// <summary>Entities on their way out, with what came for them since; the others need no entry: they are found among the children.</summary>
    private readonly Dictionary<string, Leaving> _leaving = new(StringComparer.Ordinal);
    private readonly ActorCell _cell;
    private readonly Lock _gate = new();
    private bool _closed;

    private int _entities;
    private long _passivations;
    private long _overflowed;

    /// <summary>Starts the shard.</summary>
    /// <exception cref="InvalidOperationException">The region is stopping.</exception>
    public Shard(ActorCell region, int number, Func<string, Props> entityProps, ShardRegionOptions options, ShardDoor? door = null)
    {
        _entityProps = entityProps;
        _door = door;
        _bufferCapacity = options.BufferCapacity;
        var props = Props.Create(() => new ShardActor(this)).WithStrategy(options.EntityStrategy);
        _cell = region.StartChild(props, number.ToString(), observer: this);
    }

    private enum Passage
    {
        /// <summary>In the entity's mailbox or in its buffer.</summary>
        Taken,

        /// <summary>The buffer is full, or the region has stopped.</summary>
        Refused,

        /// <summary>There is no such entity.</summary>
        Absent,

        /// <summary>The shard's entities are elsewhere.</summary>
        Elsewhere,
    }

    public ActorPath Path => _cell.Path;

    public ActorSystem System => _cell.System;

    public ActorCell Target => _cell;

    Lock IChildObserver.Gate => _gate;

    public void Tell(object message, IActorRef? sender = null)
    {
        switch (message)
        {
            case ShardEnvelope envelope:
                Deliver(envelope.EntityId, envelope.Message, sender);
                break;
            case IShardMessage sharded:
                Deliver(sharded.EntityId, message, sender);
                break;
            default:
                _cell.Tell(message, sender);
                break;
        }
    }

    public override string ToString() => Path.ToString();

    /// <summary>Living entities, passivations begun, messages that found a buffer full.</summary>
    public (int Entities, long Passivations, long Overflowed) Count()
    {
        lock (_gate)
        {
            return (_entities, _passivations, _overflowed);
        }
    }

    /// <summary>An entity wants to go. Called on the shard's turn.</summary>
    public void LetGo(IActorRef sender, object stopMessage)
    {
        lock (_gate)
        {
            // From a child that has not asked before; a late repeat must not stop the next incarnation.
            if (sender is ActorCell { Name: { } name } entity && ReferenceEquals(_cell.FindChild(name), entity) && _leaving.TryAdd(name, new(stopMessage)))
            {
                _passivations++;
                entity.TryTell(stopMessage, _cell);
            }
        }
    }

    /// <summary>The shard has stopped with all its entities: what is still kept will not be delivered.</summary>
    public void Close()
    {
        List<Kept> left = [];
        lock (_gate)
        {
            _closed = true;
            foreach (var leaving in _leaving.Values)
            {
                left.AddRange(leaving.Kept);
            }

            _leaving.Clear();
        }

        foreach (var one in left)
        {
            System.PublishDeadLetter(one.Message, one.Sender, this);
        }
    }

    void IChildObserver.OnChildTerminated(ActorCell child)
    {
        var name = child.Name!;
        Action? whenEmpty = null;
        lock (_gate)
        {
            _entities--;
            if (_evicted)
            {
                _leaving.Remove(name);
                if (_entities == 0)
                {
                    (whenEmpty, _whenEmpty) = (_whenEmpty, null);
                }
            }
            else if (!_leaving.TryGetValue(name, out var leaving))
            {
                return;
            }
            else if (leaving.Kept.Count == 0)
            {
                _leaving.Remove(name);
                return;
            }
        }

        StartAgain(name);
        whenEmpty?.Invoke();
    }

    // Something came for it while it went. Meanwhile whatever comes for it is kept behind the others.
    private void StartAgain(string name)
    {
        var props = MakeProps(name, out var failure);
        Queue<Kept> left;
        lock (_gate)
        {
            if (!_leaving.Remove(name, out var leaving))
            {
                return;
            }

            left = leaving.Kept;
            if (_evicted)
            {
                Return(name, left);
            }
            else if (props is not null && Start(name, props, ref failure) is { } entity)
            {
                PassOn(name, entity, left);
            }
        }

        foreach (var one in left)
        {
            Refuse(name, one.Message, one.Sender, failure);
        }
    }

    private void Deliver(string entityId, object message, IActorRef? sender)
    {
        ArgumentNullException.ThrowIfNull(message);
        Passage passage;
        lock (_gate)
        {
            passage = Pass(entityId, message, sender);
        }

        if (passage == Passage.Taken)
        {
            return;
        }

        Exception? failure = null;
        if (passage == Passage.Absent && MakeProps(entityId, out failure) is { } props)
        {
            lock (_gate)
            {
                // Somebody else may have started it meanwhile.
                passage = Pass(entityId, message, sender);
                if (passage == Passage.Absent && Start(entityId, props, ref failure) is { } entity)
                {
                    // Nobody has stopped it: stops are asked for by itself or its parent, in later turns; if it fails at once, it is not gone but suspended.
                    passage = entity.TryTell(message, sender) ? Passage.Taken : Passage.Refused;
                }
            }
        }

        if (passage == Passage.Elsewhere)
        {
            _door!.Tell(Addressed(entityId, message), sender);
        }
        else if (passage != Passage.Taken)
        {
            Refuse(entityId, message, sender, failure);
        }
    }

    private Passage Pass(string entityId, object message, IActorRef? sender)
    {
        if (_evicted)
        {
            return Passage.Elsewhere;
        }

        if (_leaving.Count > 0 && _leaving.TryGetValue(entityId, out var leaving))
        {
            return Keep(leaving.Kept, message, sender);
        }

        if (_cell.FindChild(entityId) is { } entity)
        {
            if (entity.TryTell(message, sender))
            {
                return Passage.Taken;
            }

            // It stopped without Passivate and its name is not free yet: as if it had passivated.
            _leaving.Add(entityId, leaving = new(null));
            return Keep(leaving.Kept, message, sender);
        }

        return _closed ? Passage.Refused : Passage.Absent;
    }

    private Passage Keep(Queue<Kept> kept, object message, IActorRef? sender)
    {
        if (_closed || kept.Count >= _bufferCapacity)
        {
            _overflowed += _closed ? 0 : 1;
            return Passage.Refused;
        }

        kept.Enqueue(new Kept(message, sender));
        return Passage.Taken;
    }

    // What an entity does not take, because it has ended again already, is for the one after it.
    private void PassOn(string name, ActorCell entity, Queue<Kept> kept)
    {
        while (kept.TryPeek(out var one) && entity.TryTell(one.Message, one.Sender))
        {
            kept.Dequeue();
        }

        if (kept.Count > 0)
        {
            _leaving.Add(name, new(null, new Queue<Kept>(kept)));
            kept.Clear();
        }
    }

    private Props? MakeProps(string entityId, out Exception? failure)
    {
        failure = null;
        try
        {
            return _entityProps(entityId);
        }
        catch (Exception exception)
        {
            failure = exception;
            return null;
        }
    }

    private ActorCell? Start(string entityId, Props props, ref Exception? failure)
    {
        try
        {
            var entity = _cell.StartChild(props, entityId);
            _entities++;
            return entity;
        }
        catch (InvalidOperationException)
        {
            // The region is stopping: a tell does not throw, its message is a dead letter.
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        return null;
    }

    private void Refuse(string entityId, object message, IActorRef? sender, Exception? failure)
    {
        if (failure is not null)
        {
            System.PublishFailure(new ActorFailed(Path / entityId, failure, Directive.Stop));
        }

        System.PublishDeadLetter(message, sender, this);
        if (failure is not null)
        {
            sender?.Tell(new Status.Failure(failure), this);
        }
    }

    private readonly record struct Kept(object Message, IActorRef? Sender);

    /// <summary>An entity on its way out: by which message, null = by itself; and what came for it since.</summary>
    private readonly record struct Leaving(object? Told, Queue<Kept> Kept)
    {
        public Leaving(object? told)
            : this(told, new())
        {
        }
    }
}
