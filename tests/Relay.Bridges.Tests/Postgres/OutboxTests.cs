using Npgsql;
using Relay.Bridges.Tests.Support;
using Relay.Storage.Postgres;
using Relay.Testing;

namespace Relay.Bridges.Tests.Postgres;

public sealed class OutboxTests
{
    private static readonly OutboxOptions Options = new() { BatchSize = 100, PollInterval = TimeSpan.FromMilliseconds(500) };

    [Fact]
    public async Task Rows_written_before_during_and_while_PostgreSQL_restarts_arrive_once_and_in_order()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var user = await relay.OpenAsync("u1");
        await using (var first = new OutboxSource(server.ConnectionString, Options, relay.Services, new HealthLog().Report))
        {
            first.Start();
            await TableAsync(server);
        }

        await server.InsertAsync("users/u1", "e", 0, 1000);
        var health = new HealthLog();
        await using var source = new OutboxSource(server.ConnectionString, Options, relay.Services, health.Report);
        source.Start();
        for (var i = 1000; i < 1200; i++)
            await server.InsertAsync("users/u1", "e", i, 1);
        await server.InsertAsync("users/u1", "e", 1200, 3000);
        await server.KillAsync();
        var reason = await health.IllAsync($"PostgreSQL 127.0.0.1:{server.Port}/postgres: ");
        Assert.EndsWith("rows of relay_outbox wait", reason, StringComparison.Ordinal);
        await server.RecoverAsync();
        await server.InsertAsync("users/u1", "e", 4200, 100);
        await server.DrainedAsync();
        Assert.Equal(Events(4300), await user.TakeAsync(4300));
        await health.WellAsync();
        Assert.Equal(4300, user.Count);
        Assert.Single(relay.Log.Of(60));
    }

    [Fact]
    public async Task A_row_wakes_the_source_without_a_poll()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var health = new HealthLog();
        var user = await relay.OpenAsync("u1");
        await using var source = new OutboxSource(server.ConnectionString, Options with { PollInterval = TimeSpan.FromHours(1) }, relay.Services, health.Report);
        source.Start();
        await health.WellAsync();
        for (var i = 0; i < 3; i++)
        {
            await server.InsertAsync("users/u1", "e", i, 1);
            await user.TakeAsync(i + 1);
        }

        Assert.Equal(Events(3), user.Messages);
    }

    [Fact]
    public async Task Two_sources_on_one_outbox_publish_each_row_once()
    {
        // A relay that remembers no keys: what keeps rows single here is the lock alone.
        var fake = new FakeRelay();
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay(fake.PublishAsync);
        await using var first = new OutboxSource(server.ConnectionString, Options with { BatchSize = 7 }, relay.Services, new HealthLog().Report);
        await using var second = new OutboxSource(server.ConnectionString, Options with { BatchSize = 7 }, relay.Services, new HealthLog().Report);
        first.Start();
        second.Start();
        await TableAsync(server);
        for (var i = 0; i < 50; i++)
            await server.InsertAsync("global", "e", i * 20, 20);
        await server.DrainedAsync();
        Assert.Equal(Enumerable.Range(1, 1000).Select(static id => $"outbox:{id}"), fake.Keys);
    }

    [Fact]
    public async Task A_connection_that_dies_between_acceptance_and_commit_brings_the_rows_again_and_clients_see_them_once()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var keys = new List<string>();
        var killed = false;
        await using var tapped = new TestRelay(async (items, cancellationToken) =>
        {
            keys.AddRange(items.Select(static item => item.Item.IdempotencyKey!));
            var accepted = await relay.System.DeliverAsync(items, cancellationToken);
            if (!killed)
                await server.KillBackendsAsync();
            killed = true;
            return accepted;
        });
        var user = await relay.OpenAsync("u1");
        var health = new HealthLog();
        await using var source = new OutboxSource(server.ConnectionString, Options, tapped.Services, health.Report);
        source.Start();
        await TableAsync(server);
        await health.WellAsync();
        await server.InsertAsync("users/u1", "e", 0, 5);
        await server.DrainedAsync();
        await server.InsertAsync("users/u1", "e", 5, 1);
        Assert.Equal(Events(6), await user.TakeAsync(6));
        string[] batch = [.. Enumerable.Range(1, 5).Select(static id => $"outbox:{id}")];
        Assert.Equal([.. batch, .. batch, "outbox:6"], keys);
    }

    [Fact]
    public async Task Rows_that_no_channel_takes_are_moved_aside_with_the_reason()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var user = await relay.OpenAsync("u1");
        await using var source = new OutboxSource(server.ConnectionString, Options, relay.Services, new HealthLog().Report);
        source.Start();
        await TableAsync(server);
        await server.InsertAsync("nowhere/u1", "e", 9, 1);
        await server.InsertAsync("users/u1", "", 9, 1);
        await server.InsertAsync("users/u1", "e", 0, 1);
        Assert.Equal(Events(1), await user.TakeAsync(1));
        await server.DrainedAsync();
        Assert.Equal(
            "1 nowhere/u1 the channel is not a valid channel name, 2 users/u1 the type or event is not a well-formed name",
            await server.RunAsync("SELECT string_agg(id || ' ' || channel || ' ' || reason, ', ' ORDER BY id) FROM relay_outbox_dead"));
        Assert.Equal(1, relay.Sums["relay.bridge.dropped source=postgres-outbox fault=InvalidChannel"]);
    }

    [Fact]
    public async Task Missing_rights_are_named_with_the_grant_and_the_source_goes_on_when_they_are_there()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await server.RunAsync("CREATE ROLE worker LOGIN");
        var limited = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Username = "worker" }.ConnectionString;
        var user = await relay.OpenAsync("u1");
        var health = new HealthLog();
        await using var source = new OutboxSource(limited, Options, relay.Services, health.Report);
        source.Start();
        await health.IllAsync("permission denied for schema public: let the owner of the database run: GRANT USAGE, CREATE ON SCHEMA public TO \"worker\"");
        // The owner makes the tables and gives the least that is needed: the outbox works, found by polling.
        await server.RunAsync(
            "CREATE TABLE relay_outbox (id bigserial PRIMARY KEY, channel text NOT NULL, event text NOT NULL, data jsonb, created_at timestamptz NOT NULL DEFAULT now());" +
            "CREATE TABLE relay_outbox_dead (id bigint NOT NULL, channel text, event text, data jsonb, created_at timestamptz, reason text NOT NULL, tries int NOT NULL, failed_at timestamptz NOT NULL DEFAULT now());" +
            "GRANT SELECT ON relay_outbox TO worker;" +
            // In the same transaction: an empty outbox would be well, and what follows another episode.
            "INSERT INTO relay_outbox (channel, event, data) VALUES ('users/u1', 'e', '{\"n\": 0}')");
        await health.IllAsync("permission denied for table relay_outbox: let the owner");
        await server.RunAsync("GRANT SELECT, DELETE ON relay_outbox TO worker; GRANT SELECT, INSERT ON relay_outbox_dead TO worker");
        await server.DrainedAsync();
        await health.WellAsync();
        Assert.Equal(Events(1), await user.TakeAsync(1));
        Assert.Single(relay.Log.Of(70));
        Assert.Single(relay.Log.Of(60));
    }

    [Fact]
    public async Task A_table_in_a_schema_of_its_own_works_whatever_its_name()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var user = await relay.OpenAsync("u1");
        await server.RunAsync("CREATE SCHEMA \"my schema\"");
        await using var source = new OutboxSource(server.ConnectionString, Options with { Table = "my schema.out\"box" }, relay.Services, new HealthLog().Report);
        source.Start();
        const string Name = "\"my schema\".\"out\"\"box\"";
        await Eventually.UntilAsync(async () => await server.RunAsync("SELECT to_regclass($1) IS NOT NULL", Name) is true, "the table");
        await server.RunAsync($"INSERT INTO {Name} (channel, event, data) VALUES ('users/u1', 'e', '{{\"n\":0}}')");
        Assert.Equal(Events(1), await user.TakeAsync(1));
    }

    [Theory]
    [InlineData("a.b.c")]
    [InlineData(".b")]
    [InlineData("a_name_so_long_that_its_dead_and_notify_names_would_be_cut_")]
    public void A_name_that_cannot_be_used_is_refused_at_once(string table)
    {
        var relay = new FakeRelay();
        using var meter = new System.Diagnostics.Metrics.Meter("test");
        var services = new Relay.Actors.Bridges.BridgeServices(relay.PublishAsync, new LogLines(), meter, TimeProvider.System, new Random(1), new TellPublisher(relay.PublishAsync).Tell);
        Assert.Throws<ArgumentException>(() => new OutboxSource("Host=x", new OutboxOptions { Table = table }, services, static _ => { }));
    }

    private static IEnumerable<string> Events(int count) =>
        Enumerable.Range(0, count).Select(static n => $"{{\"target_user_id\":\"u1\",\"type\":\"e\",\"payload\":{{\"n\": {n}}}}}");

    private static Task TableAsync(PostgresServerProcess server) => Eventually.UntilAsync(
        async () => await server.RunAsync("SELECT to_regclass('relay_outbox_dead') IS NOT NULL") is true, "the outbox is made");
}
