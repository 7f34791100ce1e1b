using Relay.Kernel.Persistence;

namespace Relay.Kernel.Tests.Persistence;

/// <summary>Does what a command says, and tells the test whatever happens. Events are integers.</summary>
internal sealed class Puppet(PersistenceServices services, IActorRef test, Action<Puppet, object>? onRecover = null) : PersistentActor(services)
{
    public override string PersistenceId => "puppet";

    public bool IsAtWork => !IsRecovering;

    protected override long Fence => 3;

    public void Store(object value, Action<object> handler) => Persist(value, handler);

    public void StoreAll(IEnumerable<int> values, Action<int> handler) => PersistAll(values, handler);

    public void Defer(string value, Action<string> handler) => DeferAsync(value, handler);

    public void Save(object state) => SaveSnapshot(state);

    public void Drop(long upTo) => DeleteMessages(upTo);

    public void Behave(Action<object> receive) => Become(receive);

    public void BehaveOnTop(Action<object> receive) => BecomeStacked(receive);

    public void BehaveAsBefore() => UnbecomeStacked();

    public void Tell(object message) => test.Tell(message);

    protected override void OnCommand(object message)
    {
        if (message is Action<Puppet> command)
            command(this);
        else
            test.Tell(message);
    }

    protected override void OnRecover(object message)
    {
        onRecover?.Invoke(this, message);
        test.Tell(message is RecoveryCompleted ? "recovered" : message);
    }

    protected override void OnPersistFailure(Exception cause, object persisted, long sequenceNr) => test.Tell($"failure of {persisted} at {sequenceNr}: {cause.Message}");

    protected override void OnPersistRejected(Exception cause, object persisted, long sequenceNr) => test.Tell($"rejected {persisted} at {sequenceNr}: {cause.Message}");

    protected override void OnRecoveryFailure(Exception cause, object? message) => test.Tell($"recovery failed at {message ?? "nothing"}: {cause.Message}");
}

/// <summary>A journal that notes what it is asked and fails when the test says so.</summary>
internal sealed class WatchedJournal(IJournal inner, ISnapshotStore snapshots) : IJournal, ISnapshotStore
{
    public List<string> Calls { get; } = [];

    public List<JournalWrite> Writes { get; } = [];

    public List<Snapshot> Saved { get; } = [];

    public List<ReadRecords> Reads { get; } = [];

    /// <summary>In place of the answer of the next prune or snapshot.</summary>
    public Func<JournalResult>? Answer { get; set; }

    public Func<JournalResult>? OpenAnswer { get; set; }

    public Exception? LoadFault { get; set; }

    /// <summary>Another owner's records that came behind the head meanwhile.</summary>
    public JournalRecord[] Late { get; set; } = [];

    public string? Illness => inner.Illness;

    public ValueTask<JournalResult> OpenAsync(OpenStream open)
    {
        Writes.Add(open);
        return OpenAnswer is { } answer ? Told(answer) : inner.OpenAsync(open);
    }

    public ValueTask<JournalResult> AppendAsync(AppendBatch batch)
    {
        Writes.Add(batch);
        return inner.AppendAsync(batch);
    }

    public ValueTask<JournalResult> PruneAsync(PruneStream prune)
    {
        Writes.Add(prune);
        return Answer is { } answer ? Told(answer) : inner.PruneAsync(prune);
    }

    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => inner.RenewAsync(renew);

    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => inner.RemoveAsync(remove);

    public async ValueTask<JournalRecord[]> ReadAsync(ReadRecords read)
    {
        Calls.Add("records");
        Reads.Add(read);
        return [.. await inner.ReadAsync(read), .. Late];
    }

    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit)
    {
        Calls.Add("ids");
        return inner.ReadIdsAsync(stream, sinceMicros, limit);
    }

    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit)
    {
        Calls.Add("values");
        return inner.ReadLastValuesAsync(stream, limit);
    }

    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => inner.ListAsync(after, limit);

    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot)
    {
        Saved.Add(snapshot);
        return Answer is { } answer ? Told(answer) : snapshots.SaveSnapshotAsync(snapshot);
    }

    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId)
    {
        Calls.Add("snapshot");
        return LoadFault is { } fault ? ValueTask.FromException<Snapshot?>(fault) : snapshots.LoadSnapshotAsync(persistenceId);
    }

    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => snapshots.DeleteSnapshotAsync(persistenceId);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static ValueTask<JournalResult> Told(Func<JournalResult> answer)
    {
        try
        {
            return new(answer());
        }
        catch (JournalException fault)
        {
            return ValueTask.FromException<JournalResult>(fault);
        }
    }
}
