using Relay.Bridges.Tests.Support;
using Relay.Redis;
using Relay.Redis.Bridge;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Bridges.Tests.Redis;

public sealed class RedisStreamTests
{
    private const string Stream = "updates:stream";

    private static readonly RedisStreamOptions Options = new() { Streams = [Stream], Consumer = "node-1", BatchSize = 50 };

    [Fact]
    public async Task Entries_written_before_and_after_the_start_arrive_in_order_and_are_acknowledged()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var client = await relay.OpenAsync("u1");
        for (var i = 0; i < 500; i++)
            await redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        var health = new HealthLog();
        await using var source = new RedisStreamSource(redis, Options, relay.Services, health.Report);
        source.Start();
        for (var i = 500; i < 1000; i++)
            await redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        Assert.Equal(Updates(1000), await client.TakeAsync(1000));
        await AcknowledgedAsync(redis);
        await health.WellAsync();
    }

    [Fact]
    public async Task Entries_arrive_once_while_Redis_restarts_and_kills_connections()
    {
        const int Entries = 3000;
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var client = await relay.OpenAsync("u1");
        var health = new HealthLog();
        await using var source = new RedisStreamSource(redis, Options, relay.Services, health.Report);
        source.Start();
        await health.WellAsync();
        for (var i = 0; i < Entries; i++)
        {
            await redis.AddAsync(Stream, RedisSetup.Update("u1", i));
            if (i == Entries / 3)
            {
                await server.KillAsync();
                await health.IllAsync($"stream {Stream} at Redis 127.0.0.1:{server.Port} is not read");
                await server.StartAgainAsync();
            }

            if (i % 500 == 499)
                await redis.SendAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }

        Assert.Equal(Updates(Entries), await client.TakeAsync(Entries));
        await AcknowledgedAsync(redis);
        await health.WellAsync();
        Assert.Equal(Entries, client.Count);
    }

    [Fact]
    public async Task A_group_that_FLUSHALL_removed_is_made_again_from_the_beginning()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var client = await relay.OpenAsync("u1");
        var health = new HealthLog();
        await using var source = new RedisStreamSource(redis, Options, relay.Services, health.Report);
        source.Start();
        await redis.AddAsync(Stream, RedisSetup.Update("u1", 0));
        await client.TakeAsync(1);
        // One transaction, so that the entry is there before the group can be.
        await redis.SendAsync("EVAL", "redis.call('FLUSHALL') return redis.call('XADD', KEYS[1], '*', 'json', ARGV[1])", 1, Stream, RedisSetup.Update("u1", 1));
        Assert.Equal(Updates(2), await client.TakeAsync(2));
        await AcknowledgedAsync(redis);
        await health.WellAsync();
    }

    [Fact]
    public async Task An_entry_that_is_no_envelope_is_moved_aside_with_the_reason()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        var client = await relay.OpenAsync("u1");
        await redis.AddAsync(Stream, RedisSetup.Update("u1", 0));
        await redis.AddAsync(Stream, "not json");
        var nameless = await redis.StreamAddAsync(Stream, 0, "other", "field");
        await redis.AddAsync(Stream, RedisSetup.Update("u1", 1));
        await using var source = new RedisStreamSource(redis, Options, relay.Services, new HealthLog().Report);
        source.Start();
        Assert.Equal(Updates(2), await client.TakeAsync(2));
        await AcknowledgedAsync(redis);
        var dead = await redis.DeadAsync(Stream + ":dead");
        Assert.Equal(["reason|not valid JSON in UTF-8|tries|1|json|not json", "reason|the entry has no field 'json'|tries|1|other|field"], dead.Select(static one => one.Text));
        Assert.Equal(nameless, dead[1].Id);
        Assert.Equal(2, relay.Sums["relay.bridge.dead_letters source=redis-stream"]);
        var line = Assert.Single(relay.Log.Of(121));
        Assert.Contains(dead[0].Id, line, StringComparison.Ordinal);
        Assert.DoesNotContain("not json", line, StringComparison.Ordinal);
        Assert.Equal(2, relay.Sums["relay.bridge.dropped source=redis-stream fault=NotJson"]);
    }

    [Fact]
    public async Task What_a_dead_consumer_left_is_taken_over()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        await using var dead = redis.Dedicated("dead");
        dead.Start();
        var client = await relay.OpenAsync("u1");
        for (var i = 0; i < 120; i++)
            await redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        await redis.StreamGroupCreateAsync(Stream, Options.Group, "0");
        await dead.WaitReadyAsync();
        await dead.StreamReadGroupAsync(Options.Group, "node-0", 120, TimeSpan.FromSeconds(1), Stream);
        await using var source = new RedisStreamSource(redis, Options with { ClaimIdle = TimeSpan.FromMilliseconds(200) }, relay.Services, new HealthLog().Report);
        source.Start();
        Assert.Equal(Updates(120), await client.TakeAsync(120));
        await AcknowledgedAsync(redis);
    }

    [Fact]
    public async Task A_batch_is_acknowledged_only_when_accepted_and_comes_again_with_the_same_keys()
    {
        var fake = new FakeRelay { OnBatch = static batch => batch <= 2 ? throw new TimeoutException("no answer") : Task.CompletedTask };
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay(fake.PublishAsync);
        await using var redis = RedisSetup.Client(server);
        var ids = new List<string>();
        for (var i = 0; i < 3; i++)
            ids.Add(await redis.StreamAddAsync(Stream, 0, "json", RedisSetup.Update("u1", i)));
        await redis.AddAsync(Stream, "{\"id\":\"mine\"}");
        var health = new HealthLog();
        await using var source = new RedisStreamSource(redis, Options, relay.Services, health.Report);
        source.Start();
        await health.IllAsync("no answer");
        await Eventually.Until(() => fake.Batches >= 3);
        await health.WellAsync();
        string[] keys = [.. ids.Select(static id => $"stream:{Stream}:{id}"), "mine"];
        Assert.Equal([.. keys, .. keys, .. keys], fake.Keys);
        await AcknowledgedAsync(redis);
        Assert.Single(relay.Log.Of(53));
    }

    [Fact]
    public async Task Consumers_that_hold_nothing_and_were_not_seen_for_long_are_removed()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var redis = RedisSetup.Client(server);
        await redis.AddAsync(Stream, RedisSetup.Update("u1", 0));
        await redis.StreamGroupCreateAsync(Stream, Options.Group, "0");
        await redis.StreamReadOwnPendingAsync(Options.Group, "gone", 1, Stream);
        await redis.SendAsync("XREADGROUP", "GROUP", Options.Group, "holds", "COUNT", 1, "STREAMS", Stream, ">");
        await Eventually.UntilAsync(
            async () => (await redis.SendAsync("XINFO", "CONSUMERS", Stream, Options.Group)).Items.ToArray().All(static one => one.Field("idle"u8).AsInteger() > 20), "idle consumers");
        var health = new HealthLog();
        await using var source = new RedisStreamSource(redis, Options with { ConsumerIdle = TimeSpan.FromMilliseconds(20) }, relay.Services, health.Report);
        source.Start();
        await health.WellAsync();
        var consumers = (await redis.SendAsync("XINFO", "CONSUMERS", Stream, Options.Group)).Items.ToArray().Select(static one => one.Field("name"u8).AsString());
        Assert.DoesNotContain("gone", consumers);
        Assert.Contains("holds", consumers);
    }

    [Fact]
    public async Task A_node_that_comes_back_under_its_name_begins_with_what_it_had_left()
    {
        var stuck = new FakeRelay(open: false);
        await using var server = await RedisServerProcess.StartAsync();
        await using var relay = new TestRelay();
        await using var before = new TestRelay(stuck.PublishAsync);
        await using var redis = RedisSetup.Client(server);
        var client = await relay.OpenAsync("u1");
        for (var i = 0; i < 10; i++)
            await redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        await using (var first = new RedisStreamSource(redis, Options with { BatchSize = 4 }, before.Services, new HealthLog().Report))
        {
            first.Start();
            await Eventually.Until(() => stuck.Items.Count == 4);
        }

        Assert.Equal(4, (await redis.StreamPendingAsync(Stream, Options.Group)).Count);
        await using var second = new RedisStreamSource(redis, Options, relay.Services, new HealthLog().Report);
        second.Start();
        Assert.Equal(Updates(10), await client.TakeAsync(10));
        await AcknowledgedAsync(redis);
    }

    private static IEnumerable<string> Updates(int count) => Enumerable.Range(0, count).Select(static n => RedisSetup.Update("u1", n));

    private static Task AcknowledgedAsync(RedisClient redis) => Eventually.UntilAsync(
        async () =>
        {
            var group = (await redis.SendAsync("XINFO", "GROUPS", Stream)).Items[0];
            return group.Field("pending"u8).AsInteger() == 0 && group.Field("lag"u8).AsInteger() == 0;
        },
        "all acknowledged");
}
