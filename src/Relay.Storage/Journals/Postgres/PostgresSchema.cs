using Npgsql;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Postgres;

/// <summary>
/// The journal's tables: made and migrated by whichever node comes first, under an advisory lock, one version after the other, each in its transaction.
/// A database of a higher version is refused.
/// </summary>
internal static class PostgresSchema
{
    // "RELY", "jrnl": any number no other application is likely to use.
    private const long SetupLock = 0x52454C59_6A726E6C;

    /// <summary>Version n is made by the statements of index n - 1. Append only.</summary>
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE relay_streams (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE, epoch bigint NOT NULL, head bigint NOT NULL,
            first bigint NOT NULL, fence bigint NOT NULL, last_micros bigint NOT NULL) WITH (fillfactor = 50);
        CREATE TABLE relay_records (
            stream bigint NOT NULL, position bigint NOT NULL, time bigint NOT NULL, has_id boolean NOT NULL, key text COLLATE "C", body bytea NOT NULL,
            PRIMARY KEY (stream, position));
        CREATE INDEX relay_records_by_key ON relay_records (stream, key, position) WHERE key IS NOT NULL;
        CREATE TABLE relay_snapshots (persistence_id text COLLATE "C" PRIMARY KEY, epoch bigint NOT NULL, sequence_nr bigint NOT NULL, body bytea NOT NULL);
        """,
    ];

    /// <exception cref="JournalException">The tables are of a newer version.</exception>
    /// <exception cref="PostgresException">42501 among others: the role may not make tables.</exception>
    public static async Task EnsureAsync(NpgsqlConnection connection, string place)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await RunAsync(connection, $"SELECT pg_advisory_xact_lock({SetupLock})");
        await RunAsync(connection, "CREATE TABLE IF NOT EXISTS relay_journal (version integer NOT NULL)");
        var version = await VersionAsync(connection);
        if (version > Migrations.Length)
        {
            throw new JournalException(
                $"{place} cannot be used: its tables have version {version}, this program knows version {Migrations.Length}. Nothing was changed. " +
                "Way out: start the version that made them, or name another database", isRetryable: false);
        }

        if (version == Migrations.Length)
        {
            return;
        }

        for (var next = version; next < Migrations.Length; next++)
        {
            await RunAsync(connection, Migrations[next]);
        }

        await RunAsync(connection, $"DELETE FROM relay_journal; INSERT INTO relay_journal VALUES ({Migrations.Length})");
        await transaction.CommitAsync();
    }

    private static async Task<int> VersionAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("SELECT COALESCE(MAX(version), 0) FROM relay_journal", connection);
        return (int)(await command.ExecuteScalarAsync())!;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Constants and numbers of this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
