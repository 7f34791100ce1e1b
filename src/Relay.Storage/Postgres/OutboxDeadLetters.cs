using System.Data;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using Relay.Actors.Bridges;

namespace Relay.Storage.Postgres;

/// <summary>
/// Moves rows of the outbox that cannot be delivered to the table of dead rows. Where PostgreSQL does not let it (no table, no right) they stay in the outbox and
/// <c>/ready</c> says so. Owned by the outbox' loop.
/// </summary>
internal sealed partial class OutboxDeadLetters(PostgresName table, OutboxSchema schema, BridgeServices services, BridgeHealth health)
{
    private readonly ILogger _log = services.Loggers.CreateLogger<OutboxDeadLetters>();
    private readonly PostgresName _dead = table.With("_dead");
    private readonly HashSet<long> _waiting = [];

    /// <summary>Moves one row; false when that did not work and is to be tried later.</summary>
    /// <exception cref="NpgsqlException">The connection is gone.</exception>
    public async Task<bool> TryMoveAsync(NpgsqlConnection connection, DeadRow row)
    {
        try
        {
            // One statement, so one transaction; whoever deletes the row is who adds it.
            await using var move = new NpgsqlCommand(
                $"WITH gone AS (DELETE FROM {table.Sql} WHERE id = $1 RETURNING id, channel, event, data, created_at) " +
                $"INSERT INTO {_dead.Sql} (id, channel, event, data, created_at, reason, tries) SELECT id, channel, event, data, created_at, $2, $3 FROM gone", connection)
            {
                Parameters = { new() { Value = row.Id }, new() { Value = row.Reason, NpgsqlDbType = NpgsqlDbType.Text }, new() { Value = row.Tries } },
            };
            if (await move.ExecuteNonQueryAsync() == 1)
            {
                services.DeadLetters.Report(
                    OutboxSource.SourceName, table.ToString(), _dead.ToString(), row.Id.ToString(CultureInfo.InvariantCulture), row.Tries, row.Reason);
            }
        }
        catch (PostgresException error) when (connection.State == ConnectionState.Open)
        {
            var why = await ExplainAsync(connection, error);
            if (_waiting.Count == 0)
            {
                LogNotMoved(row.Id, table.ToString(), _dead.ToString(), why, row.Reason);
            }

            _waiting.Add(row.Id);
            Tell(why);
            return false;
        }

        if (_waiting.Remove(row.Id) && _waiting.Count == 0)
        {
            Tell(null);
        }

        return true;
    }

    private async Task<string> ExplainAsync(NpgsqlConnection connection, PostgresException error) =>
        error.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn
            ? $"{error.MessageText}: {schema.Grants(await OutboxSchema.RoleAsync(connection, CancellationToken.None))}"
            : error.MessageText;

    private void Tell(string? error) => health.Set("dead letters", error is null
        ? null
        : $"{_waiting.Count} rows of {table} cannot be delivered, nor moved to {_dead} ({error}); they stay where they are");

    [LoggerMessage(EventId = 71, Level = LogLevel.Error,
        Message = "Row {Id} of {Table} cannot be moved to {Dead}: {Error}; it stays and is moved when that works. It cannot be delivered: {Reason}")]
    private partial void LogNotMoved(long id, string table, string dead, string error, string reason);
}
