using System.Text;
using Npgsql;
using NpgsqlTypes;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Storage.Postgres;

/// <summary>The oldest rows of the outbox, as one transaction sees them: those to publish and those that no channel can take.</summary>
internal sealed class OutboxBatch
{
    // Data beyond this many bytes waits for the next batch: 500 rows of a megabyte each must not stand in memory together.
    private const int MaxBytes = 4 * 1024 * 1024;

    public List<BridgeItem> Items { get; } = [];

    public List<long> Published { get; } = [];

    public List<long> Dead { get; } = [];

    public List<EnvelopeFault> Faults { get; } = [];

    /// <summary>There may be more rows.</summary>
    public bool IsFull { get; private set; }

    public int Count => Published.Count + Dead.Count;

    public static async Task<OutboxBatch> ReadAsync(NpgsqlConnection connection, PostgresName table, int rows, CancellationToken cancellationToken)
    {
        var batch = new OutboxBatch();
        var bytes = 0;
        await using var command = new NpgsqlCommand($"SELECT id, channel, event, data::text FROM {table.Sql} ORDER BY id LIMIT $1", connection)
        {
            Parameters = { new() { Value = rows } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var data = await reader.IsDBNullAsync(3, cancellationToken) ? [] : Encoding.UTF8.GetBytes(reader.GetString(3));
            bytes += data.Length;
            if (bytes > MaxBytes && batch.Count > 0)
            {
                batch.IsFull = true;
                break;
            }

            batch.Add(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), data);
        }

        batch.IsFull |= batch.Count == rows;
        return batch;
    }

    /// <summary>Takes the rows out of the outbox: the published ones for good, the others into the table of dead rows with the reason.</summary>
    public async Task RemoveAsync(NpgsqlConnection connection, PostgresName table, CancellationToken cancellationToken)
    {
        if (Dead.Count > 0)
        {
            var dead = table.With("_dead").Sql;
            await using var move = new NpgsqlCommand(
                $"INSERT INTO {dead} (id, channel, event, data, created_at, reason) " +
                $"SELECT o.id, o.channel, o.event, o.data, o.created_at, d.reason FROM {table.Sql} o JOIN unnest($1, $2) AS d(id, reason) ON d.id = o.id", connection)
            {
                Parameters =
                {
                    new() { Value = Dead.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                    new() { Value = Faults.ConvertAll(BridgeFaults.Explain).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                },
            };
            await move.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var delete = new NpgsqlCommand($"DELETE FROM {table.Sql} WHERE id = ANY($1)", connection)
        {
            Parameters = { new() { Value = Published.Concat(Dead).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint } },
        };
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

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
            Dead.Add(id);
            Faults.Add(fault);
            return;
        }

        Published.Add(id);
        Items.Add(new BridgeItem([channelName!], new PublishItem { Event = eventName!, Data = data, IdempotencyKey = $"outbox:{id}" }));
    }
}
