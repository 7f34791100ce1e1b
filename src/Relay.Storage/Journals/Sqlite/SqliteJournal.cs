using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Relay.Kernel.Persistence;
using SQLitePCL;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// The embedded journal: one SQLite file in write-ahead mode, synchronised at every commit. One thread writes, everything pending in one transaction; others
/// read on connections of their own.
/// </summary>
/// <remarks>
/// <para>
/// A transaction that fails (disk full, I/O error) is acknowledged to nobody; connection and statements are closed and opened anew before the next one, after an
/// I/O error with a fresh log (<see cref="SqliteStore.RewriteLog"/>). Until one succeeds <see cref="Illness"/> says why, and it is tried every half second.
/// </para>
/// <para>
/// One process at a time: a lock on <c>journal.lock</c> is held. Therefore the fence is checked against the stream's row as the writer knows it, inside the
/// transaction, and cannot change behind its back.
/// </para>
/// </remarks>
public sealed partial class SqliteJournal : IJournal, ISnapshotStore
{
    private readonly SqliteJournalOptions _options;
    private readonly ILogger _log;
    private readonly GroupCommitter _queue;
    private readonly FileStream _lock;
    private readonly CommitMark _mark;
    private readonly SqliteReaders _readers;
    private readonly Thread _writer;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SqliteStore? _store;
    private bool _rewrite;
    private volatile string? _illness;
    private int _disposed;

    private SqliteJournal(SqliteJournalOptions options, ILogger log, FileStream held, SqliteStore store, CommitMark mark)
    {
        _options = options;
        _log = log;
        _lock = held;
        _store = store;
        _mark = mark;
        _queue = new GroupCommitter(options.Limits, options.Place, "sqlite", options.Metrics);
        _readers = new SqliteReaders(options);
        _writer = new Thread(Write) { IsBackground = true, Name = "journal-writer" };
        _writer.Start();
    }

    /// <inheritdoc/>
    public string? Illness => _illness;

    /// <summary>Opens the journal, making it when there is none. Reads all of it (see <see cref="SqliteJournalOptions.VerifyRecords"/>).</summary>
    /// <exception cref="JournalException">It cannot be used; the text says why and the way out, and nothing was changed.</exception>
    public static SqliteJournal Open(SqliteJournalOptions options, ILoggerFactory loggers, Random random)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(random);
        var log = loggers.CreateLogger<SqliteJournal>();
        var held = SqliteOpening.Lock(options);
        try
        {
            var (store, mark) = SqliteOpening.Open(options, log, random);
            return new SqliteJournal(options, log, held, store, mark);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

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
    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read) => _readers.ReadAsync(reader => SqliteQueries.Records(_options, reader, read));

    /// <inheritdoc/>
    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) =>
        _readers.ReadAsync(reader => SqliteQueries.Ids(_options, reader, stream, sinceMicros, limit));

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) =>
        _readers.ReadAsync(reader => SqliteQueries.LastValues(_options, reader, stream, limit));

    /// <inheritdoc/>
    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => _readers.ReadAsync(reader => SqliteQueries.List(reader, after, limit));

    /// <inheritdoc/>
    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => _queue.Add(new SnapshotWrite.Save(snapshot));

    /// <inheritdoc/>
    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) =>
        _readers.ReadAsync(reader => SqliteQueries.Snapshot(_options, reader, persistenceId));

    /// <inheritdoc/>
    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => _queue.Add(new SnapshotWrite.Delete(persistenceId));

    /// <summary>Writes what is queued, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _queue.Close();
        await _ended.Task;
        _readers.Dispose();
        _mark.Dispose();
        _queue.Dispose();
        await _lock.DisposeAsync();
    }

    private void Write()
    {
        _queue.RunBlocking(Commit, () => _illness is not null);
        CloseStore();
        _ended.SetResult();
    }

    private void Commit(List<PendingWrite> group)
    {
        try
        {
            _store ??= Reopen();
            _store.Commit(group, isProof: _illness is not null);
            _mark.Set(_store.Commits);
        }
        catch (Exception error)
        {
            Fail(error);
            throw;
        }

        if (_illness is not null)
        {
            _illness = null;
            LogWell(_options.Path);
        }
    }

    private SqliteStore Reopen()
    {
        var connection = SqliteConnections.OpenWriter(_options);
        try
        {
            var store = new SqliteStore(connection, _options.Limits);
            if (_rewrite)
            {
                store.RewriteLog();
                _rewrite = false;
            }

            return store;
        }
        catch
        {
            SqliteConnections.LeaveLogAlone(connection);
            connection.Dispose();
            throw;
        }
    }

    private void Fail(Exception error)
    {
        _rewrite |= error is SqliteException { SqliteErrorCode: not raw.SQLITE_FULL };
        var isNew = _illness is null;
        _illness = $"{_options.Place} cannot be written: {error.Message}";
        if (isNew)
        {
            LogIll(_options.Path, error.Message);
        }

        _store?.LeaveLogAlone();
        CloseStore();
    }

    private void CloseStore()
    {
        try
        {
            _store?.Dispose();
        }
        catch (SqliteException error)
        {
            LogNotClosed(_options.Path, error.Message);
        }

        _store = null;
    }

    [LoggerMessage(EventId = 80, Level = LogLevel.Error,
        Message = "Journal {Path} (Relay:Storage:Path) cannot be written: {Reason}. Nothing is accepted for durable channels until it can; it is tried twice a second")]
    private partial void LogIll(string path, string reason);

    [LoggerMessage(EventId = 81, Level = LogLevel.Information, Message = "Journal {Path} is written again")]
    private partial void LogWell(string path);

    [LoggerMessage(EventId = 82, Level = LogLevel.Warning, Message = "Journal {Path} was not closed cleanly: {Reason}. The next start recovers it from its log")]
    private partial void LogNotClosed(string path, string reason);
}
