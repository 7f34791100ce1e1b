using Microsoft.Extensions.Logging;
using Npgsql;

namespace Relay.Storage.Postgres;

/// <summary>
/// The outbox in the database: the table, the table of dead rows, and the trigger that wakes the nodes. Made when missing, under an advisory lock, because
/// CREATE … IF NOT EXISTS of two sessions at once fails in one of them.
/// </summary>
internal sealed partial class OutboxSchema(PostgresName table, ILogger log)
{
    // "RELY", "schm": any number no other application is likely to use.
    private const long SetupLock = 0x52454C59_7363686D;

    private readonly PostgresName _dead = table.With("_dead");
    private readonly PostgresName _notify = table.With("_notify");
    private bool _toldNoTrigger;
    private bool _toldNoDeadTable;

    /// <summary>
    /// Makes what is missing. Without the right to make the trigger it goes on: the outbox is then only polled. Without the right to make the table of dead rows it goes
    /// on as well: a row that needs it stays where it is.
    /// </summary>
    /// <exception cref="PostgresException">42501 among others; <see cref="Grants"/> says what to grant.</exception>
    public async Task EnsureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!await HasOutboxAsync(connection, cancellationToken))
        {
            await CreateAsync(connection, hasAsync: HasOutboxAsync, cancellationToken,
                $"CREATE TABLE IF NOT EXISTS {table.Sql} (id bigserial PRIMARY KEY, channel text NOT NULL, event text NOT NULL, data jsonb, created_at timestamptz NOT NULL DEFAULT now())");
        }

        if (!await HasDeadTableAsync(connection, cancellationToken))
        {
            await CreateDeadTableAsync(connection, cancellationToken);
        }

        if (await HasTriggerAsync(connection, cancellationToken))
        {
            return;
        }

        try
        {
            await CreateAsync(connection, hasAsync: HasTriggerAsync, cancellationToken,
                $"CREATE OR REPLACE FUNCTION {_notify.Sql}() RETURNS trigger LANGUAGE plpgsql AS $relay$ BEGIN PERFORM pg_notify(TG_TABLE_NAME, ''); RETURN NULL; END $relay$",
                $"CREATE TRIGGER {PostgresName.Quote(_notify.Table)} AFTER INSERT ON {table.Sql} FOR EACH STATEMENT EXECUTE FUNCTION {_notify.Sql}()");
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            if (!_toldNoTrigger)
            {
                LogNoTrigger(table.ToString(), error.MessageText);
            }

            _toldNoTrigger = true;
        }
    }

    /// <summary>What the owner of the database must grant so that the outbox works.</summary>
    public string Grants(string role) =>
        $"let the owner of the database run: GRANT USAGE, CREATE ON SCHEMA {table.Schema ?? "public"} TO {PostgresName.Quote(role)}; or create the tables as in docs/bridges.md and run: " +
        $"GRANT SELECT, DELETE ON {table.Sql} TO {PostgresName.Quote(role)}; GRANT SELECT, INSERT ON {_dead.Sql} TO {PostgresName.Quote(role)}";

    /// <summary>Who this connection is.</summary>
    public static async Task<string> RoleAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT current_user::text", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task CreateDeadTableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            // The table of an earlier version has neither tries nor failed_at.
            await CreateAsync(connection, hasAsync: HasDeadTableAsync, cancellationToken,
                $"CREATE TABLE IF NOT EXISTS {_dead.Sql} (id bigint NOT NULL, channel text, event text, data jsonb, created_at timestamptz, reason text NOT NULL, " +
                "tries int NOT NULL DEFAULT 1, failed_at timestamptz NOT NULL DEFAULT now())",
                $"ALTER TABLE {_dead.Sql} ADD COLUMN IF NOT EXISTS tries int NOT NULL DEFAULT 1, ADD COLUMN IF NOT EXISTS failed_at timestamptz NOT NULL DEFAULT now()");
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            if (!_toldNoDeadTable)
            {
                LogNoDeadTable(table.ToString(), _dead.ToString(), error.MessageText);
            }

            _toldNoDeadTable = true;
        }
    }

    private async Task<bool> HasOutboxAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT to_regclass($1) IS NOT NULL", connection) { Parameters = { new() { Value = table.Sql } } };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<bool> HasDeadTableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname IN ('tries', 'failed_at') AND NOT attisdropped", connection)
        {
            Parameters = { new() { Value = _dead.Sql } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<bool> HasTriggerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2)", connection)
        {
            Parameters = { new() { Value = table.Sql }, new() { Value = _notify.Table } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task CreateAsync(
        NpgsqlConnection connection, Func<NpgsqlConnection, CancellationToken, Task<bool>> hasAsync, CancellationToken cancellationToken, params string[] statements)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var wait = new NpgsqlCommand("SELECT pg_advisory_xact_lock($1)", connection, transaction) { Parameters = { new() { Value = SetupLock } } })
        {
            await wait.ExecuteNonQueryAsync(cancellationToken);
        }

        if (await hasAsync(connection, cancellationToken))
        {
            return;
        }

        foreach (var statement in statements)
        {
            // Identifiers only, from configuration and quoted by PostgresName.
            await using var create = new NpgsqlCommand(statement, connection, transaction);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 70, Level = LogLevel.Warning,
        Message = "Outbox {Table} has no trigger that wakes the relay, and it cannot be made ({Reason}): new rows are found by polling only. docs/bridges.md has the trigger's SQL")]
    private partial void LogNoTrigger(string table, string reason);

    [LoggerMessage(EventId = 72, Level = LogLevel.Warning,
        Message = "Outbox {Table} has no table {Dead} as this version needs it, and it cannot be made ({Reason}): a row that cannot be delivered will stay in the outbox. docs/bridges.md has the table's SQL")]
    private partial void LogNoDeadTable(string table, string dead, string reason);
}
