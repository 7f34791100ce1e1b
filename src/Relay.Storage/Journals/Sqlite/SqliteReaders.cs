using System.Collections.Concurrent;
using System.Text;
using Microsoft.Data.Sqlite;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// The reading side: threads with a connection each, so that a replay neither waits for the writer nor blocks a thread of the pool. A connection that
/// failed is closed and opened again by the next read.
/// </summary>
internal sealed class SqliteReaders : IDisposable
{
    // Reads are short and there are as many cores as a small server has; more threads only make the disk seek.
    private const int Threads = 2;

    private readonly SqliteJournalOptions _options;

    // Without a bound: a channel or session asks one question at a time, when it begins, so no more can wait than there are of them, and each of them is far larger. A
    // refusal would only make it ask again.
    private readonly BlockingCollection<Work> _work = [];
    private readonly Thread[] _threads = new Thread[Threads];

    public SqliteReaders(SqliteJournalOptions options)
    {
        _options = options;
        for (var i = 0; i < Threads; i++)
        {
            _threads[i] = new Thread(Serve) { IsBackground = true, Name = $"journal-reader-{i}" };
            _threads[i].Start();
        }
    }

    public ValueTask<T> ReadAsync<T>(Func<SqliteReader, T> read)
    {
        var work = new Work<T>(read);
        try
        {
            _work.Add(work);
            return new ValueTask<T>(work.Done.Task);
        }
        catch (InvalidOperationException error)
        {
            return ValueTask.FromException<T>(new JournalException($"{_options.Place} is closed", isRetryable: false, error));
        }
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _work.Dispose();
    }

    /// <summary>Reads rows of (offset, body), checking each.</summary>
    /// <exception cref="JournalException">A record is damaged.</exception>
    public static JournalRecord[] Records(SqliteJournalOptions options, SqliteStatement rows, string stream)
    {
        var name = Encoding.UTF8.GetBytes(stream);
        var records = new List<JournalRecord>();
        while (rows.Read())
        {
            var offset = rows.Long(0);
            if (RecordFormat.TryRead(name, rows.Blob(1), offset, out var record) is { } fault)
            {
                rows.Reset();
                throw new JournalException(
                    $"{options.Place}: record {offset} of stream '{stream}' is damaged ({fault}) and will not be served. Way out: stop the node, restore a backup " +
                    "without its .mark file, or start once with Relay:Storage:DropDamagedTails=true", isRetryable: false);
            }

            records.Add(record);
        }

        return [.. records];
    }

    private void Serve()
    {
        SqliteReader? reader = null;
        foreach (var work in _work.GetConsumingEnumerable())
        {
            try
            {
                reader ??= new SqliteReader(_options.DatabaseFile);
                work.Run(reader);
            }
            catch (SqliteException error)
            {
                reader?.Dispose();
                reader = null;
                work.Fail(new JournalException($"{_options.Place} could not be read: {error.Message}", isRetryable: true, error));
            }
            catch (Exception error)
            {
                work.Fail(error);
            }
            finally
            {
                reader?.EndReadings();
            }
        }

        reader?.Dispose();
    }

    private abstract class Work
    {
        public abstract void Run(SqliteReader reader);

        public abstract void Fail(Exception error);
    }

    private sealed class Work<T>(Func<SqliteReader, T> read) : Work
    {
        public TaskCompletionSource<T> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override void Run(SqliteReader reader) => Done.TrySetResult(read(reader));

        public override void Fail(Exception error) => Done.TrySetException(error);
    }
}
