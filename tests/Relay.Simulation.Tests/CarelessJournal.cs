using Relay.Kernel.Persistence;

namespace Relay.Simulation.Tests;

/// <summary>A control: a journal that asks nobody whether he still owns what he writes to, and where two write to one place keeps the later.</summary>
internal sealed class CarelessJournal : IJournal, ISnapshotStore
{
    private readonly Dictionary<string, (ulong Epoch, SortedDictionary<long, JournalRecord> Records)> _streams = [];

    public string? Illness => null;

    public ValueTask<JournalResult> OpenAsync(OpenStream open)
    {
        if (!_streams.ContainsKey(open.Stream))
        {
            _streams.Add(open.Stream, (open.EpochIfNew, []));
        }

        return Done(open.Stream);
    }

    public ValueTask<JournalResult> AppendAsync(AppendBatch batch)
    {
        foreach (var record in batch.Records)
        {
            _streams[batch.Stream].Records[record.Offset] = record;
        }

        return Done(batch.Stream);
    }

    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => Done(prune.Stream);

    public ValueTask<JournalResult> RenewAsync(RenewStream renew)
    {
        _streams[renew.Stream] = (renew.Epoch, []);
        return Done(renew.Stream);
    }

    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => Done(remove.Stream);

    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read)
    {
        var all = Records(read.Stream).Where(record => record.Offset > read.AfterOffset && record.TimeMicros >= read.SinceMicros);
        return new([.. read.Newest ? all.TakeLast(read.Limit) : all.Take(read.Limit)]);
    }

    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) =>
        new([.. Records(stream).Where(static record => record.Id is not null).TakeLast(limit).Select(static record => new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros))]);

    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => new([]);

    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => new([.. _streams.Keys.Select(stream => new ListedStream(stream, State(stream)))]);

    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => new(new JournalResult(JournalOutcome.Done, default));

    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) => new((Snapshot?)null);

    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => new(new JournalResult(JournalOutcome.Done, default));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private SortedDictionary<long, JournalRecord>.ValueCollection Records(string stream) => _streams[stream].Records.Values;

    private StreamState State(string stream) =>
        _streams.TryGetValue(stream, out var found) ? new StreamState(found.Epoch, found.Records.Keys.LastOrDefault(), 1, 0, found.Records.Values.LastOrDefault().TimeMicros) : default;

    private ValueTask<JournalResult> Done(string stream) => new(new JournalResult(JournalOutcome.Done, State(stream)));
}
