using System.Buffers.Binary;
using System.Text;
using Microsoft.Data.Sqlite;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>A record that cannot be trusted.</summary>
internal sealed record DamagedRecord(long StreamId, string Stream, long Offset, bool IsInWindow, string Fault);

/// <summary>
/// Looks at a journal before it is used, without changing it: whose file it is, its version, its structure, every record. All that refuses says what is
/// wrong, where, and the way out.
/// </summary>
internal static class SqliteCheck
{
    private const int HeaderBytes = 100;
    private const string Restore = "restore a backup of it without its .mark file, or move it away: the node then begins with an empty journal, and clients are told so by new epochs";

    /// <summary>The file itself, by its header (sqlite.org/fileformat.html, 1.3). True when there is a journal in it, false when there is none yet.</summary>
    /// <exception cref="JournalException">It is something else, of a newer version, or cut off.</exception>
    public static bool Header(SqliteJournalOptions options)
    {
        var file = new FileInfo(options.DatabaseFile);
        var log = new FileInfo(options.DatabaseFile + "-wal");
        if (!file.Exists || file.Length == 0)
        {
            return log is { Exists: true, Length: > 0 } && file.Exists
                ? throw Refused(options, $"{file.Name} is empty while its log {log.Name} is not", Restore)
                : false;
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        using (var stream = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            if (stream.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes || !header.StartsWith("SQLite format 3\0"u8))
            {
                throw Refused(options, $"{file.Name} is not a SQLite database, or its beginning is damaged", Restore);
            }
        }

        var application = BinaryPrimitives.ReadInt32BigEndian(header[68..]);
        if (application == 0 && BinaryPrimitives.ReadInt32BigEndian(header[60..]) == 0 && IsUnfinished(options, out var isJournal))
        {
            return isJournal;
        }

        if (application != SqliteConnections.ApplicationId)
        {
            throw Refused(options, $"{file.Name} belongs to another application (id {application:x8})", "set Relay:Storage:Path to a folder of the relay's own");
        }

        var version = BinaryPrimitives.ReadInt32BigEndian(header[60..]);
        if (version != SqliteConnections.SchemaVersion)
        {
            throw Refused(
                options, $"{file.Name} has version {version}, this program knows version {SqliteConnections.SchemaVersion}",
                "start the version that wrote it, or set Relay:Storage:Path to another folder");
        }

        // With a log in place the missing pages may stand there.
        int size = BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
        var expected = BinaryPrimitives.ReadUInt32BigEndian(header[28..]) * (size == 1 ? 65536L : size);
        if (file.Length < expected && !(log.Exists && log.Length > 0))
        {
            throw Refused(options, $"{file.Name} is cut off: {file.Length} of {expected} bytes are there", Restore);
        }

        return true;
    }

    /// <summary>The database's structure.</summary>
    /// <exception cref="JournalException">It is damaged.</exception>
    public static void Structure(SqliteJournalOptions options, SqliteConnection connection)
    {
        string? fault;
        try
        {
            fault = SqliteConnections.Ask(connection, "PRAGMA quick_check(1)") as string;
        }
        catch (SqliteException error)
        {
            fault = error.Message;
        }

        if (fault != "ok")
        {
            throw Refused(options, $"the database is damaged: {fault}", Restore);
        }
    }

    /// <summary>Records whose sum or place is wrong, the first of each stream's window; and windows with holes.</summary>
    public static List<DamagedRecord> Records(SqliteConnection connection)
    {
        var damaged = new List<DamagedRecord>();
        using var windows = new SqliteStatement(connection, "SELECT id, name, head, first FROM streams");
        using var records = new SqliteStatement(connection, "SELECT offset, body FROM records WHERE stream = ?1 ORDER BY offset");
        while (windows.Read())
        {
            CheckStream(records, windows.Long(0), windows.Text(1), windows.Long(2), windows.Long(3), damaged);
        }

        return damaged;
    }

    // A node that died while it made the journal left an empty database, or one whose tables and header stand in the log only.
    private static bool IsUnfinished(SqliteJournalOptions options, out bool isJournal)
    {
        using var connection = SqliteConnections.OpenReader(options.DatabaseFile);
        isJournal = SqliteConnections.Ask(connection, "PRAGMA application_id") is (long)SqliteConnections.ApplicationId
            && SqliteConnections.Ask(connection, "PRAGMA user_version") is (long)SqliteConnections.SchemaVersion;
        return isJournal || SqliteConnections.Ask(connection, "SELECT count(*) FROM sqlite_master") is 0L;
    }

    /// <exception cref="JournalException">Always.</exception>
    public static JournalException Refused(SqliteJournalOptions options, string problem, string wayOut, Exception? cause = null) =>
        new($"{options.Place} cannot be used: {problem}. Nothing was changed. Way out: {wayOut}", isRetryable: false, cause);

    private static void CheckStream(SqliteStatement records, long id, string name, long head, long first, List<DamagedRecord> damaged)
    {
        var utf8 = Encoding.UTF8.GetBytes(name);
        var next = first;
        records.With(id);
        while (records.Read())
        {
            var offset = records.Long(0);
            var fault = offset > head ? $"it stands behind the head {head}"
                : offset > next ? $"records {next} to {offset - 1} are missing"
                : RecordFormat.TryRead(utf8, records.Blob(1), offset, out _);
            if (fault is not null)
            {
                damaged.Add(new DamagedRecord(id, name, Math.Min(offset, next), offset >= first, fault));
                if (offset >= first)
                {
                    // What follows goes with it.
                    records.Reset();
                    return;
                }
            }

            next = Math.Max(next, offset + 1);
        }

        if (next <= head)
        {
            damaged.Add(new DamagedRecord(id, name, next, IsInWindow: true, $"records {next} to {head} are missing"));
        }
    }
}
