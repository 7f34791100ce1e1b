using System.Runtime.CompilerServices;

namespace Relay.Kernel.Cells;

/// <summary>
/// One actor: its ref, its mailbox, its context and the work item of its turns in a single object, so that an idle actor costs
/// this object and the user's own.
/// </summary>
/// <remarks>
/// <para>
/// Mailbox. Producers push envelopes on a stack with one compare-and-swap (<c>_inbox</c>); the owner takes the whole stack with one
/// exchange, turns it round once and then works off its private list (<c>_ready</c>) without any shared write. Against the linked
/// queue of Vyukov this needs no stub node per idle actor, and a producer never writes into the previous producer's node,
/// which the owner may be reading. Order per sender is kept: a stack turned round is oldest first, and a later take is later.
/// </para>
/// <para>
/// Turns. <c>_scheduled</c> is 1 from the moment a producer hands the cell to the dispatcher until the turn has ended, so at most one
/// turn exists. A turn that ends clears it and then looks at the inboxes again: a producer that pushed before the clearing and saw 1
/// is found by that look; one that pushed after it sees 0. Both sides pass a full fence (exchange, compare-and-swap) in between.
/// </para>
/// <para>
/// System messages have a stack of their own, looked at before each user message, closed last. A stopped cell has sentinels in both,
/// so a late message is noticed by its sender and becomes a dead letter (user) or its proper answer (watch).
/// </para>
/// <para>Fields below the inboxes are owned by the turn; nobody else reads them, except where said.</para>
/// </remarks>
internal sealed partial class ActorCell : IActorRef, IActorContext, IActorTurn
{
    private Envelope? _inbox;
    private SystemMessage? _systemInbox;
    private int _scheduled;

    private CellFlags _flags;
    private Envelope? _ready;
    private Envelope? _current;
    private ActorBase? _actor;
    private CellSide? _side;

    private readonly ActorSystem _system;
    private readonly ActorCell? _parent;
    private readonly Props _props;
    private readonly string? _name;
    private readonly long _id;

    // Owned by the parent's turn (under its gate, for guardians).
    private ActorCell? _nextSibling;
    private ActorCell? _previousSibling;
    private bool _stopRequested;

    public ActorCell(ActorSystem system, ActorCell? parent, Props props, string? name, bool isGuardian)
    {
        _system = system;
        _parent = parent;
        _props = props;
        _name = name;
        _id = system.NextActorId();
        _flags = CellFlags.Starting;
        if (isGuardian)
        {
            _side = new CellSide { Gate = new Lock() };
        }
    }

    public long Id => _id;

    /// <summary>The name, or null when the actor was started without one.</summary>
    public string? Name => _name;

    public ActorSystem System => _system;

    public ActorPath Path => (_parent?.Path ?? _system.RootPath) / (_name ?? "$" + _id);

    public bool IsTerminated => ReferenceEquals(Volatile.Read(ref _inbox), Envelope.Closed);

    public IActorRef CurrentSender => _current?.Sender ?? _system.DeadLetters;

    private CellSide Side => _side ??= new CellSide();

    public void Tell(object message, IActorRef? sender = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        Push(new Envelope(message, sender));
    }

    /// <summary>As <see cref="Tell"/>, but what comes too late is left to the caller instead of becoming a dead letter.</summary>
    public bool TryTell(object message, IActorRef? sender) => TryPush(new Envelope(message, sender));

    public void SendSystem(SystemMessage message)
    {
        var head = Volatile.Read(ref _systemInbox);
        while (true)
        {
            if (ReferenceEquals(head, SystemMessage.Closed))
            {
                AnswerForTheDead(message);
                return;
            }

            message.Next = head;
            var seen = Interlocked.CompareExchange(ref _systemInbox, message, head);
            if (ReferenceEquals(seen, head))
            {
                break;
            }

            head = seen;
        }

        Wake();
    }

    /// <summary>One turn.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        if (Has(CellFlags.Starting))
        {
            Create();
        }

        var left = _system.Throughput;
        RunMessages(ref left);
        if (Has(CellFlags.BatchDirty))
        {
            RunBatchHook();
        }

        EndTurn();
    }

    public override string ToString() => Path.ToString();

    internal void Wake()
    {
        if (Volatile.Read(ref _scheduled) == 0 && Interlocked.CompareExchange(ref _scheduled, 1, 0) == 0)
        {
            _system.Dispatcher.Schedule(this);
        }
    }

    private bool Has(CellFlags any) => (_flags & any) != CellFlags.None;

    private void Push(Envelope envelope)
    {
        if (!TryPush(envelope))
        {
            _system.PublishDeadLetter(envelope.Message, envelope.Sender, this);
        }
    }

    private bool TryPush(Envelope envelope)
    {
        var head = Volatile.Read(ref _inbox);
        while (true)
        {
            if (ReferenceEquals(head, Envelope.Closed))
            {
                return false;
            }

            envelope.Next = head;
            var seen = Interlocked.CompareExchange(ref _inbox, envelope, head);
            if (ReferenceEquals(seen, head))
            {
                break;
            }

            head = seen;
        }

        Wake();
        return true;
    }

    private void RunMessages(ref int left)
    {
        try
        {
            while (true)
            {
                if (Volatile.Read(ref _systemInbox) is not null)
                {
                    RunSystemMessages();
                }

                if (Has(CellFlags.TurnIsOver))
                {
                    return;
                }

                var envelope = _ready ?? TakeInbox();
                if (envelope is null || --left < 0)
                {
                    return;
                }

                _ready = envelope.Next;

                // A handled envelope that still points at its successors would keep them from dying young.
                envelope.Next = null;
                _current = envelope;
                if (envelope.Message is AutoReceivedMessage own)
                {
                    AutoReceive(own);
                }
                else
                {
                    Deliver(envelope.Message);
                }
            }
        }
        catch (Exception exception)
        {
            Fail(exception, CurrentMessage);
        }
    }

    /// <summary>Takes everything that was pushed and turns it round, oldest first; leaves it in <c>_ready</c>.</summary>
    private Envelope? TakeInbox()
    {
        if (Volatile.Read(ref _inbox) is null)
        {
            return null;
        }

        var newest = Interlocked.Exchange(ref _inbox, null);
        _ready = Reverse(newest, out var count);
        _system.Mailboxes.Note(count);
        return _ready;
    }

    private static Envelope? Reverse(Envelope? newest, out int count)
    {
        Envelope? reversed = null;
        count = 0;
        while (newest is not null)
        {
            count++;
            var older = newest.Next;
            newest.Next = reversed;
            reversed = newest;
            newest = older;
        }

        return reversed;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Deliver(object message)
    {
        if (!Has(CellFlags.Indirect))
        {
            _actor!.Deliver(message);
        }
        else
        {
            DeliverIndirectly(message);
        }
    }

    private void DeliverIndirectly(object message)
    {
        if (Has(CellFlags.HasReceiveTimeout) && !ReferenceEquals(message, Kernel.ReceiveTimeout.Instance))
        {
            _side!.ReceiveTimer!.Touched = true;
        }

        if (Has(CellFlags.BatchReceiver))
        {
            _flags |= CellFlags.BatchDirty;
        }

        if (Has(CellFlags.HasBehavior))
        {
            _side!.Behaviors!.Peek()(message);
        }
        else
        {
            _actor!.Deliver(message);
        }
    }

    private void RunBatchHook()
    {
        _flags &= ~CellFlags.BatchDirty;
        try
        {
            _actor?.BatchCompleted();
        }
        catch (Exception exception)
        {
            Fail(exception, null);
        }
    }

    private void EndTurn()
    {
        _current = null;
        _flags &= ~CellFlags.Yielding;
        if (Has(CellFlags.Terminated))
        {
            // _scheduled stays 1: nothing can be pushed any more, so nothing may wake this cell.
            return;
        }

        if (Has(CellFlags.HasReceiveTimeout))
        {
            _side!.ReceiveTimer!.EndTurn();
        }

        var receiving = !Has(CellFlags.NotReceiving);
        if (receiving && _ready is not null)
        {
            _system.Dispatcher.Schedule(this);
            return;
        }

        Interlocked.Exchange(ref _scheduled, 0);
        if (Volatile.Read(ref _systemInbox) is not null || (receiving && Volatile.Read(ref _inbox) is not null))
        {
            Wake();
        }
    }
}
