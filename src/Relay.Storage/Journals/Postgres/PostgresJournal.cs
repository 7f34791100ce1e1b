using Microsoft.Extensions.Logging;
using Npgsql;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Postgres;

/// <summary>
/// The journal of a cluster: tables in PostgreSQL, one connection that writes everything pending on this node in one transaction, a small pool that reads.
/// </summary>
/// <remarks>
/// A group whose connection broke is Unavailable: whether it was committed is unknown, and a repeat of the same append is stored once. The next group, or
/// half a second without one, connects again. A server that is not there at the start is no error: <see cref="Illness"/> says so until it is.
/// </remarks>
public sealed partial class PostgresJournal : IJournal, ISnapshotStore
{
    // About 200 bytes each: at most 20 MB.
    private const int KnownStreams = 100_000;

    private readonly Dictionary<string, StreamLedger> _known = new(StringComparer.Ordinal);
    private readonly PostgresJournalOptions _options;
    private readonly ILogger _log;
    private readonly NpgsqlDataSource _writing;
    private readonly PostgresQueries _queries;
    private readonly GroupCommitter _queue;
    private readonly Task _writer;
    private NpgsqlConnection? _connection;
    private volatile string? _illness;
    private int _disposed;

    /// <summary>Begins to connect; returns at once.</summary>
    public PostgresJournal(PostgresJournalOptions options, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _log = loggers.CreateLogger<PostgresJournal>();
        _illness = $"{options.Place}: not connected yet";
        _writing = options.Source("journal", pooled: false);
        _queries = new PostgresQueries(options);
        _queue = new GroupCommitter(options.Limits, options.Place, "postgres", options.Metrics);
        _writer = _queue.RunAsync(CommitAsync, () => _illness is not null);
    }

    /// <inheritdoc/>
    public string? Illness => _illness;

    /// <inheritdoc/>
    public ValueTask<JournalResult> OpenAsync(OpenStream open) => _queue.Add(open);

    /// <inheritdoc/>
    public ValueTask<JournalResult> AppendAsync(AppendBatch batch) => _queue.Add(batch);

    /// <inheritdoc/>
    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => _queue.Add(prune);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => _queue.Add(renew);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => _queue.Add(remove);

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read) => _queries.RecordsAsync(read);

    /// <inheritdoc/>
    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) => _queries.IdsAsync(stream, sinceMicros, limit);

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => _queries.LastValuesAsync(stream, limit);

    /// <inheritdoc/>
    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => _queries.ListAsync(after, limit);

    /// <inheritdoc/>
    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => _queue.Add(new SnapshotWrite.Save(snapshot));

    /// <inheritdoc/>
    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) => _queries.SnapshotAsync(persistenceId);

    /// <inheritdoc/>
    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => _queue.Add(new SnapshotWrite.Delete(persistenceId));

    /// <summary>Writes what is queued, then closes; a server that does not answer holds it up for two statements' time-out at most.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _queue.Close();
        await _writer;
        await DisconnectAsync();
        await _writing.DisposeAsync();
        await _queries.DisposeAsync();
        _queue.Dispose();
    }

    private async ValueTask CommitAsync(List<PendingWrite> group)
    {
        try
        {
            _connection ??= await ConnectAsync();
            if (!await PostgresFastAppend.TryCommitAsync(_connection, group, _known))
            {
                await new PostgresTransaction(_connection, _options.Limits, _known).CommitAsync(group);
            }

            if (_known.Count > KnownStreams)
            {
                _known.Clear();
            }
        }
        catch (Exception error)
        {
            await FailAsync(error);
            throw;
        }

        if (_illness is not null)
        {
            _illness = null;
            LogWell(_options.Place);
        }
    }

    private async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = await _writing.OpenConnectionAsync();
        try
        {
            await PostgresSchema.EnsureAsync(connection, _options.Place);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async ValueTask FailAsync(Exception error)
    {
        var isNew = _illness is null;
        _illness = error is JournalException ? error.Message : $"{_options.Place} cannot be written: {error.Message}";
        if (isNew)
        {
            LogIll(_options.Place, error.Message);
        }

        _known.Clear();
        await DisconnectAsync();
    }

    private async ValueTask DisconnectAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    [LoggerMessage(EventId = 90, Level = LogLevel.Error,
        Message = "{Place} cannot be written: {Reason}. Nothing is accepted for durable channels until it can; it is tried twice a second")]
    private partial void LogIll(string place, string reason);

    [LoggerMessage(EventId = 91, Level = LogLevel.Information, Message = "{Place} is ready")]
    private partial void LogWell(string place);
}
