using Relay.Bridges.Tests.Support;
using Relay.Storage.Postgres;
using Relay.Testing;

namespace Relay.Bridges.Tests.Postgres;

public sealed class PostgresNotificationTests
{
    private const string Channel = "dcm_events";

    [Fact]
    public async Task A_notification_reaches_its_channel_and_global_in_order()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var health = new HealthLog();
        await using var source = new PostgresNotificationSource(server.ConnectionString, Channel, relay.Services, health.Report);
        source.Start();
        var (user, everyone) = (await relay.OpenAsync("u1"), await relay.OpenContextAsync());
        await health.WellAsync();
        for (var i = 0; i < 200; i++)
            await NotifyAsync(server, Payload("users/u1", $"{{\"n\":{i}}}"));
        await NotifyAsync(server, Payload("global", "{\"id\":7,\"truncated\":true}"));
        Assert.Equal(
            Enumerable.Range(0, 200).Select(static n => $"{{\"target_user_id\":\"u1\",\"type\":\"task.completed\",\"payload\":{{\"n\":{n}}}}}"),
            await user.TakeAsync(200));
        // Events that a context client does not confirm come again, with their ids (protocols.md, context): only the first time counts here.
        await Eventually.Until(() => Global(everyone).Count >= 201, what: "201 events on global");
        var global = Global(everyone);
        Assert.Equal(201, global.Count);
        Assert.All(global.Take(200).Select(static (text, n) => (text, n)), static one =>
            Assert.Contains($"\"data\":{{\"n\":{one.n}}}", one.text, StringComparison.Ordinal));
        Assert.Contains("\"data\":{\"id\":7,\"truncated\":true}", global[200], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_payloads_are_counted_and_logged_once_and_a_channels_name_is_quoted()
    {
        const string Odd = "Odd \"name\"; DROP TABLE x";
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var health = new HealthLog();
        await using var source = new PostgresNotificationSource(server.ConnectionString, Odd, relay.Services, health.Report);
        source.Start();
        var user = await relay.OpenAsync("u1");
        await health.WellAsync();
        foreach (var payload in new[] { "", "no", "no", "[]", Payload("bad/x", "1"), "{\"channel\":\"global\",\"event\":\"\"}", Payload("users/u1", "1") })
            await server.RunAsync("SELECT pg_notify($1, $2)", Odd, payload);
        Assert.Equal(["{\"target_user_id\":\"u1\",\"type\":\"task.completed\",\"payload\":1}"], await user.TakeAsync(1));
        Assert.Equal(3, relay.Sums["relay.bridge.dropped source=postgres-notify fault=NotJson"]);
        Assert.Equal(1, relay.Sums["relay.bridge.dropped source=postgres-notify fault=InvalidChannel"]);
        Assert.Equal(4, relay.Log.Of(120).Count());
    }

    [Fact]
    public async Task A_killed_backend_and_a_restart_are_reported_and_healed()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var relay = new TestRelay();
        var health = new HealthLog();
        await using var source = new PostgresNotificationSource(server.ConnectionString, Channel, relay.Services, health.Report);
        source.Start();
        var user = await relay.OpenAsync("u1");
        await health.WellAsync();
        await server.KillBackendsAsync();
        await Eventually.Until(() => health.Told.Count(static reason => reason is null) == 2);
        await NotifyAsync(server, Payload("users/u1", "1"));
        await user.TakeAsync(1);
        await server.StopAsync();
        var reason = await health.IllAsync($"PostgreSQL 127.0.0.1:{server.Port}/postgres: ");
        Assert.EndsWith("notifications on dcm_events meanwhile are lost", reason, StringComparison.Ordinal);
        await server.RecoverAsync();
        await health.WellAsync();
        await NotifyAsync(server, Payload("users/u1", "2"));
        Assert.Equal(2, (await user.TakeAsync(2)).Count);
        Assert.Equal(2, relay.Log.Of(60).Count());
        Assert.Equal(2, relay.Log.Of(61).Count());
    }

    private static List<string> Global(TestClient client) =>
        [.. client.Messages.Where(static text => text.Contains("\"channel\":\"global\"", StringComparison.Ordinal)).DistinctBy(static text => text[..text.IndexOf(',', StringComparison.Ordinal)])];

    private static string Payload(string channel, string data) =>
        $"{{\"channel\":\"{channel}\",\"event\":\"task.completed\",\"data\":{data},\"timestamp\":\"2026-01-01T00:00:00Z\"}}";

    private static Task<object?> NotifyAsync(PostgresServerProcess server, string payload) => server.RunAsync("SELECT pg_notify($1, $2)", Channel, payload);
}
