using System.Text;
using Npgsql;
using NpgsqlTypes;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Storage.Postgres;

/// <summary>A row that no channel takes, with the reason.</summary>
internal readonly record struct DeadRow(long Id, int Tries, string Reason);

/// <summary>The oldest rows of the outbox, as one transaction sees them: those to publish and those that no channel can take.</summary>
internal sealed class OutboxBatch
{
    // Data beyond this many bytes waits for the next batch: 500 rows of a megabyte each must not stand in memory together.
    private const int MaxBytes = 4 * 1024 * 1024;

    public List<BridgeItem> Items { get; } = [];

    /// <summary>Row of each item.</summary>
    public List<long> Rows { get; } = [];

    public List<DeadRow> Dead { get; } = [];

    public List<EnvelopeFault> Faults { get; } = [];

    /// <summary>There may be more rows.</summary>
    public bool IsFull { get; private set; }

    public int Count => Rows.Count + Dead.Count;

    /// <param name="connection">Open, in the batch's transaction.</param>
    /// <param name="table">The outbox.</param>
    /// <param name="options">Rows, and largest row.</param>
    /// <param name="except">Rows that are handled elsewhere.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<OutboxBatch> ReadAsync(
        NpgsqlConnection connection, PostgresName table, OutboxOptions options, IEnumerable<long> except, CancellationToken cancellationToken)
    {
        var batch = new OutboxBatch();
        var bytes = 0;
        await using var command = new NpgsqlCommand(
            "SELECT id, channel, event, CASE WHEN octet_length(json) <= $2 THEN json END, octet_length(json) " +
            $"FROM (SELECT id, channel, event, data::text AS json FROM {table.Sql} WHERE id <> ALL($3) ORDER BY id LIMIT $1) AS oldest ORDER BY id", connection)
        {
            Parameters = { new() { Value = options.BatchSize }, new() { Value = options.MaxBytes }, Ids(except) },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var size = await reader.IsDBNullAsync(4, cancellationToken) ? 0 : reader.GetInt32(4);
            if (size > options.MaxBytes)
            {
                batch.Bury(reader.GetInt64(0), EnvelopeFault.TooLarge);
                continue;
            }

            var data = Encoding.UTF8.GetBytes(await TextAsync(reader, 3, cancellationToken));
            bytes += data.Length;
            if (bytes > MaxBytes && batch.Count > 0)
            {
                batch.IsFull = true;
                break;
            }

            batch.Add(reader.GetInt64(0), await TextAsync(reader, 1, cancellationToken), await TextAsync(reader, 2, cancellationToken), data);
        }

        batch.IsFull |= batch.Count == options.BatchSize;
        return batch;
    }

    /// <summary>Takes accepted rows out of the outbox.</summary>
    public static async Task RemoveAsync(NpgsqlConnection connection, PostgresName table, IEnumerable<long> ids, CancellationToken cancellationToken)
    {
        await using var delete = new NpgsqlCommand($"DELETE FROM {table.Sql} WHERE id = ANY($1)", connection) { Parameters = { Ids(ids) } };
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Ids(IEnumerable<long> ids) => new() { Value = ids.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };

    // A table that somebody else made may have no NOT NULL.
    private static async Task<string> TextAsync(NpgsqlDataReader reader, int column, CancellationToken cancellationToken) =>
        await reader.IsDBNullAsync(column, cancellationToken) ? "" : reader.GetString(column);

    private void Add(long id, string channel, string name, byte[] data)
    {
        var fault = EnvelopeFault.None;
        if (!ChannelName.TryParse(channel, out var channelName))
        {
            fault = EnvelopeFault.InvalidChannel;
        }

        if (!EventName.TryParse(Encoding.UTF8.GetBytes(name), out var eventName) && fault == EnvelopeFault.None)
        {
            fault = EnvelopeFault.WrongType;
        }

        if (fault != EnvelopeFault.None)
        {
            Bury(id, fault);
            return;
        }

        Rows.Add(id);
        Items.Add(new BridgeItem([channelName!], new PublishItem { Event = eventName!, Data = data, IdempotencyKey = $"outbox:{id}" }));
    }

    private void Bury(long id, EnvelopeFault fault)
    {
        Dead.Add(new DeadRow(id, 1, BridgeFaults.Explain(fault)));
        Faults.Add(fault);
    }
}
