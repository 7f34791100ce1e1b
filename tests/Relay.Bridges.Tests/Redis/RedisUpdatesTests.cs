using Relay.Bridges.Tests.Support;
using Relay.Redis.Bridge;
using Relay.Testing;

namespace Relay.Bridges.Tests.Redis;

public sealed class RedisUpdatesTests
{
    [Fact]
    public async Task A_hundred_thousand_updates_arrive_verbatim_in_order_and_once()
    {
        const int Messages = 100_000;
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.WellAsync();
        var sent = Enumerable.Range(0, Messages).Select(static n => RedisSetup.Update("u1", n)).ToArray();
        var last = Task.FromResult(0L);
        foreach (var message in sent)
            last = redis.PublishAsync("updates", message);
        Assert.Equal(1, await last);
        var received = await client.TakeAsync(Messages);
        Assert.Equal(sent, received);
        await Eventually.Until(() => relay.Sums["relay.bridge.accepted source=redis-updates"] == Messages);
        Assert.Equal([null], health.Told.SkipWhile(static reason => reason is not null));
    }

    [Fact]
    public async Task A_message_that_matches_a_channel_and_several_patterns_arrives_once()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["work.*", "updates", "*dates", "upd[a-c]tes*", "updates"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.WellAsync();
        string[] channels = ["updates", "work.updates", "backdates", "updates2", "work.1"];
        for (var i = 0; i < channels.Length; i++)
            Assert.InRange(await redis.PublishAsync(channels[i], RedisSetup.Update("u1", i)), 1, 3);
        await client.TakeAsync(channels.Length);
        await redis.PublishAsync("updates", RedisSetup.Update("u1", channels.Length));
        Assert.Equal(Enumerable.Range(0, channels.Length + 1).Select(static n => RedisSetup.Update("u1", n)), await client.TakeAsync(channels.Length + 1));
    }

    [Fact]
    public async Task A_message_to_all_keeps_its_place_between_messages_to_one_user()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        var (first, second) = (await relay.OpenAsync("u1"), await relay.OpenAsync("u2"));
        await health.WellAsync();
        var sent = Enumerable.Range(0, 3000).Select(static n => (User: (n % 5) switch { 0 => null, 1 or 2 => "u2", _ => "u1" }, Number: n)).ToList();
        foreach (var (user, number) in sent)
            _ = redis.PublishAsync("updates", RedisSetup.Update(user, number));
        foreach (var (client, other) in new[] { (first, "u2"), (second, "u1") })
        {
            var expected = sent.Where(update => update.User != other).Select(static update => RedisSetup.Update(update.User, update.Number)).ToList();
            Assert.Equal(expected, await client.TakeAsync(expected.Count));
        }
    }

    [Fact]
    public async Task An_interruption_is_reported_once_with_the_server_and_heals_without_a_restart()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates", "jobs.*"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.WellAsync();
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        await client.TakeAsync(1);
        await server.KillAsync();
        var reason = await health.IllAsync($"Redis 127.0.0.1:{server.Port}: updates, jobs.* not received");
        Assert.EndsWith("updates published there meanwhile are lost", reason, StringComparison.Ordinal);
        await server.StartAgainAsync();
        await health.WellAsync();
        await redis.PublishAsync("jobs.7", RedisSetup.Update("u1", 2));
        Assert.Equal([RedisSetup.Update("u1", 1), RedisSetup.Update("u1", 2)], await client.TakeAsync(2));
        Assert.Single(relay.Log.Of(40));
        Assert.Single(relay.Log.Of(41));
        Assert.Equal(1, relay.Sums["relay.bridge.interruptions source=redis-updates"]);
    }

    [Fact]
    public async Task A_subscription_that_Redis_kills_comes_back()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.WellAsync();
        Assert.Equal(1, (await redis.SendAsync("CLIENT", "KILL", "TYPE", "pubsub")).AsInteger());
        await Eventually.Until(() => health.Told.Count(static reason => reason is null) == 2);
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        Assert.Equal([RedisSetup.Update("u1", 1)], await client.TakeAsync(1));
    }

    [Fact]
    public async Task Without_Redis_at_the_start_the_source_is_ill_and_begins_when_it_comes()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await server.KillAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.IllAsync($"127.0.0.1:{server.Port}: updates not received (");
        await server.StartAgainAsync();
        await health.WellAsync();
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        Assert.Equal([RedisSetup.Update("u1", 1)], await client.TakeAsync(1));
    }

    [Fact]
    public async Task A_channel_that_the_user_may_not_read_is_named_and_the_pattern_that_covers_it_delivers()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Acl = ["user default on nopass ~* resetchannels &up* +@all"],
        });
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["closed", "up*"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        var reason = await health.IllAsync("closed not received (NOPERM");
        Assert.DoesNotContain("up*", reason, StringComparison.Ordinal);
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        Assert.Equal([RedisSetup.Update("u1", 1)], await client.TakeAsync(1));
    }

    [Fact]
    public async Task Malformed_messages_are_dropped_counted_and_logged_once_without_their_content()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        var client = await relay.OpenAsync("u1");
        await health.WellAsync();
        for (var i = 0; i < 50; i++)
            await redis.PublishAsync("updates", "SECRET");
        await redis.PublishAsync("updates", "[\"SECRET\"]");
        await redis.PublishAsync("updates", "{\"target_user_id\":7,\"type\":\"SECRET\"}");
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        Assert.Equal([RedisSetup.Update("u1", 1)], await client.TakeAsync(1));
        Assert.Equal(50, relay.Sums["relay.bridge.dropped source=redis-updates fault=NotJson"]);
        Assert.Equal(1, relay.Sums["relay.bridge.dropped source=redis-updates fault=NotObject"]);
        Assert.Equal(1, relay.Sums["relay.bridge.dropped source=redis-updates fault=WrongTarget"]);
        Assert.Equal(3, relay.Log.Of(120).Count());
        Assert.DoesNotContain(relay.Log.Lines, static line => line.Contains("SECRET", StringComparison.Ordinal));
    }

    [Fact]
    public async Task When_the_relay_does_not_answer_the_connection_is_not_read_and_not_given_up()
    {
        const int Messages = 60_000;
        var slow = new FakeRelay(open: false);
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay(slow.PublishAsync);
        await using var redis = RedisSetup.Client(server);
        await using var patient = RedisSetup.Client(server, keepAlive: TimeSpan.FromMilliseconds(500));
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(patient, ["updates"], relay.Services, health.Report);
        source.Start();
        await health.WellAsync();
        await Task.WhenAll(Enumerable.Range(0, Messages).Select(i => redis.PublishAsync("updates", RedisSetup.Update("u1", i))));
        await Eventually.Until(() => slow.Batches == RedisUpdatesSource.MaxBatches);

        // The kernel's buffers fill at their own pace. The reader is at rest once what Redis holds back for it does not
        // change over several keep-alive periods; one that read on would leave nothing there.
        var held = await OutputAsync();
        for (var unchanged = 0; unchanged < 3;)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            var now = await OutputAsync();
            unchanged = now == held ? unchanged + 1 : 0;
            held = now;
        }

        Assert.InRange(held, 1_000_000, long.MaxValue);
        Assert.Equal(RedisUpdatesSource.MaxBatches, slow.Batches);
        Assert.InRange(slow.Items.Count, 1, RedisUpdatesSource.MaxBatches * 1024);
        slow.Open();
        await Eventually.Until(() => slow.Items.Count == Messages, TimeSpan.FromSeconds(90));
        Assert.Equal(
            Enumerable.Range(0, Messages).Select(static n => RedisSetup.Update("u1", n)),
            slow.Items.Select(static item => System.Text.Encoding.UTF8.GetString(item.Item.Raw.Span)));
        Assert.Equal([null], health.Told.SkipWhile(static reason => reason is not null));

        async Task<long> OutputAsync()
        {
            var line = (await redis.SendAsync("CLIENT", "LIST", "TYPE", "pubsub")).AsString()!;
            return long.Parse(line.Split(' ').Single(static field => field.StartsWith("omem=", StringComparison.Ordinal))[5..], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task An_unconfirmed_batch_is_told_and_not_sent_again()
    {
        var failing = new FakeRelay { OnBatch = static batch => batch == 1 ? throw new TimeoutException("no answer") : Task.CompletedTask };
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay(failing.PublishAsync);
        await using var redis = RedisSetup.Client(server);
        var health = new HealthLog();
        await using var source = new RedisUpdatesSource(redis, ["updates"], relay.Services, health.Report);
        source.Start();
        await health.WellAsync();
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 1));
        await health.IllAsync("no answer");
        await redis.PublishAsync("updates", RedisSetup.Update("u1", 2));
        await health.WellAsync();
        Assert.Equal(2, failing.Items.Count);
        Assert.Equal(1, relay.Sums["relay.bridge.unconfirmed source=redis-updates"]);
    }
}
