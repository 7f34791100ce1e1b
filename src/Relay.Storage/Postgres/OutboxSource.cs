using Microsoft.Extensions.Logging;
using Npgsql;
using Relay.Actors.Bridges;

namespace Relay.Storage.Postgres;

/// <summary>What to drain. Immutable.</summary>
public sealed record OutboxOptions
{
    /// <summary><c>table</c> or <c>schema.table</c>, at most 56 bytes for the table. The trigger notifies on a channel of the table's name.</summary>
    public string Table { get; init; } = "relay_outbox";

    /// <summary>Rows of one transaction.</summary>
    public int BatchSize { get; init; } = 500;

    /// <summary>How often the table is looked at when no notification came.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>
/// Drains the outbox table (protocols.md, <c>context</c>, database bridge): a service writes its event into <c>relay_outbox</c> in the transaction that makes it true,
/// and the event reaches its channel once that is committed, also when no node was running then.
/// </summary>
/// <remarks>
/// <para>
/// One batch = one transaction: take the table's advisory lock (one node of a cluster drains at a time, the others find it taken and wait), read the oldest rows,
/// publish them with the idempotency keys <c>outbox:{id}</c>, and when every channel has accepted, delete them and commit. NOTIFY is only the alarm clock; a poll
/// finds what it missed.
/// </para>
/// <para>
/// When the process dies, or PostgreSQL does, between acceptance and commit, the rows are still there and are published again. A channel that remembers the keys
/// takes them as known, and nobody sees them twice: that is the case as long as the channel's memory lives, so for every failure of the database or of the
/// connection, and for durable channels always. A channel in memory forgets with its process: its next life begins a new epoch, and a client that was connected
/// before sees the events of that one batch a second time, marked by the new epoch. At most <see cref="OutboxOptions.BatchSize"/> rows are concerned. The other
/// order (delete first, then publish) would lose them instead.
/// </para>
/// <para>
/// Order is by id among the rows that are visible. A sequence gives ids at INSERT, not at COMMIT: of two transactions at once, the one that commits later may have
/// the smaller id; its row then comes later, and is never skipped, since rows are deleted one by one and no position is kept.
/// </para>
/// </remarks>
public sealed partial class OutboxSource : IAsyncDisposable
{
    /// <summary>Name of this source in metrics and logs.</summary>
    public const string SourceName = "postgres-outbox";

    // First half of the advisory lock's key, "RELY"; the second is a hash of the table's name.
    private const int LockClass = 0x52454C59;

    private readonly OutboxOptions _options;
    private readonly PostgresName _table;
    private readonly OutboxSchema _schema;
    private readonly BridgeServices _services;
    private readonly PostgresLoop _loop;
    private bool _signalled;

    /// <param name="connectionString">Npgsql's.</param>
    /// <param name="options">What to drain.</param>
    /// <param name="services">The way into the relay and the surroundings.</param>
    /// <param name="health">Told null when the outbox is drained or another node does, else the reason. Must not block.</param>
    /// <exception cref="ArgumentException">The table's name cannot be used.</exception>
    public OutboxSource(string connectionString, OutboxOptions options, BridgeServices services, Action<string?> health)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _table = PostgresName.Parse(options.Table);
        _schema = new OutboxSchema(_table, services.Loggers.CreateLogger<OutboxSource>());
        _services = services;
        _loop = new PostgresLoop(connectionString, SourceName, $"rows of {_table} wait", ServeAsync, services, new BridgeHealth(health));
    }

    /// <summary>Begins to connect; returns at once.</summary>
    public void Start() => _loop.Start();

    /// <summary>Ends the draining. A batch that is cut short is rolled back and comes again.</summary>
    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    private async Task ServeAsync(NpgsqlConnection connection, Action well, CancellationToken stopping)
    {
        try
        {
            connection.Notification += (_, _) => _signalled = true;
            await _schema.EnsureAsync(connection, stopping);
            await using (var listen = new NpgsqlCommand("LISTEN " + PostgresName.Quote(_table.Table), connection))
            {
                await listen.ExecuteNonQueryAsync(stopping);
            }

            while (true)
            {
                // Cleared before the table is read, so that an alarm during the reading is not lost.
                _signalled = false;
                var more = await DrainAsync(connection, stopping);
                well();
                if (!more && !_signalled)
                {
                    await connection.WaitAsync(_options.PollInterval, stopping);
                }
            }
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new InvalidOperationException($"{error.MessageText}: {_schema.Grants(await RoleAsync(connection, stopping))}", error);
        }
    }

    /// <summary>One batch; true when there may be more.</summary>
    private async Task<bool> DrainAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await using var transaction = await connection.BeginTransactionAsync(stopping);
        if (!await TryLockAsync(connection, stopping))
        {
            return false;
        }

        var batch = await OutboxBatch.ReadAsync(connection, _table, _options.BatchSize, stopping);
        if (batch.Count == 0)
        {
            return false;
        }

        if (batch.Items.Count > 0)
        {
            await _services.Publish(batch.Items, CancellationToken.None);
        }

        await batch.RemoveAsync(connection, _table, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        _services.Metrics.Accepted(SourceName, batch.Items.Count);
        foreach (var fault in batch.Faults)
        {
            _services.Faults.Report(SourceName, fault);
        }

        return batch.IsFull;
    }

    private async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_xact_lock($1, hashtext($2))", connection)
        {
            Parameters = { new() { Value = LockClass }, new() { Value = _table.ToString() } },
        };
        return (bool)(await command.ExecuteScalarAsync(stopping))!;
    }

    private static async Task<string> RoleAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await using var command = new NpgsqlCommand("SELECT current_user::text", connection);
        return (string)(await command.ExecuteScalarAsync(stopping))!;
    }
}
