namespace Relay.Kernel.Persistence;

/// <summary>
/// An actor whose state is the sum of its events. A command decides on events and hands them to <see cref="Persist{T}"/>; only when they are durable do
/// their handlers run and change the state. A new incarnation is told its snapshot and its later events before its first command.
/// </summary>
/// <remarks>
/// <para>
/// Three states. <b>Recovering</b>: commands wait in a stash of their own while the stream is opened (which fences off an owner elsewhere), the snapshot is
/// loaded and the events behind it are replayed, page by page. <b>Processing</b>: one command at a time. <b>Persisting</b>: events of the last command are on
/// their way to the journal; commands wait, so that no command ever sees a state that its predecessor's events are missing from. One waiting command is taken
/// back at a time: taking all back and putting them aside again would cost the square of their number.
/// </para>
/// <para>
/// The journal's answers are messages to <c>Self</c> that carry the instance they belong to: those for an instance before a restart are dropped.
/// They are sent with the command's sender, so <c>Sender</c> is the same in the command and in the handlers of its events, as in Akka.
/// </para>
/// <para>
/// What differs from Akka.NET: handlers are always synchronous; there is no <c>PersistAsync</c>; commands that arrive when the stash is full
/// become dead letters; <c>PreRestart</c> and <c>PostStop</c> overrides must call their base, which gives waiting commands back; the newest snapshot only is kept.
/// </para>
/// </remarks>
public abstract partial class PersistentActor : ActorBase
{
    private readonly PersistenceServices _services;
    private readonly Cells.Stash _waiting;
    private readonly List<Invocation> _pending = [];
    private Stack<Action<object>>? _behaviors;
    private Phase _phase = Phase.Recovering;
    private ulong _epoch;
    private long _assigned;

    /// <summary>Recovery begins with the first turn; commands told before and meanwhile wait.</summary>
    protected PersistentActor(PersistenceServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        _services = services;
        _waiting = new Cells.Stash(Cell, Context.Stash.Capacity);

        // Not in PreStart: a derived class may override it without calling the base.
        Self.Tell(new BeginRecovery(this));
    }

    private enum Phase
    {
        Recovering,
        Processing,
        Persisting,
        Stopping,
    }

    /// <summary>Name of the stream. Never changes for the same entity.</summary>
    public abstract string PersistenceId { get; }

    /// <summary>Offset of the last event that was stored or replayed; inside a handler, that of its event.</summary>
    public long LastSequenceNr { get; private set; }

    /// <summary>Offset of the last event of the snapshot that was offered or stored; 0 = none.</summary>
    public long SnapshotSequenceNr { get; private set; }

    /// <summary>True until <see cref="RecoveryCompleted"/> has been handled.</summary>
    protected bool IsRecovering => _phase == Phase.Recovering;

    /// <summary>The owner's fencing token; read whenever something is written.</summary>
    protected virtual long Fence => 0;

    /// <summary>Handles a command.</summary>
    protected abstract void OnCommand(object message);

    /// <summary>Told a <see cref="SnapshotOffer"/> (perhaps), every event behind it in order, and <see cref="RecoveryCompleted"/>.</summary>
    protected abstract void OnRecover(object message);

    /// <summary>The event may not be stored, or is not this owner's to store. Runs before the actor stops: its state must not run ahead of its journal.</summary>
    protected virtual void OnPersistFailure(Exception cause, object persisted, long sequenceNr)
    {
    }

    /// <summary>The event is certainly not stored (the journal is busy, it cannot be serialized) and its handler will not run; the actor goes on.</summary>
    protected virtual void OnPersistRejected(Exception cause, object persisted, long sequenceNr)
    {
    }

    /// <summary>The stream could not be read or an event not be replayed. Runs before the actor stops.</summary>
    protected virtual void OnRecoveryFailure(Exception cause, object? message)
    {
    }

    /// <summary>Stores an event, then runs <paramref name="handler"/> with it. Handlers run in the order of the calls; no command comes in between.</summary>
    protected void Persist<T>(T persisted, Action<T> handler)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(handler);
        RequireCommand();
        _pending.Add(new Invocation(persisted, value => handler((T)value), IsStored: true));
    }

    /// <summary>Stores events all or none; the handler runs for each, in order.</summary>
    protected void PersistAll<T>(IEnumerable<T> persisted, Action<T> handler)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(persisted);
        foreach (var one in persisted)
        {
            Persist(one, handler);
        }
    }

    /// <summary>Runs <paramref name="handler"/> after the handlers of all events handed over before, without storing anything; at once when there are none.</summary>
    protected void DeferAsync<T>(T value, Action<T> handler)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(handler);
        RequireCommand();
        if (_pending.Count == 0 && _phase == Phase.Processing)
        {
            handler(value);
            return;
        }

        _pending.Add(new Invocation(value, one => handler((T)one), IsStored: false));
    }

    /// <summary>Keeps <paramref name="state"/> as that of <see cref="LastSequenceNr"/>; the outcome is told as a command.</summary>
    protected void SaveSnapshot(object state)
    {
        var sequenceNr = LastSequenceNr;
        ReadOnlyMemory<byte> payload;
        try
        {
            payload = _services.Serializer.Serialize(state);
        }
        catch (Exception error)
        {
            Self.Tell(new SaveSnapshotFailure(sequenceNr, error));
            return;
        }

        SnapshotSequenceNr = sequenceNr;
        _services.Snapshots.SaveSnapshotAsync(new Snapshot(PersistenceId, _epoch, sequenceNr, NowMicros(), payload)).PipeTo(
            Self,
            success: result => result.IsDone ? new SaveSnapshotSuccess(sequenceNr) : new SaveSnapshotFailure(sequenceNr, new PersistException(result)),
            failure: error => new SaveSnapshotFailure(sequenceNr, error));
    }

    /// <summary>Drops the events up to <paramref name="toSequenceNr"/>, which a snapshot should contain; the outcome is told as a command.</summary>
    protected void DeleteMessages(long toSequenceNr)
    {
        var keep = Math.Max(0, LastSequenceNr - toSequenceNr);
        _services.Journal.PruneAsync(new PruneStream { Stream = PersistenceId, Fence = Fence, KeepRecords = keep }).PipeTo(
            Self,
            success: result => result.IsDone ? new DeleteMessagesSuccess(toSequenceNr) : new DeleteMessagesFailure(toSequenceNr, new PersistException(result)),
            failure: error => new DeleteMessagesFailure(toSequenceNr, error));
    }

    /// <summary>Replaces the behaviour for commands. The actor's own <c>Context.Become</c> would take the journal's answers away.</summary>
    protected new void Become(Action<object> receive)
    {
        ArgumentNullException.ThrowIfNull(receive);
        _behaviors?.TryPop(out _);
        BecomeStacked(receive);
    }

    /// <summary>Puts a behaviour for commands on top.</summary>
    protected new void BecomeStacked(Action<object> receive)
    {
        ArgumentNullException.ThrowIfNull(receive);
        (_behaviors ??= []).Push(receive);
    }

    /// <summary>Back to the behaviour below; at the bottom stands <see cref="OnCommand"/>.</summary>
    protected new void UnbecomeStacked() => _behaviors?.TryPop(out _);

    /// <summary>Gives waiting commands back to the mailbox, so that a stop makes dead letters of them and a restart handles them.</summary>
    protected override void PostStop() => _waiting.UnstashAll();

    /// <inheritdoc/>
    protected sealed override void OnReceive(object message)
    {
        switch (message)
        {
            case Answer answer:
                if (ReferenceEquals(answer.Owner, this))
                {
                    OnAnswer(answer);
                }

                break;
            case var _ when _phase == Phase.Processing:
                Handle(message);
                break;
            case var _ when _waiting.Count < _waiting.Capacity:
                ((IStash)_waiting).Stash();
                break;
            default:
                Cell.System.PublishDeadLetter(message, Sender, Self);
                break;
        }
    }

    private void OnAnswer(Answer answer)
    {
        switch (answer)
        {
            case Stored stored when _phase == Phase.Persisting:
                OnStored(stored);
                break;
            case var _ when _phase == Phase.Recovering:
                OnRecoveryAnswer(answer);
                break;
            default:
                // The actor is about to stop.
                break;
        }
    }

    private void Handle(object message)
    {
        if (_behaviors is { Count: > 0 } behaviors)
        {
            behaviors.Peek()(message);
        }
        else
        {
            OnCommand(message);
        }

        Continue();
    }

    /// <summary>What comes after a command or after the handlers of its events: more to store, or the next command.</summary>
    private void Continue()
    {
        if (_pending.Count > 0)
        {
            Write();
            return;
        }

        _phase = Phase.Processing;
        _waiting.Unstash();
    }

    private void Write()
    {
        Invocation[] batch = [.. _pending];
        _pending.Clear();
        _phase = Phase.Persisting;
        _assigned = LastSequenceNr;
        JournalRecord[] records;
        try
        {
            records = Encode(batch);
        }
        catch (Exception error)
        {
            Reject(batch, error);
            return;
        }

        if (records.Length == 0)
        {
            OnStored(new Stored(this, batch, new JournalResult(JournalOutcome.Done, default), null));
            return;
        }

        var append = new AppendBatch { Stream = PersistenceId, Fence = Fence, Epoch = _epoch, Records = records };
        _services.Journal.AppendAsync(append).PipeTo(
            Self, Sender, result => new Stored(this, batch, result, null), error => new Stored(this, batch, default, error));
    }

    private JournalRecord[] Encode(Invocation[] batch)
    {
        var now = NowMicros();
        var records = new List<JournalRecord>(batch.Length);
        foreach (var one in batch)
        {
            if (one.IsStored)
            {
                records.Add(new JournalRecord { Offset = LastSequenceNr + records.Count + 1, TimeMicros = now, Payload = _services.Serializer.Serialize(one.Value) });
            }
        }

        return [.. records];
    }

    private void OnStored(Stored stored)
    {
        if (stored.Error is null && stored.Result.IsDone)
        {
            foreach (var one in stored.Batch)
            {
                if (one.IsStored)
                {
                    LastSequenceNr++;
                }

                one.Handler(one.Value);
            }

            Continue();
            return;
        }

        var cause = stored.Error ?? new PersistException(stored.Result);
        if (stored.Error is null && stored.Result.Outcome == JournalOutcome.Busy)
        {
            Reject(stored.Batch, cause);
            return;
        }

        _phase = Phase.Stopping;
        try
        {
            Report(stored.Batch, cause, OnPersistFailure);
        }
        finally
        {
            Context.Stop(Self);
        }
    }

    private void Reject(Invocation[] batch, Exception cause)
    {
        Report(batch, cause, OnPersistRejected);
        Continue();
    }

    private void Report(Invocation[] batch, Exception cause, Action<Exception, object, long> tell)
    {
        foreach (var one in batch)
        {
            if (one.IsStored)
            {
                tell(cause, one.Value, ++_assigned);
            }
            else
            {
                one.Handler(one.Value);
            }
        }
    }

    private long NowMicros() => (Context.System.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private void RequireCommand()
    {
        if (_phase is Phase.Recovering or Phase.Stopping)
        {
            throw new InvalidOperationException($"{PersistenceId}: events are persisted by commands, not while recovering or stopping");
        }
    }

    private sealed record Invocation(object Value, Action<object> Handler, bool IsStored);

    /// <summary>What is told to <c>Self</c> for one instance.</summary>
    private abstract record Answer(PersistentActor Owner);

    private sealed record Stored(PersistentActor Owner, Invocation[] Batch, JournalResult Result, Exception? Error) : Answer(Owner);
}
