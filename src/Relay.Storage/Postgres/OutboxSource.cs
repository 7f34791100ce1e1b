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

    /// <summary>Failed tries that make a row a dead one, where the failure may pass. A row with an invalid channel or event needs one.</summary>
    public int MaxTries { get; init; } = 5;

    /// <summary>Between the first try of such a row and the second; doubles from there, up to 15 s.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Larger data, in bytes of its text, makes a dead row.</summary>
    public int MaxBytes { get; init; } = BridgeServices.MaxMessageBytes;
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
/// <para>
/// A channel that takes nothing (its journal is ill) is waited for, however long, and the outbox waits with it. A row whose own handling fails is set aside, so that those behind
/// it go on, and tried again up to <see cref="OutboxOptions.MaxTries"/> times. It then is moved to the dead rows with the reason, as a row that no channel can take is at once.
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
    private readonly OutboxDeadLetters _dead;
    private readonly SetAside<long> _asides;
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
        var shared = new BridgeHealth(health);
        _dead = new OutboxDeadLetters(_table, _schema, services, shared);
        _asides = new SetAside<long>(services, options.MaxTries, options.RetryPause);
        _loop = new PostgresLoop(connectionString, SourceName, $"rows of {_table} wait", ServeAsync, services, shared);
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
            throw new InvalidOperationException($"{error.MessageText}: {_schema.Grants(await OutboxSchema.RoleAsync(connection, stopping))}", error);
        }
    }

    /// <summary>One batch; true when there may be more.</summary>
    /// <exception cref="InvalidOperationException">Some rows have to wait.</exception>
    private async Task<bool> DrainAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await TendAsync(connection);
        if (_asides.IsFull)
        {
            throw new InvalidOperationException($"{_asides.Count} rows failed and are tried again before others");
        }

        OutboxBatch batch;
        string? waits;
        List<DeadRow> dead;
        await using (var transaction = await connection.BeginTransactionAsync(stopping))
        {
            if (!await TryLockAsync(connection, stopping))
            {
                return false;
            }

            batch = await OutboxBatch.ReadAsync(connection, _table, _options, _asides.Ids, stopping);
            if (batch.Count == 0)
            {
                return false;
            }

            var fates = await BridgeDelivery.DeliverAsync(_services.Publish, batch.Items);
            var accepted = batch.Rows.Where((_, i) => fates[i].Open is null).ToList();
            await OutboxBatch.RemoveAsync(connection, _table, accepted, CancellationToken.None);
            await transaction.CommitAsync(CancellationToken.None);
            _services.Metrics.Accepted(SourceName, accepted.Count);
            waits = fates.FirstOrDefault(static fate => fate is { Open: not null, IsItsOwn: false }).Reason;
            dead = [.. batch.Dead, .. Failed(batch, fates)];
        }

        foreach (var fault in batch.Faults)
        {
            _services.Faults.Report(SourceName, fault);
        }

        foreach (var row in dead)
        {
            await BuryAsync(connection, row);
        }

        return waits is null ? batch.IsFull : throw new InvalidOperationException(waits);
    }

    /// <summary>Rows that failed by themselves are set aside; those that did so for the last time are returned.</summary>
    private List<DeadRow> Failed(OutboxBatch batch, BridgeFate[] fates)
    {
        var dead = new List<DeadRow>();
        for (var i = 0; i < fates.Length; i++)
        {
            if (fates[i] is { Open: { } open, IsItsOwn: true, Reason: { } reason } && _asides.Failed(batch.Rows[i], open, reason) is { } last)
            {
                dead.Add(new DeadRow(last.Id, last.Tries, last.Reason));
            }
        }

        return dead;
    }

    /// <summary>Tries again what was set aside and is due.</summary>
    private async Task TendAsync(NpgsqlConnection connection)
    {
        foreach (var (aside, fate) in await _asides.TryAgainAsync())
        {
            if (fate.Open is not { } open)
            {
                await OutboxBatch.RemoveAsync(connection, _table, [aside.Id], CancellationToken.None);
                _asides.Remove(aside.Id);
                _services.Metrics.Accepted(SourceName, 1);
            }
            else if (!fate.IsItsOwn)
            {
                _asides.Later(aside, fate);
            }
            else if (_asides.Failed(aside.Id, open, fate.Reason!) is { } last)
            {
                await BuryAsync(connection, new DeadRow(last.Id, last.Tries, last.Reason));
            }
        }

        foreach (var dead in _asides.DueForBurial())
        {
            await BuryAsync(connection, new DeadRow(dead.Id, dead.Tries, dead.Reason));
        }
    }

    private async Task BuryAsync(NpgsqlConnection connection, DeadRow row)
    {
        if (await _dead.TryMoveAsync(connection, row))
        {
            _asides.Remove(row.Id);
        }
        else
        {
            _asides.NotBuried(new Aside<long>(row.Id, null, row.Tries, row.Reason, 0));
        }
    }

    private async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_xact_lock($1, hashtext($2))", connection)
        {
            Parameters = { new() { Value = LockClass }, new() { Value = _table.ToString() } },
        };
        return (bool)(await command.ExecuteScalarAsync(stopping))!;
    }
}
