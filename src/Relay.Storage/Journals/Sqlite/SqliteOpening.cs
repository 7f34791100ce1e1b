using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// Opening in steps: lock the folder, look at the file, look into it (reading only), then open it for writing and compare it with its mark.
/// Everything that refuses comes before the first write.
/// </summary>
internal static partial class SqliteOpening
{
    private const string Writable = "make the folder writable for the user the node runs as, or set Relay:Storage:Path to one that is";

    /// <exception cref="JournalException">The folder cannot be made or written, or another node uses it.</exception>
    public static FileStream Lock(SqliteJournalOptions options)
    {
        try
        {
            // What channels hold is nobody else's on this machine. A folder that is there already stays as its owner made it.
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(options.Path);
            else
                Directory.CreateDirectory(options.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw SqliteCheck.Refused(options, $"the folder cannot be made ({error.Message})", Writable, error);
        }

        var existed = File.Exists(options.LockFile);
        try
        {
            return new FileStream(options.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException error)
        {
            throw SqliteCheck.Refused(options, $"the folder cannot be written ({error.Message})", Writable, error);
        }
        catch (IOException error)
        {
            throw existed
                ? SqliteCheck.Refused(options, $"another node uses it, or it cannot be written ({error.Message})", "stop the other node, or give each its own Relay:Storage:Path", error)
                : SqliteCheck.Refused(options, $"the folder cannot be written ({error.Message})", Writable, error);
        }
    }

    /// <exception cref="JournalException">The journal cannot be used.</exception>
    public static (SqliteStore Store, CommitMark Mark) Open(SqliteJournalOptions options, ILogger log, Random random)
    {
        try
        {
            var exists = SqliteCheck.Header(options);
            var damaged = exists ? Examine(options, log) : [];
            var connection = SqliteConnections.OpenWriter(options);
            try
            {
                if (!exists)
                {
                    SqliteConnections.Create(connection, random.NextInt64());
                }

                DropTails(connection, damaged);
                var mark = CompareWithMark(options, connection, exists, log);
                return (new SqliteStore(connection, options.Limits), mark);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw SqliteCheck.Refused(options, error.Message, Writable, error);
        }
    }

    private static List<DamagedRecord> Examine(SqliteJournalOptions options, ILogger log)
    {
        using var connection = SqliteConnections.OpenReader(options.DatabaseFile);
        SqliteCheck.Structure(options, connection);
        var damaged = options.VerifyRecords ? SqliteCheck.Records(connection) : [];
        if (damaged.Count == 0)
        {
            return damaged;
        }

        var first = damaged[0];
        if (!options.DropDamagedTails)
        {
            throw SqliteCheck.Refused(
                options, $"{damaged.Count} streams have damaged records, the first is record {first.Offset} of '{first.Stream}': {first.Fault}",
                "restore a backup of it without its .mark file, or start once with Relay:Storage:DropDamagedTails=true, which drops the damaged records and what " +
                "follows them in their channels, whose clients are told by a new epoch");
        }

        foreach (var one in damaged)
        {
            LogDropped(log, options.Path, one.Stream, one.Offset, one.Fault);
        }

        return damaged;
    }

    private static void DropTails(SqliteConnection connection, List<DamagedRecord> damaged)
    {
        if (damaged.Count == 0)
        {
            return;
        }

        SqliteConnections.Run(connection, "BEGIN IMMEDIATE");
        using var tail = new SqliteStatement(connection, "DELETE FROM records WHERE stream = ?1 AND offset >= ?2");
        using var alone = new SqliteStatement(connection, "DELETE FROM records WHERE stream = ?1 AND offset = ?2");
        using var window = new SqliteStatement(
            connection, "UPDATE streams SET generation = 0, head = MIN(head, ?2 - 1), first = MIN(first, ?2) WHERE id = ?1");
        foreach (var one in damaged)
        {
            // Below the window stand single records, kept for their id or key.
            (one.IsInWindow ? tail : alone).With(one.StreamId).With(one.Offset).Run();
            if (!one.IsInWindow)
            {
                continue;
            }

            window.With(one.StreamId).With(one.Offset).Run();
        }

        SqliteConnections.Run(connection, "COMMIT");
    }

    // When commits are missing nobody knows whose: every stream goes on under another epoch when it is opened next.
    private static CommitMark CompareWithMark(SqliteJournalOptions options, SqliteConnection connection, bool exists, ILogger log)
    {
        var identity = (long)SqliteConnections.Ask(connection, "SELECT value FROM journal WHERE name = 'identity'")!;
        var commits = (long)SqliteConnections.Ask(connection, "SELECT value FROM journal WHERE name = 'commits'")!;
        var seen = CommitMark.Read(options.MarkFile, identity);
        if (exists && (seen is null || seen > commits))
        {
            SqliteConnections.Run(connection, "UPDATE journal SET value = value + 1 WHERE name = 'generation'");
            if (seen is null)
            {
                LogRestored(log, options.Path);
            }
            else
            {
                LogLostTail(log, options.Path, commits, seen.Value);
            }
        }

        return CommitMark.Create(options.MarkFile, identity, commits);
    }

    [LoggerMessage(EventId = 83, Level = LogLevel.Critical,
        Message = "Journal {Path} (Relay:Storage:Path) has lost its tail: it ends with commit {Commits}, and commit {Seen} was on the disk. " +
            "Every channel goes on under a new epoch; clients are told that events may be missing")]
    private static partial void LogLostTail(ILogger log, string path, long commits, long seen);

    [LoggerMessage(EventId = 84, Level = LogLevel.Warning,
        Message = "Journal {Path} (Relay:Storage:Path) has no mark of its own, as after a restore: every channel goes on under a new epoch")]
    private static partial void LogRestored(ILogger log, string path);

    [LoggerMessage(EventId = 85, Level = LogLevel.Critical,
        Message = "Journal {Path} (Relay:Storage:Path): stream {Stream} is damaged at record {Offset} ({Fault}). It and what follows is dropped; the stream goes on under a new epoch")]
    private static partial void LogDropped(ILogger log, string path, string stream, long offset, string fault);
}
