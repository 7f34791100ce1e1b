using Npgsql;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Postgres;

/// <summary>
/// Any group, one transaction, two round trips: (1) begin and lock the rows of the group's streams, in the order of their ids, so that two nodes never wait for each
/// other; decide in memory by the ledger's rules; (2) insert all records, update all rows, commit. Whatever needs to look at records goes in between.
/// </summary>
/// <remarks>
/// The fence is checked against the locked row: an owner that lost its shard a moment ago either committed before the new owner opened the stream, and is read by
/// it, or finds the higher fence. Owned by the committer's loop; thrown away after one group.
/// </remarks>
internal sealed class PostgresTransaction(NpgsqlConnection connection, JournalLimits limits, Dictionary<string, StreamLedger> known)
{
    private const string Make =
        "INSERT INTO relay_streams (name, epoch, head, first, fence, last_micros) SELECT name, 0, 0, 1, 0, 0 FROM unnest($1) AS name ORDER BY name ON CONFLICT (name) DO NOTHING";

    private const string Take = "SELECT id, name, epoch, head, first, fence, last_micros FROM relay_streams WHERE name = ANY($1) ORDER BY id FOR UPDATE";

    private const string Insert =
        "INSERT INTO relay_records (stream, position, time, has_id, key, body) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)";

    private const string Update =
        """
        UPDATE relay_streams AS s SET epoch = n.epoch, head = n.head, first = n.first, fence = n.fence, last_micros = n.last_micros
        FROM unnest($1, $2, $3, $4, $5, $6) AS n(id, epoch, head, first, fence, last_micros) WHERE s.id = n.id
        """;

    private readonly Dictionary<string, StreamLedger> _streams = new(StringComparer.Ordinal);
    private readonly RecordColumns _records = new();

    /// <summary>Makes the group durable and puts the results into it. After an exception the connection is not to be used any more.</summary>
    public async ValueTask CommitAsync(List<PendingWrite> group)
    {
        await BeginAsync(group);
        foreach (var pending in group)
        {
            pending.Result = await ApplyAsync(pending);
        }

        await using var end = new NpgsqlBatch(connection);
        AddWrites(end);

        // At the end: a stream that was removed may have been opened again within the group.
        long[] removed = [.. _streams.Values.Where(static stream => stream is { Id: not 0, Epoch: 0 }).Select(static stream => stream.Id)];
        if (removed.Length > 0)
        {
            end.BatchCommands.Add(new NpgsqlBatchCommand("DELETE FROM relay_streams WHERE id = ANY($1)") { Parameters = { Of(removed) } });
        }

        end.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
        await end.ExecuteNonQueryAsync();
        Remember();
    }

    // What the rows are now, for PostgresFastAppend.
    private void Remember()
    {
        foreach (var (name, stream) in _streams)
        {
            if (stream is { Id: not 0, Epoch: not 0 })
            {
                known[name] = stream;
            }
            else
            {
                known.Remove(name);
            }
        }
    }

    private async ValueTask BeginAsync(List<PendingWrite> group)
    {
        await using var begin = new NpgsqlBatch(connection);
        begin.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN"));
        var made = group.Where(static one => one.Operation is OpenStream or RenewStream).Select(static one => one.Stream).Distinct(StringComparer.Ordinal).ToArray();
        if (made.Length > 0)
        {
            begin.BatchCommands.Add(new NpgsqlBatchCommand(Make) { Parameters = { Of(made) } });
        }

        var names = group.Where(static one => one.Operation is JournalWrite).Select(static one => one.Stream).Distinct(StringComparer.Ordinal).ToArray();
        begin.BatchCommands.Add(new NpgsqlBatchCommand(Take) { Parameters = { Of(names) } });
        await using var rows = await begin.ExecuteReaderAsync();
        do
        {
            while (await rows.ReadAsync())
            {
                var name = rows.GetString(1);
                _streams[name] = new StreamLedger
                {
                    Name = name, Id = rows.GetInt64(0), Epoch = (ulong)rows.GetInt64(2), Head = rows.GetInt64(3), First = rows.GetInt64(4), Fence = rows.GetInt64(5),
                    LastMicros = rows.GetInt64(6),
                };
            }
        }
        while (await rows.NextResultAsync());
    }

    private async ValueTask<JournalResult> ApplyAsync(PendingWrite pending)
    {
        switch (pending.Operation)
        {
            case AppendBatch batch:
                return await AppendAsync(pending, batch, Find(pending.Stream));
            case OpenStream open:
                return Find(pending.Stream).Open(open);
            case PruneStream prune:
                return await PruneAsync(pending, prune, Find(pending.Stream));
            case RenewStream renew:
                return await RenewAsync(renew, Find(pending.Stream));
            case RemoveStream remove:
                return await RemoveAsync(remove, Find(pending.Stream));
            case SnapshotWrite.Save { Snapshot: var snapshot }:
                await RunAsync(
                    """
                    INSERT INTO relay_snapshots VALUES ($1, $2, $3, $4) ON CONFLICT (persistence_id) DO UPDATE
                    SET epoch = $2, sequence_nr = $3, body = $4 WHERE relay_snapshots.epoch <> $2 OR relay_snapshots.sequence_nr <= $3
                    """, Of(snapshot.PersistenceId), Of((long)snapshot.Epoch), Of(snapshot.SequenceNr), Of(SnapshotFormat.ToArray(snapshot)));
                return new JournalResult(JournalOutcome.Done, default);
            default:
                await RunAsync("DELETE FROM relay_snapshots WHERE persistence_id = $1", Of(pending.Stream));
                return new JournalResult(JournalOutcome.Done, default);
        }
    }

    private async ValueTask<JournalResult> AppendAsync(PendingWrite pending, AppendBatch batch, StreamLedger stream)
    {
        switch (stream.Judge(batch, out var refusal))
        {
            case Verdict.Refuse:
                return refusal;
            case Verdict.Compare:
                await FlushAsync();
                return await IsStoredAsync(pending, batch, stream) ? stream.Done with { Outcome = JournalOutcome.Repeated } : refusal;
            default:
                _records.Add(stream.Id, pending, batch);
                return stream.Accept(batch);
        }
    }

    private async ValueTask<bool> IsStoredAsync(PendingWrite pending, AppendBatch batch, StreamLedger stream)
    {
        var stored = await AskAsync("SELECT body FROM relay_records WHERE stream = $1 AND position = $2", Of(stream.Id), Of(batch.LastOffset));
        return stored is byte[] body && body.AsSpan().SequenceEqual(RecordFormat.ToArray(pending.StreamUtf8, batch.Records[^1]));
    }

    private async ValueTask<JournalResult> PruneAsync(PendingWrite pending, PruneStream prune, StreamLedger stream)
    {
        if (!stream.State.Exists)
        {
            return stream.Done;
        }

        if (!stream.TryRule(prune, out var refusal))
        {
            return refusal;
        }

        await FlushAsync();
        stream.MoveFirst(await FirstAsync(prune, stream));
        var id = prune.KeepIds == 0
            ? long.MaxValue
            : await AskAsync("SELECT position FROM relay_records WHERE stream = $1 AND has_id AND time >= $2 ORDER BY position DESC LIMIT 1 OFFSET $3",
                Of(stream.Id), Of(prune.KeepIdsSinceMicros), Of(prune.KeepIds - 1)) ?? 0L;
        var key = prune.KeepKeys == 0
            ? long.MaxValue
            : await AskAsync("SELECT min(newest) FROM (SELECT max(position) AS newest FROM relay_records WHERE stream = $1 AND key IS NOT NULL GROUP BY key ORDER BY 1 DESC LIMIT $2) AS newest",
                Of(stream.Id), Of(prune.KeepKeys)) ?? long.MaxValue;
        var dropped = await RunAsync(
            """
            DELETE FROM relay_records WHERE stream = $1 AND position IN (
                SELECT position FROM relay_records AS old WHERE stream = $1 AND position < $2
                AND NOT (has_id AND position >= $3 AND time >= $4)
                AND NOT (key IS NOT NULL AND position >= $5
                    AND NOT EXISTS (SELECT 1 FROM relay_records AS newer WHERE newer.stream = $1 AND newer.key = old.key AND newer.position > old.position))
                ORDER BY position LIMIT $6)
            """,
            Of(stream.Id), Of(stream.First), Of((long)id), Of(prune.KeepIdsSinceMicros), Of((long)key), Of(limits.PrunePiece));
        pending.HasMore = dropped == limits.PrunePiece;
        return stream.Done;
    }

    private async ValueTask<long> FirstAsync(PruneStream prune, StreamLedger stream)
    {
        var first = Math.Max(stream.First, prune.KeepRecords > stream.Head ? 1 : stream.Head - prune.KeepRecords + 1);
        return first > stream.Head
            ? first
            : (long)(await AskAsync("SELECT position FROM relay_records WHERE stream = $1 AND position >= $2 AND time >= $3 ORDER BY position LIMIT 1",
                Of(stream.Id), Of(first), Of(prune.KeepSinceMicros)) ?? stream.Head + 1);
    }

    private async ValueTask<JournalResult> RenewAsync(RenewStream renew, StreamLedger stream)
    {
        if (!stream.TryRule(renew, out var refusal))
        {
            return refusal;
        }

        await FlushAsync();
        await RunAsync("DELETE FROM relay_records WHERE stream = $1", Of(stream.Id));
        return stream.Renew(renew.Epoch);
    }

    private async ValueTask<JournalResult> RemoveAsync(RemoveStream remove, StreamLedger stream)
    {
        if (!stream.TryRule(remove, out var refusal))
        {
            return refusal;
        }

        await FlushAsync();
        await RunAsync("DELETE FROM relay_records WHERE stream = $1", Of(stream.Id));
        await RunAsync("DELETE FROM relay_snapshots WHERE persistence_id = $1", Of(stream.Name));
        return stream.Remove();
    }

    // A stream that nobody opened has no row and gets none.
    private StreamLedger Find(string name)
    {
        if (!_streams.TryGetValue(name, out var stream))
        {
            stream = new StreamLedger { Name = name };
            _streams.Add(name, stream);
        }

        return stream;
    }

    private async ValueTask FlushAsync()
    {
        if (_records.Count > 0)
        {
            await using var batch = new NpgsqlBatch(connection);
            AddWrites(batch);
            await batch.ExecuteNonQueryAsync();
        }
    }

    private void AddWrites(NpgsqlBatch batch)
    {
        if (_records.Count > 0)
        {
            var insert = new NpgsqlBatchCommand(Insert);
            _records.MoveTo(insert.Parameters);
            batch.BatchCommands.Add(insert);
        }

        StreamLedger[] dirty = [.. _streams.Values.Where(static stream => stream is { IsDirty: true, Id: not 0 })];
        if (dirty.Length > 0)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Update)
            {
                Parameters =
                {
                    Of(Array.ConvertAll(dirty, static one => one.Id)), Of(Array.ConvertAll(dirty, static one => (long)one.Epoch)),
                    Of(Array.ConvertAll(dirty, static one => one.Head)), Of(Array.ConvertAll(dirty, static one => one.First)),
                    Of(Array.ConvertAll(dirty, static one => one.Fence)), Of(Array.ConvertAll(dirty, static one => one.LastMicros)),
                },
            });
            Array.ForEach(dirty, static one => one.IsDirty = false);
        }
    }

    private async ValueTask<int> RunAsync(string sql, params NpgsqlParameter[] parameters)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    private async ValueTask<object?> AskAsync(string sql, params NpgsqlParameter[] parameters)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteScalarAsync() is var value && value is DBNull ? null : value;
    }

    private NpgsqlCommand Command(string sql, NpgsqlParameter[] parameters)
    {
#pragma warning disable CA2100 // Constants of this class.
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        command.Parameters.AddRange(parameters);
        return command;
    }

    internal static NpgsqlParameter<T> Of<T>(T value) => new() { TypedValue = value };
}
