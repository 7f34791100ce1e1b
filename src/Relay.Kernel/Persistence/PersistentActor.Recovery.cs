namespace Relay.Kernel.Persistence;

/// <summary>The way back: open, snapshot, events, completed.</summary>
public abstract partial class PersistentActor
{
    private long _head;

    private void OnRecoveryAnswer(Answer answer)
    {
        switch (answer)
        {
            case BeginRecovery:
                Open();
                break;
            case Opened opened:
                OnOpened(opened.Result);
                break;
            case SnapshotLoaded loaded:
                OnSnapshot(loaded.Snapshot);
                break;
            case Replayed replayed:
                OnReplayed(replayed.Records);
                break;
            case RecoveryFailed failed:
                FailRecovery(failed.Cause, null);
                break;
        }
    }

    private void Open()
    {
        // Odd, so never the 0 that means "no such stream".
        var epoch = (ulong)Context.System.CreateRandom().NextInt64() | 1;
        _services.Journal.OpenAsync(new OpenStream { Stream = PersistenceId, Fence = Fence, EpochIfNew = epoch })
            .PipeTo(Self, success: result => new Opened(this, result), failure: Failed);
    }

    private void OnOpened(JournalResult result)
    {
        if (!result.IsDone)
        {
            FailRecovery(new PersistException(result), null);
            return;
        }

        _epoch = result.State.Epoch;
        _head = result.State.Head;
        _services.Snapshots.LoadSnapshotAsync(PersistenceId)
            .AsTask().PipeTo(Self, success: snapshot => new SnapshotLoaded(this, snapshot), failure: Failed);
    }

    private void OnSnapshot(Snapshot? snapshot)
    {
        // Of another life, or of events that the store has lost: its state never was.
        if (snapshot is not null && snapshot.Epoch == _epoch && snapshot.SequenceNr <= _head)
        {
            if (!TryRecover(() => new SnapshotOffer(snapshot.SequenceNr, _services.Serializer.Deserialize(snapshot.Payload))))
            {
                return;
            }

            LastSequenceNr = snapshot.SequenceNr;
            SnapshotSequenceNr = snapshot.SequenceNr;
        }

        ReadOn();
    }

    private void ReadOn()
    {
        if (LastSequenceNr == _head)
        {
            Complete();
            return;
        }

        _services.Journal.ReadAsync(new ReadRecords { Stream = PersistenceId, AfterOffset = LastSequenceNr, Limit = _services.ReplayPage })
            .PipeTo(Self, success: records => new Replayed(this, records), failure: Failed);
    }

    private void OnReplayed(JournalRecord[] records)
    {
        if (records.Length == 0)
        {
            // Dropped by DeleteMessages: what is gone is not told, and the sequence goes on behind it, as in Akka.
            LastSequenceNr = _head;
            Complete();
            return;
        }

        foreach (var record in records)
        {
            if (record.Offset > _head)
            {
                break;
            }

            if (!TryRecover(() => _services.Serializer.Deserialize(record.Payload), record.Offset))
            {
                return;
            }
        }

        ReadOn();
    }

    private void Complete()
    {
        if (TryRecover(static () => RecoveryCompleted.Instance))
        {
            Continue();
        }
    }

    private bool TryRecover(Func<object> read, long sequenceNr = 0)
    {
        object? message = null;
        try
        {
            message = read();
            LastSequenceNr = Math.Max(LastSequenceNr, sequenceNr);
            if (message is RecoveryCompleted)
            {
                // Akka's rule: RecoveryCompleted may already persist.
                _phase = Phase.Processing;
            }

            OnRecover(message);
            return true;
        }
        catch (Exception error)
        {
            FailRecovery(error, message);
            return false;
        }
    }

    private void FailRecovery(Exception cause, object? message)
    {
        _phase = Phase.Stopping;
        try
        {
            OnRecoveryFailure(cause, message);
        }
        finally
        {
            Context.Stop(Self);
        }
    }

    private RecoveryFailed Failed(Exception cause) => new(this, cause);

    private sealed record BeginRecovery(PersistentActor Owner) : Answer(Owner);

    private sealed record Opened(PersistentActor Owner, JournalResult Result) : Answer(Owner);

    private sealed record SnapshotLoaded(PersistentActor Owner, Snapshot? Snapshot) : Answer(Owner);

    private sealed record Replayed(PersistentActor Owner, JournalRecord[] Records) : Answer(Owner);

    private sealed record RecoveryFailed(PersistentActor Owner, Exception Cause) : Answer(Owner);
}
