using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>
/// A journal that is gone with the process: for namespaces that ask for no more, for tests and for simulations. Every call is finished when it returns, so a
/// deterministic system stays deterministic. Never Busy: what it holds is bounded by its owners' pruning.
/// </summary>
public sealed class MemoryJournal : IJournal, ISnapshotStore
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Stored> _streams = new(OrdinalUtf8.Instance);
    private readonly Dictionary<string, Snapshot> _snapshots = new(StringComparer.Ordinal);

    // Only its checks are used: nothing ever waits here.
    private readonly WriteCheck _check = new(new JournalLimits());
    private bool _closed;

    /// <inheritdoc/>
    public string? Illness => null;

    /// <inheritdoc/>
    public ValueTask<JournalResult> OpenAsync(OpenStream open) => Write(open, stream => stream.Ledger.Open(open));

    /// <inheritdoc/>
    public ValueTask<JournalResult> AppendAsync(AppendBatch batch) => Write(batch, stream => stream.Append(batch));

    /// <inheritdoc/>
    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => Write(prune, stream => stream.Prune(prune));

    /// <inheritdoc/>
    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => Write(renew, stream => stream.Renew(renew));

    /// <inheritdoc/>
    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => Write(remove, stream =>
    {
        if (!stream.Ledger.TryRule(remove, out var refusal))
        {
            return refusal;
        }

        _snapshots.Remove(remove.Stream);
        return stream.Ledger.Remove();
    });

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read)
    {
        ArgumentNullException.ThrowIfNull(read);
        return Read(read.Stream, stream => stream.Read(read));
    }

    /// <inheritdoc/>
    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) => Read(stream, one => one.Ids(sinceMicros, limit));

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => Read(stream, one => one.LastValues(limit));

    /// <inheritdoc/>
    public ValueTask<ListedStream[]> ListAsync(string after, int limit)
    {
        lock (_gate)
        {
            return new ValueTask<ListedStream[]>([.. _streams
                .Where(one => OrdinalUtf8.Instance.Compare(one.Key, after) > 0 && one.Value.Ledger.State.Exists)
                .Take(limit).Select(static one => new ListedStream(one.Key, one.Value.Ledger.State))]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot)
    {
        _check.Of(new SnapshotWrite.Save(snapshot));
        lock (_gate)
        {
            if (_closed)
            {
                return new(Closed);
            }

            if (!_snapshots.TryGetValue(snapshot.PersistenceId, out var old) || old.Epoch != snapshot.Epoch || old.SequenceNr <= snapshot.SequenceNr)
            {
                _snapshots[snapshot.PersistenceId] = snapshot;
            }
        }

        return new(new JournalResult(JournalOutcome.Done, default));
    }

    /// <inheritdoc/>
    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId)
    {
        lock (_gate)
        {
            return new(_snapshots.GetValueOrDefault(persistenceId));
        }
    }

    /// <inheritdoc/>
    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId)
    {
        lock (_gate)
        {
            _snapshots.Remove(persistenceId);
            return new(_closed ? Closed : new JournalResult(JournalOutcome.Done, default));
        }
    }

    /// <summary>No more writes.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
        }

        return ValueTask.CompletedTask;
    }

    private static JournalResult Closed => new(JournalOutcome.Closed, default, "the journal in memory is closed");

    private ValueTask<JournalResult> Write(JournalWrite write, Func<Stored, JournalResult> change)
    {
        _check.Of(write);
        lock (_gate)
        {
            if (_closed)
            {
                return new(Closed);
            }

            if (!_streams.TryGetValue(write.Stream, out var stream))
            {
                stream = new Stored();
                _streams.Add(write.Stream, stream);
            }

            var result = change(stream);
            if (stream.Ledger.Epoch == 0)
            {
                _streams.Remove(write.Stream);
            }

            return new(result);
        }
    }

    private ValueTask<T[]> Read<T>(string name, Func<Stored, IEnumerable<T>> read)
    {
        lock (_gate)
        {
            return new(_streams.TryGetValue(name, out var stream) ? [.. read(stream)] : []);
        }
    }

    /// <summary>One stream: its row and its records by offset, those kept for their id or key below the window included.</summary>
    private sealed class Stored
    {
        private List<JournalRecord> _records = [];

        public StreamLedger Ledger { get; } = new();

        public JournalResult Append(AppendBatch batch)
        {
            switch (Ledger.Judge(batch, out var refusal))
            {
                case Verdict.Refuse:
                    return refusal;
                case Verdict.Compare:
                    return IsStored(batch.Records[^1]) ? Ledger.Done with { Outcome = JournalOutcome.Repeated } : refusal;
                default:
                    _records.AddRange(batch.Records);
                    return Ledger.Accept(batch);
            }
        }

        public JournalResult Prune(PruneStream prune)
        {
            if (!Ledger.State.Exists)
            {
                return Ledger.Done;
            }

            if (!Ledger.TryRule(prune, out var refusal))
            {
                return refusal;
            }

            var byCount = Math.Max(Ledger.First, prune.KeepRecords > Ledger.Head ? 1 : Ledger.Head - prune.KeepRecords + 1);
            Ledger.MoveFirst(FirstSince(byCount, prune.KeepSinceMicros));
            var ids = Ids(prune.KeepIdsSinceMicros, prune.KeepIds).Select(static id => id.Offset).ToHashSet();
            var keys = LastValues(prune.KeepKeys).Select(static record => record.Offset).ToHashSet();
            _records = [.. _records.Where(record => record.Offset >= Ledger.First || ids.Contains(record.Offset) || keys.Contains(record.Offset))];
            return Ledger.Done;
        }

        public JournalResult Renew(RenewStream renew)
        {
            if (!Ledger.TryRule(renew, out var refusal))
            {
                return refusal;
            }

            _records.Clear();
            return Ledger.Renew(renew.Epoch);
        }

        public IEnumerable<JournalRecord> Read(ReadRecords read)
        {
            var first = Math.Max(read.AfterOffset + 1, FirstSince(Ledger.First, read.SinceMicros));
            var window = _records.Where(record => record.Offset >= first);
            return read.Newest ? window.TakeLast(read.Limit) : window.Take(read.Limit);
        }

        public IEnumerable<KnownId> Ids(long sinceMicros, int limit) => _records
            .Where(record => record.Id is not null && record.TimeMicros >= sinceMicros).TakeLast(limit)
            .Select(static record => new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros));

        public IEnumerable<JournalRecord> LastValues(int limit) => _records
            .Where(static record => record.Key is not null).GroupBy(static record => record.Key, StringComparer.Ordinal)
            .Select(static ofKey => ofKey.Last()).OrderBy(static record => record.Offset).TakeLast(limit);

        private long FirstSince(long first, long sinceMicros)
        {
            var index = _records.FindIndex(record => record.Offset >= first && record.TimeMicros >= sinceMicros);
            return index < 0 ? Math.Max(first, Ledger.Head + 1) : _records[index].Offset;
        }

        private bool IsStored(in JournalRecord record)
        {
            var offset = record.Offset;
            var index = _records.FindIndex(one => one.Offset == offset);
            return index >= 0 && RecordFormat.ToArray([], _records[index]).AsSpan().SequenceEqual(RecordFormat.ToArray([], record));
        }
    }
}
