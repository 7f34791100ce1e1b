using Microsoft.Data.Sqlite;
using Relay.Kernel.Persistence;
using SQLitePCL;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// The writing side: one connection, its prepared statements, what it knows of the streams. Owned by the writer's thread. One call of <see cref="Commit"/> is
/// one transaction; when it throws, the store is not to be used any more and a new one is made, so nothing here needs to be undone.
/// </summary>
internal sealed class SqliteStore : IDisposable
{
    // A row of a stream is about 200 bytes with its dictionary entry: at most 20 MB.
    private const int KnownStreams = 100_000;

    private readonly SqliteConnection _connection;
    private readonly JournalLimits _limits;
    private readonly Dictionary<string, StreamLedger> _streams = new(StringComparer.Ordinal);
    private readonly HashSet<StreamLedger> _touched = [];
    private readonly SqliteStatement _begin, _commit, _count, _find, _add, _update, _insert, _body, _saveSnapshot, _deleteSnapshot, _deleteAll, _dropLateSnapshot, _moveSnapshot, _remove;
    private readonly SqlitePruning _pruning;
    private readonly long _generation;
    private byte[] _buffer = new byte[4096];
    private bool _isNew = true;

    public SqliteStore(SqliteConnection connection, JournalLimits limits)
    {
        _connection = connection;
        _limits = limits;
        using (var read = new SqliteStatement(connection, "SELECT value FROM journal WHERE name = ?1"))
        {
            Identity = read.With("identity").Number(0);
            _generation = read.With("generation").Number(0);
            Commits = read.With("commits").Number(0);
        }

        _begin = new SqliteStatement(connection, "BEGIN IMMEDIATE");
        _commit = new SqliteStatement(connection, "COMMIT");
        _count = new SqliteStatement(connection, "UPDATE journal SET value = ?1 WHERE name = 'commits'");
        _find = new SqliteStatement(connection, "SELECT id, epoch, head, first, fence, last_micros, generation FROM streams WHERE name = ?1");
        _add = new SqliteStatement(connection, "INSERT INTO streams (name, epoch, head, first, fence, last_micros, generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        _update = new SqliteStatement(connection, "UPDATE streams SET epoch = ?2, head = ?3, first = ?4, fence = ?5, last_micros = ?6, generation = ?7 WHERE id = ?1");
        _insert = new SqliteStatement(connection, "INSERT INTO records (stream, offset, time, has_id, key, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        _body = new SqliteStatement(connection, "SELECT body FROM records WHERE stream = ?1 AND offset = ?2");
        _deleteAll = new SqliteStatement(connection, "DELETE FROM records WHERE stream = ?1");
        _saveSnapshot = new SqliteStatement(connection,
            "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4) ON CONFLICT (persistence_id) DO UPDATE SET epoch = ?2, sequence_nr = ?3, body = ?4 WHERE epoch <> ?2 OR sequence_nr <= ?3");
        _deleteSnapshot = new SqliteStatement(connection, "DELETE FROM snapshots WHERE persistence_id = ?1");
        _dropLateSnapshot = new SqliteStatement(connection, "DELETE FROM snapshots WHERE persistence_id = ?1 AND sequence_nr > ?2");
        _remove = new SqliteStatement(connection, "DELETE FROM streams WHERE id = ?1");
        _moveSnapshot = new SqliteStatement(connection, "UPDATE snapshots SET epoch = ?2 WHERE persistence_id = ?1");
        _pruning = new SqlitePruning(connection);
    }

    public long Identity { get; }

    /// <summary>Transactions of this database so far.</summary>
    public long Commits { get; private set; }

    /// <summary>Makes a group durable and puts the results into it.</summary>
    /// <param name="group">In the order of the calls.</param>
    /// <param name="isProof">True: something is written in any case, to find out whether it can be.</param>
    public void Commit(List<PendingWrite> group, bool isProof)
    {
        var changes = raw.sqlite3_total_changes(_connection.Handle);
        _begin.Run();
        foreach (var pending in group)
        {
            pending.Result = Apply(pending);
        }

        foreach (var stream in _touched)
        {
            Save(stream);
        }

        _touched.Clear();

        // Streams that are only taken over again, as all are after a restart, change nothing and wait for no disk. The first group is written in any case: what a
        // killed process had written and not synchronised is on the disk before anybody is shown it.
        if (isProof || _isNew || raw.sqlite3_total_changes(_connection.Handle) != changes)
        {
            _count.With(Commits + 1).Run();
            Commits++;
        }

        _commit.Run();
        _isNew = false;
        if (_streams.Count > KnownStreams)
        {
            _streams.Clear();
        }
    }

    /// <summary>
    /// Copies the log into the database and cuts it off. After an I/O error: pages that could not be synchronised are no longer dirty for the kernel, so a later
    /// commit behind them in the same log would rest on what may never reach the disk.
    /// </summary>
    public void RewriteLog()
    {
        using var checkpoint = new SqliteStatement(_connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        if (checkpoint.Number(1) != 0)
        {
            throw new SqliteException("the log could not be rewritten because it is being read", raw.SQLITE_BUSY);
        }
    }

    /// <summary>A commit failed: nothing more goes through these descriptors.</summary>
    public void LeaveLogAlone() => SqliteConnections.LeaveLogAlone(_connection);

    public void Dispose()
    {
        foreach (var statement in new[] { _begin, _commit, _count, _find, _add, _update, _insert, _body, _saveSnapshot, _deleteSnapshot, _deleteAll, _dropLateSnapshot, _moveSnapshot, _remove })
        {
            statement.Dispose();
        }

        _pruning.Dispose();
        _connection.Dispose();
    }

    private JournalResult Apply(PendingWrite pending) => pending.Operation switch
    {
        AppendBatch batch => Append(pending, batch, Find(pending.Stream)),
        OpenStream open => Open(open, Find(pending.Stream)),
        PruneStream prune => Prune(pending, prune, Find(pending.Stream)),
        RenewStream renew => Renew(renew, Find(pending.Stream)),
        RemoveStream remove => Remove(remove, Find(pending.Stream)),
        SnapshotWrite.Save save => Save(save.Snapshot),
        _ => DeleteSnapshot(pending.Stream),
    };

    private JournalResult Append(PendingWrite pending, AppendBatch batch, StreamLedger stream)
    {
        switch (stream.Judge(batch, out var refusal))
        {
            case Verdict.Refuse:
                return refusal;
            case Verdict.Compare:
                return IsStored(pending, batch, stream) ? stream.Done with { Outcome = JournalOutcome.Repeated } : refusal;
            default:
                foreach (ref readonly var record in batch.Records.AsSpan())
                {
                    Insert(pending, record, stream.Id);
                }

                return Touch(stream, one => one.Accept(batch));
        }
    }

    private JournalResult Open(OpenStream open, StreamLedger stream)
    {
        var wasDoubtful = stream.IsDoubtful;
        var result = Touch(stream, one => one.Open(open));
        if (wasDoubtful && !stream.IsDoubtful)
        {
            // A snapshot of events that are lost is of a past that never was; an older one belongs to the stream's new life as its events do.
            _dropLateSnapshot.With(stream.Name).With(stream.Head).Run();
            _moveSnapshot.With(stream.Name).With((long)stream.Epoch).Run();
        }

        return result;
    }

    private void Insert(PendingWrite pending, in JournalRecord record, long stream)
    {
        var size = RecordFormat.Measure(record);
        if (size > _buffer.Length)
        {
            _buffer = new byte[size];
        }

        var body = _buffer.AsSpan(0, size);
        RecordFormat.Write(pending.StreamUtf8, record, body);
        _insert.With(stream).With(record.Offset).With(record.TimeMicros).With(record.Id is null ? 0 : 1).With(record.Key).With(body).Run();
        if (_buffer.Length > 1024 * 1024)
        {
            _buffer = new byte[4096];
        }
    }

    private bool IsStored(PendingWrite pending, AppendBatch batch, StreamLedger stream)
    {
        try
        {
            return _body.With(stream.Id).With(batch.LastOffset).Read() && _body.BlobSpan(0).SequenceEqual(RecordFormat.ToArray(pending.StreamUtf8, batch.Records[^1]));
        }
        finally
        {
            _body.Reset();
        }
    }

    private JournalResult Prune(PendingWrite pending, PruneStream prune, StreamLedger stream)
    {
        if (!stream.State.Exists)
        {
            return stream.Done;
        }

        if (!stream.TryRule(prune, out var refusal))
        {
            return refusal;
        }

        stream.MoveFirst(_pruning.First(stream, prune));
        var dropped = _pruning.Drop(stream, prune, _limits.PrunePiece);
        pending.HasMore = dropped == _limits.PrunePiece;
        return Touch(stream, static one => one.Done);
    }

    private JournalResult Renew(RenewStream renew, StreamLedger stream)
    {
        if (!stream.TryRule(renew, out var refusal))
        {
            return refusal;
        }

        if (stream.Id != 0)
        {
            _deleteAll.With(stream.Id).Run();
        }

        return Touch(stream, one => one.Renew(renew.Epoch));
    }

    private JournalResult Remove(RemoveStream remove, StreamLedger stream)
    {
        if (!stream.TryRule(remove, out var refusal))
        {
            return refusal;
        }

        _deleteAll.With(stream.Id).Run();
        _remove.With(stream.Id).Run();
        _deleteSnapshot.With(stream.Name).Run();
        _touched.Remove(stream);
        _streams.Remove(stream.Name);
        return stream.Remove();
    }

    private JournalResult Save(Snapshot snapshot)
    {
        _saveSnapshot.With(snapshot.PersistenceId).With((long)snapshot.Epoch).With(snapshot.SequenceNr).With(SnapshotFormat.ToArray(snapshot)).Run();
        return new JournalResult(JournalOutcome.Done, default);
    }

    private JournalResult DeleteSnapshot(string persistenceId)
    {
        _deleteSnapshot.With(persistenceId).Run();
        return new JournalResult(JournalOutcome.Done, default);
    }

    private JournalResult Touch(StreamLedger stream, Func<StreamLedger, JournalResult> change)
    {
        var result = change(stream);
        if (stream is { IsDirty: true, Id: 0 })
        {
            // Records of the same group need its number.
            Save(stream);
            return result;
        }

        if (stream.IsDirty)
        {
            _touched.Add(stream);
        }

        return result;
    }

    private StreamLedger Find(string name)
    {
        if (_streams.TryGetValue(name, out var known))
        {
            return known;
        }

        var stream = new StreamLedger { Name = name };
        if (_find.With(name).Read())
        {
            stream.Id = _find.Long(0);
            stream.Epoch = (ulong)_find.Long(1);
            stream.Head = _find.Long(2);
            stream.First = _find.Long(3);
            stream.Fence = _find.Long(4);
            stream.LastMicros = _find.Long(5);
            stream.IsDoubtful = _find.Long(6) < _generation;
        }

        _find.Reset();
        _streams.Add(name, stream);
        return stream;
    }

    private void Save(StreamLedger stream)
    {
        stream.IsDirty = false;
        var generation = stream.IsDoubtful ? 0 : _generation;
        if (stream.Id == 0)
        {
            _add.With(stream.Name).With((long)stream.Epoch).With(stream.Head).With(stream.First).With(stream.Fence).With(stream.LastMicros).With(generation).Run();
            stream.Id = raw.sqlite3_last_insert_rowid(_connection.Handle);
            return;
        }

        _update.With(stream.Id).With((long)stream.Epoch).With(stream.Head).With(stream.First).With(stream.Fence).With(stream.LastMicros).With(generation).Run();
    }
}
