using Relay.Kernel.Persistence;

namespace Relay.Kernel.TestKit;

/// <summary>
/// A journal whose answers come when the test says so. Holds records per stream; appends wait in <see cref="Waiting"/> while <see cref="IsHeld"/>, otherwise they are
/// answered at once. One thread only.
/// </summary>
public sealed class ScriptedJournal : IJournal, ISnapshotStore
{
    private readonly Dictionary<string, (StreamState State, List<JournalRecord> Records)> _streams = [];
    private readonly Dictionary<string, Snapshot> _snapshots = [];

    public bool IsHeld { get; set; }

    /// <summary>Appends without an answer yet, oldest first.</summary>
    public Queue<(AppendBatch Batch, TaskCompletionSource<JournalResult> Answer)> Waiting { get; } = [];

    /// <summary>All appends handed over, answered or not.</summary>
    public List<AppendBatch> Appends { get; } = [];

    /// <summary>Answers for the next appends in place of storing them.</summary>
    public Queue<JournalOutcome> Refusals { get; } = [];

    /// <summary>True = the next append is stored, and its answer is lost: <see cref="JournalOutcome.Unavailable"/>.</summary>
    public bool LosesNextAnswer { get; set; }

    /// <summary>When set, opening a stream waits for it.</summary>
    public TaskCompletionSource? OpenGate { get; set; }

    /// <summary>When set, reading fails with it.</summary>
    public Exception? ReadFault { get; set; }

    public int Reads { get; private set; }

    /// <summary>True = snapshots and removals are refused.</summary>
    public bool RefusesSnapshots { get; set; }

    /// <summary>All streams there are.</summary>
    public IEnumerable<string> Streams => _streams.Keys;

    public string? Illness => null;

    public long[] Offsets(string stream) => [.. _streams[stream].Records.Select(static record => record.Offset)];

    /// <summary>Stores the oldest waiting append and answers it.</summary>
    public void Release()
    {
        var (batch, answer) = Waiting.Dequeue();
        answer.SetResult(Store(batch));
    }

    /// <summary>Stores all waiting appends in their order and answers them the other way round.</summary>
    public void ReleaseBackwards()
    {
        var results = Waiting.Select(waiting => (waiting.Answer, Result: Store(waiting.Batch))).Reverse().ToList();
        Waiting.Clear();
        foreach (var (answer, result) in results)
        {
            answer.SetResult(result);
        }
    }

    /// <summary>As a store does that loses its memory: only the oldest records are left.</summary>
    public void Forget(string stream, int keep)
    {
        var (state, records) = _streams[stream];
        records.RemoveRange(keep, records.Count - keep);
        _streams[stream] = (state with { Head = keep }, records);
    }

    /// <summary>The first record becomes one that nobody can read.</summary>
    public void Spoil(string stream) => _streams[stream].Records[0] = _streams[stream].Records[0] with { Payload = new byte[] { 255 } };

    /// <summary>The stored records of a stream, oldest first.</summary>
    public IReadOnlyList<JournalRecord> Records(string stream) => _streams.TryGetValue(stream, out var found) ? found.Records : [];

    public async ValueTask<JournalResult> OpenAsync(OpenStream open)
    {
        if (OpenGate is { } gate)
            await gate.Task;
        if (!_streams.TryGetValue(open.Stream, out var stream))
            stream = (new StreamState(open.EpochIfNew, 0, 1, open.Fence, 0), []);
        if (open.Fence < stream.State.Fence)
            return new JournalResult(JournalOutcome.Fenced, stream.State, "fenced");
        stream.State = stream.State with { Fence = open.Fence };
        _streams[open.Stream] = stream;
        return new JournalResult(JournalOutcome.Done, stream.State);
    }

    public ValueTask<JournalResult> AppendAsync(AppendBatch batch)
    {
        Appends.Add(batch);
        if (!IsHeld)
            return new(Store(batch));
        var answer = new TaskCompletionSource<JournalResult>();
        Waiting.Enqueue((batch, answer));
        return new(answer.Task);
    }

    public ValueTask<JournalResult> PruneAsync(PruneStream prune)
    {
        var (state, records) = _streams[prune.Stream];
        var kept = Math.Max(state.First, state.Head - prune.KeepRecords + 1);
        while (kept <= state.Head && records.Exists(record => record.Offset == kept && record.TimeMicros < prune.KeepSinceMicros))
            kept++;
        state = state with { First = kept };
        _streams[prune.Stream] = (state, records);
        var values = LastValues(records, prune.KeepKeys).Select(static record => record.Offset).ToHashSet();
        records.RemoveAll(record => record.Offset < kept && !values.Contains(record.Offset));
        return new(new JournalResult(JournalOutcome.Done, state));
    }

    public ValueTask<JournalResult> RenewAsync(RenewStream renew)
    {
        var state = new StreamState(renew.Epoch, 0, 1, renew.Fence, 0);
        _streams[renew.Stream] = (state, []);
        return new(new JournalResult(JournalOutcome.Done, state));
    }

    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove)
    {
        if (RefusesSnapshots)
            return new(new JournalResult(JournalOutcome.Unavailable, default, "scripted"));
        _streams.Remove(remove.Stream);
        _snapshots.Remove(remove.Stream);
        return new(new JournalResult(JournalOutcome.Done, default));
    }

    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read)
    {
        Reads++;
        return ReadFault is { } fault
            ? ValueTask.FromException<JournalRecord[]>(fault)
            : new([.. Newest(_streams[read.Stream].Records.Where(record => record.Offset > read.AfterOffset && record.Offset >= _streams[read.Stream].State.First && record.TimeMicros >= read.SinceMicros), read)]);
    }

    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) => new(
    [
        .. _streams[stream].Records.Where(record => record.Id is not null && record.TimeMicros >= sinceMicros).TakeLast(limit)
            .Select(static record => new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros)),
    ]);

    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => new([.. LastValues(_streams[stream].Records, limit)]);

    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => new([]);

    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot)
    {
        if (RefusesSnapshots)
            return new(new JournalResult(JournalOutcome.Unavailable, default, "scripted"));
        _snapshots[snapshot.PersistenceId] = snapshot;
        return new(new JournalResult(JournalOutcome.Done, default));
    }

    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) => new(_snapshots.GetValueOrDefault(persistenceId));

    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId)
    {
        _snapshots.Remove(persistenceId);
        return new(new JournalResult(JournalOutcome.Done, default));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private JournalResult Store(AppendBatch batch)
    {
        var (state, records) = _streams[batch.Stream];
        if (Refusals.TryDequeue(out var refusal))
            return new JournalResult(refusal, state, "scripted");
        if (batch.Fence < state.Fence)
            return new JournalResult(JournalOutcome.Fenced, state, "fenced");
        if (batch.Epoch != state.Epoch || batch.FirstOffset != state.Head + 1)
            return new JournalResult(JournalOutcome.Conflict, state, "conflict");
        records.AddRange(batch.Records);
        state = state with { Head = batch.LastOffset, LastMicros = batch.Records[^1].TimeMicros };
        _streams[batch.Stream] = (state, records);
        if (LosesNextAnswer)
        {
            LosesNextAnswer = false;
            return new JournalResult(JournalOutcome.Unavailable, default, "the answer was lost");
        }

        return new JournalResult(JournalOutcome.Done, state);
    }

    private static IEnumerable<JournalRecord> LastValues(List<JournalRecord> records, int keys) => records
        .Where(static record => record.Key is not null).GroupBy(static record => record.Key, StringComparer.Ordinal)
        .Select(static ofKey => ofKey.Last()).OrderBy(static record => record.Offset).TakeLast(keys);

    private static IEnumerable<JournalRecord> Newest(IEnumerable<JournalRecord> records, ReadRecords read) =>
        read.Newest ? records.TakeLast(read.Limit) : records.Take(read.Limit);
}
