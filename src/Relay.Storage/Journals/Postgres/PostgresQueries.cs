using System.Text;
using Npgsql;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Postgres;

/// <summary>The questions of readers, one statement each, so that a stream is seen as of one commit; on pooled connections of their own.</summary>
internal sealed class PostgresQueries(PostgresJournalOptions options) : IAsyncDisposable
{
    private const string Window =
        """
        FROM relay_records AS r JOIN relay_streams AS s ON s.id = r.stream
        WHERE s.name = $1 AND r.position > $2 AND r.position >= s.first
        AND r.position >= COALESCE((SELECT y.position FROM relay_records AS y WHERE y.stream = s.id AND y.position >= s.first AND y.time >= $3 ORDER BY y.position LIMIT 1), s.head + 1)
        """;

    private readonly NpgsqlDataSource _source = options.Source("journal-reader", pooled: true);

    public async ValueTask<JournalRecord[]> RecordsAsync(ReadRecords read)
    {
        var sql = $"SELECT r.position, r.body {Window} ORDER BY r.position {(read.Newest ? "DESC" : "ASC")} LIMIT $4";
        var records = await RecordsAsync(read.Stream, sql, read.Stream, read.AfterOffset, read.SinceMicros, read.Limit);
        if (read.Newest)
        {
            Array.Reverse(records);
        }

        return records;
    }

    public async ValueTask<KnownId[]> IdsAsync(string stream, long sinceMicros, int limit) => JournalShapes.Ids(await RecordsAsync(
        stream,
        """
        SELECT r.position, r.body FROM relay_records AS r JOIN relay_streams AS s ON s.id = r.stream
        WHERE s.name = $1 AND r.has_id AND r.time >= $2 ORDER BY r.position DESC LIMIT $3
        """, stream, sinceMicros, limit));

    public ValueTask<JournalRecord[]> LastValuesAsync(string stream, int limit) => RecordsAsync(
        stream,
        """
        SELECT r.position, r.body FROM relay_records AS r JOIN (
            SELECT k.stream, max(k.position) AS position FROM relay_records AS k JOIN relay_streams AS s ON s.id = k.stream
            WHERE s.name = $1 AND k.key IS NOT NULL GROUP BY k.stream, k.key ORDER BY 2 DESC LIMIT $2) AS newest USING (stream, position)
        ORDER BY r.position
        """, stream, limit);

    public async ValueTask<ListedStream[]> ListAsync(string after, int limit)
    {
        try
        {
            var entries = await AskAsync(
                "SELECT name, epoch, head, first, fence, last_micros FROM relay_streams WHERE name > $1 AND epoch <> 0 ORDER BY name LIMIT $2",
                static row => new ListedStream(
                    row.GetString(0), new StreamState((ulong)row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5))),
                after, limit);
            return [.. entries];
        }
        catch (JournalException error) when (error.InnerException is PostgresException { SqlState: PostgresErrorCodes.UndefinedTable })
        {
            // A new database, in the moment before the writer makes the schema.
            return [];
        }
    }

    public async ValueTask<Snapshot?> SnapshotAsync(string persistenceId)
    {
        var found = await AskAsync(
            "SELECT epoch, sequence_nr, body FROM relay_snapshots WHERE persistence_id = $1",
            row => SnapshotFormat.Read(persistenceId, (ulong)row.GetInt64(0), row.GetInt64(1), row.GetFieldValue<byte[]>(2), options.Place),
            persistenceId);
        return found.Count == 0 ? null : found[0];
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private async ValueTask<JournalRecord[]> RecordsAsync(string stream, string sql, params object[] values)
    {
        var name = Encoding.UTF8.GetBytes(stream);
        var records = await AskAsync(sql, row => Record(name, stream, row), values);
        return [.. records];
    }

    private JournalRecord Record(byte[] name, string stream, NpgsqlDataReader row)
    {
        var offset = row.GetInt64(0);
        return RecordFormat.TryRead(name, row.GetFieldValue<byte[]>(1), offset, out var record) is { } fault
            ? throw new JournalException(
                $"{options.Place}: record {offset} of stream '{stream}' is damaged ({fault}) and will not be served. Way out: restore a backup, or delete the stream", isRetryable: false)
            : record;
    }

    private async Task<List<T>> AskAsync<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
    {
        try
        {
            return await AskOnceAsync(sql, read, values);
        }
        catch (NpgsqlException error) when (error.IsTransient)
        {
            // After a restart of the server the pool hands out its dead connections one after the other.
            _source.Clear();
        }
        catch (NpgsqlException error)
        {
            throw Unreadable(error);
        }

        try
        {
            return await AskOnceAsync(sql, read, values);
        }
        catch (NpgsqlException error)
        {
            throw Unreadable(error);
        }
    }

    private async Task<List<T>> AskOnceAsync<T>(string sql, Func<NpgsqlDataReader, T> read, object[] values)
    {
        await using var connection = await _source.OpenConnectionAsync();
#pragma warning disable CA2100 // Constants of this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        var rows = new List<T>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    private JournalException Unreadable(NpgsqlException error) => new($"{options.Place} could not be read: {error.Message}", isRetryable: true, error);
}
