using Microsoft.Data.Sqlite;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>How the journal's connections are opened and what its tables are.</summary>
internal static class SqliteConnections
{
    /// <summary>"RELY": SQLite's field for telling applications' files apart.</summary>
    public const int ApplicationId = 0x52454C59;

    /// <summary>Version of the tables. A file of a higher one is refused; of a lower one it is migrated step by step.</summary>
    public const int SchemaVersion = 1;

    // Somebody's tool may hold the database for a moment, such as sqlite3 with .backup.
    private const int BusyMilliseconds = 5000;

    // SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE (sqlite.org/c3ref/c_dbconfig_defensive.html).
    private const int NoCheckpointOnClose = 1006;

    // 16 MB: a checkpoint costs two fsyncs more, and happens inside a commit.
    private const int CheckpointPages = 4000;

    private static readonly string[] Tables =
    [
        "CREATE TABLE journal (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE streams (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL, head INTEGER NOT NULL, first INTEGER NOT NULL,
            fence INTEGER NOT NULL, last_micros INTEGER NOT NULL, generation INTEGER NOT NULL)
        """,
        """
        CREATE TABLE records (
            stream INTEGER NOT NULL, offset INTEGER NOT NULL, time INTEGER NOT NULL, has_id INTEGER NOT NULL, key TEXT, body BLOB NOT NULL,
            PRIMARY KEY (stream, offset)) WITHOUT ROWID
        """,
        "CREATE INDEX records_by_key ON records (stream, key, offset) WHERE key IS NOT NULL",
        "CREATE TABLE snapshots (persistence_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, sequence_nr INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
    ];

    static SqliteConnections() => SQLitePCL.Batteries_V2.Init();

    /// <summary>The writer's: WAL, and every commit on the disk before it returns (reliability.md: NORMAL lost half of the acknowledged commits).</summary>
    public static SqliteConnection OpenWriter(SqliteJournalOptions options)
    {
        var connection = Open(options.DatabaseFile, SqliteOpenMode.ReadWriteCreate);
        try
        {
            Run(connection, "PRAGMA journal_mode = WAL");
            Run(connection, "PRAGMA synchronous = FULL");
            Run(connection, $"PRAGMA wal_autocheckpoint = {CheckpointPages}");
            options.OnWriterOpened?.Invoke(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Reads only; leaves the files as they are when it is closed.</summary>
    public static SqliteConnection OpenReader(string file) => Open(file, SqliteOpenMode.ReadOnly);

    /// <summary>
    /// After a failure, before it is closed: the last connection that closes would synchronise the log once more through the very descriptor that failed, and the
    /// kernel, which reports an error once, would say that all is well.
    /// </summary>
    public static void LeaveLogAlone(SqliteConnection connection) => SQLitePCL.raw.sqlite3_db_config(connection.Handle, NoCheckpointOnClose, 1, out _);

    /// <summary>Makes the tables in an empty database, and the header that tells whose it is.</summary>
    public static void Create(SqliteConnection connection, long identity)
    {
        CreateTables(connection, identity);

        // Into the file itself, where the next start reads the version without touching anything.
        Run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>The first half of <see cref="Create"/>: durable, but in the log only.</summary>
    internal static void CreateTables(SqliteConnection connection, long identity)
    {
        Run(connection, "BEGIN IMMEDIATE");
        foreach (var table in Tables)
        {
            Run(connection, table);
        }

        Run(connection, $"INSERT INTO journal VALUES ('identity', {identity}), ('generation', 1), ('commits', 0)");
        Run(connection, $"PRAGMA application_id = {ApplicationId}");
        Run(connection, $"PRAGMA user_version = {SchemaVersion}");
        Run(connection, "COMMIT");
    }

    public static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants and numbers of this class.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    public static object? Ask(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants and numbers of this class.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }

    private static SqliteConnection Open(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false }.ToString());
        try
        {
            connection.Open();
            SQLitePCL.raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
