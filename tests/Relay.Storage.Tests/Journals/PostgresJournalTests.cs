using Npgsql;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Journals.Postgres;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>One server for all tests of a class; each has a database of its own.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private int _databases;

    public PostgresServerProcess Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PostgresServerProcess.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>Connection string of a new database.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        var name = "journal" + Interlocked.Increment(ref _databases);
        await Sql.RunAsync(Server.ConnectionString, $"CREATE DATABASE {name}");
        return new NpgsqlConnectionStringBuilder(Server.ConnectionString) { Database = name }.ConnectionString;
    }
}

public sealed class PostgresJournalTests(PostgresFixture fixture) : DurableJournalContract, IClassFixture<PostgresFixture>
{
    private string? _database;

    [Fact]
    public async Task A_new_database_has_no_streams_even_before_its_schema_is_there()
    {
        await using var journal = new PostgresJournal(new PostgresJournalOptions { Connection = await fixture.NewDatabaseAsync() }, new LogLines());
        Assert.Empty(await journal.ListAsync("", 10));
    }

    private protected override async Task<IJournal> OpenJournalAsync(JournalLimits limits)
    {
        _database ??= await fixture.NewDatabaseAsync();
        var journal = new PostgresJournal(new PostgresJournalOptions { Connection = _database, Limits = limits }, new LogLines());
        await Eventually.Until(() => journal.Illness is null);
        return journal;
    }

    protected override Task DamageAsync(string stream, long offset) => Sql.RunAsync(
        _database!,
        "UPDATE relay_records SET body = set_byte(body, length(body) - 5, get_byte(body, length(body) - 5) # 1) " +
        "WHERE position = $2 AND stream = (SELECT id FROM relay_streams WHERE name = $1)", stream, offset);

    protected override async Task<IAsyncDisposable> HoldAsync() => await Sql.LockAsync(_database!, "LOCK TABLE relay_streams IN ACCESS EXCLUSIVE MODE");
}
