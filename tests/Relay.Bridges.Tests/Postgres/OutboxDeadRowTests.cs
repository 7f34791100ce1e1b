using Npgsql;
using Relay.Bridges.Tests.Support;
using Relay.Storage.Postgres;
using Relay.Testing;

namespace Relay.Bridges.Tests.Postgres;

/// <summary>Rows that cannot be delivered hold up nobody and are never lost; rows that only have to wait are never taken for such.</summary>
public sealed class OutboxDeadRowTests : IAsyncLifetime
{
    private const string Dead = "SELECT string_agg(id || ' ' || channel || ' ' || reason || ' ' || tries, ', ' ORDER BY id) FROM relay_outbox_dead WHERE failed_at <= now()";

    private static readonly OutboxOptions Options =
        new() { BatchSize = 50, PollInterval = TimeSpan.FromMilliseconds(100), MaxTries = 3, RetryPause = TimeSpan.FromMilliseconds(20) };

    private readonly FailingRelay _failing = new();
    private readonly HealthLog _health = new();
    private PostgresServerProcess _server = null!;
    private TestRelay _relay = null!;
    private TestRelay _before = null!;

    public async Task InitializeAsync()
    {
        _server = await PostgresServerProcess.StartAsync();
        _relay = new TestRelay();
        _failing.Behind = _relay;
        _before = new TestRelay(_failing.PublishAsync);
        await _server.RunAsync(
            "CREATE TABLE relay_outbox (id bigserial PRIMARY KEY, channel text, event text, data jsonb, created_at timestamptz NOT NULL DEFAULT now())");
    }

    public async Task DisposeAsync()
    {
        await _before.DisposeAsync();
        await _relay.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_row_whose_handling_fails_every_time_is_moved_aside_and_the_others_keep_their_order()
    {
        var user = await _relay.OpenAsync("u1");
        await _server.InsertAsync("users/u1", "e", 0, 20);
        await _server.InsertAsync("users/u1", "poison", 0, 1);
        await _server.InsertAsync("users/u1", "e", 20, 100);
        await using var source = Start(_server.ConnectionString);
        Assert.Equal(Events(120), await user.TakeAsync(120));
        await _server.DrainedAsync();
        Assert.Equal("21 users/u1 handling it failed 3", await _server.RunAsync(Dead));
        Assert.Equal(120, user.Count);
        Assert.Equal(1, _before.Sums["relay.bridge.dead_letters source=postgres-outbox"]);
        Assert.Contains(" 21 after 3 tries", Assert.Single(_before.Log.Of(121)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_fails_for_a_while_is_delivered_behind_those_that_passed_it()
    {
        _failing.PoisonLasts = 3;
        var user = await _relay.OpenAsync("u1");
        await _server.InsertAsync("users/u1", "poison", 7, 1);
        await _server.InsertAsync("users/u1", "e", 0, 1);
        await using var source = Start(_server.ConnectionString);
        Assert.Equal([.. Events(1), "{\"target_user_id\":\"u1\",\"type\":\"poison\",\"payload\":{\"n\": 7}}"], await user.TakeAsync(2));
        await _server.DrainedAsync();
        Assert.Equal(0L, await _server.RunAsync("SELECT count(*) FROM relay_outbox_dead"));
    }

    [Fact]
    public async Task A_channel_that_refuses_is_waited_for_beyond_all_tries_and_what_others_took_is_not_brought_again()
    {
        var (first, second) = (await _relay.OpenAsync("u1"), await _relay.OpenAsync("u2"));
        _failing.Refuse("users/u1", true);
        await _server.InsertAsync("users/u1", "e", 0, 5);
        await _server.InsertAsync("users/u2", "e", 5, 5);
        await using var source = Start(_server.ConnectionString);
        await Eventually.Until(() => _failing.Refused > Options.MaxTries + 1);
        await _health.IllAsync("the journal is ill");
        Assert.Equal(5, (await second.TakeAsync(5)).Count);
        Assert.Equal(5L, await _server.RunAsync("SELECT count(*) FROM relay_outbox"));
        _failing.Refuse("users/u1", false);
        Assert.Equal(Events(5), await first.TakeAsync(5));
        await _server.DrainedAsync();
        Assert.Equal(0L, await _server.RunAsync("SELECT count(*) FROM relay_outbox_dead"));
        await _health.WellAsync();
    }

    [Fact]
    public async Task Without_the_right_to_make_or_fill_the_dead_table_a_row_stays_and_is_told_while_the_others_go_on()
    {
        await _server.RunAsync("CREATE ROLE worker LOGIN; GRANT SELECT, DELETE ON relay_outbox TO worker");
        var limited = new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Username = "worker" }.ConnectionString;
        var user = await _relay.OpenAsync("u1");
        await _server.InsertAsync("nowhere/x", "e", 0, 1);
        await _server.InsertAsync("users/u1", "e", 0, 200);
        await using var source = Start(limited);
        Assert.Equal(Events(200), await user.TakeAsync(200));
        var reason = await _health.IllAsync("1 rows of relay_outbox cannot be delivered, nor moved to relay_outbox_dead");
        Assert.Contains("GRANT SELECT, INSERT ON \"relay_outbox_dead\" TO \"worker\"", reason, StringComparison.Ordinal);
        await Eventually.UntilAsync(async () => await _server.RunAsync("SELECT count(*) FROM relay_outbox") is 1L, "one row is left");
        Assert.Single(_before.Log.Of(72));
        Assert.Single(_before.Log.Of(71));

        // A table of an earlier version is made complete by its owner's next node, or as here by hand.
        await _server.RunAsync(
            "CREATE TABLE relay_outbox_dead (id bigint NOT NULL, channel text, event text, data jsonb, created_at timestamptz, reason text NOT NULL, tries int NOT NULL, failed_at timestamptz NOT NULL DEFAULT now());" +
            "GRANT SELECT, INSERT ON relay_outbox_dead TO worker");
        await _server.DrainedAsync();
        await _health.WellAsync();
        Assert.Equal("1 nowhere/x the channel is not a valid channel name 1", await _server.RunAsync(Dead));
    }

    [Fact]
    public async Task A_dead_table_of_an_earlier_version_is_extended()
    {
        await _server.RunAsync(
            "CREATE TABLE relay_outbox_dead (id bigint NOT NULL, channel text, event text, data jsonb, created_at timestamptz, reason text NOT NULL, moved_at timestamptz NOT NULL DEFAULT now())");
        await _server.InsertAsync("nowhere/x", "e", 0, 1);
        await using var source = Start(_server.ConnectionString);
        await _server.DrainedAsync();
        Assert.Equal("1 nowhere/x the channel is not a valid channel name 1", await _server.RunAsync(Dead));
    }

    [Fact]
    public async Task Rows_with_missing_or_oversized_columns_are_moved_whole()
    {
        var user = await _relay.OpenAsync("u1");
        await _server.RunAsync("INSERT INTO relay_outbox (channel, event) VALUES (NULL, 'e'), ('global', NULL)");
        await _server.RunAsync("INSERT INTO relay_outbox (channel, event, data) VALUES ('global', 'e', to_jsonb(repeat('x', 2000)))");
        await _server.InsertAsync("users/u1", "e", 0, 1);
        await using var source = Start(_server.ConnectionString, Options with { MaxBytes = 1000 });
        Assert.Equal(Events(1), await user.TakeAsync(1));
        await _server.DrainedAsync();
        Assert.Equal(
            "the channel is not a valid channel name, the type or event is not a well-formed name, larger than a message may be",
            await _server.RunAsync("SELECT string_agg(reason, ', ' ORDER BY id) FROM relay_outbox_dead"));
        Assert.Equal(2002, await _server.RunAsync("SELECT max(octet_length(data::text)) FROM relay_outbox_dead"));
    }

    private static IEnumerable<string> Events(int count) =>
        Enumerable.Range(0, count).Select(static n => $"{{\"target_user_id\":\"u1\",\"type\":\"e\",\"payload\":{{\"n\": {n}}}}}");

    private OutboxSource Start(string connection, OutboxOptions? options = null)
    {
        var source = new OutboxSource(connection, options ?? Options, _before.Services, _health.Report);
        source.Start();
        return source;
    }
}
