using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Three nodes whose way to Redis is long and bad: their leases, their links and the journal go over it.</summary>
public sealed class FarRedisTests(ITestOutputHelper output)
{
    private const int Seed = 54;

    private static readonly NetworkTrouble Trouble = new(Delay: 25, Jitter: 5, Loss: 0.01, Repeat: 0.01, Reorder: 0.05);

    /// <summary>Two leases, and more.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(TestLength.Of(8, 120));

    [FactWhere(Needs.Networks)]
    public async Task Delay_loss_repeats_and_reordering_on_the_way_to_Redis_lose_nothing_and_move_no_shard()
    {
        await using var network = await FarNetwork.StartAsync();
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Host = network.Address, Under = network.Inside, Extra = ["--protected-mode", "no"] });
        await using var run = await DurabilityRun.StartAsync(
            RunShape.Cluster("topics/far") with { Pause = TimeSpan.FromMilliseconds(3) },
            Seed,
            NodeStart.With(
                ("Redis:Endpoints", redis.Endpoint), ("Cluster:Enabled", "true"), ("Cluster:Shards", "32"), ("Namespaces:topics:Durability", "redis"), ("Namespaces:sessions:Durability", "redis")));
        var shards = await SettledAsync(redis);
        var before = await network.ChangeAsync(Trouble);

        var over = Task.Delay(Long, TimeProvider.System);
        var acks = 0;
        while (!over.IsCompleted)
        {
            await run.FurtherAcksAsync(50);
            acks += 50;
            foreach (var node in run.Nodes)
            {
                var ready = await (await node.CurrentAsync()).GetAsync("/ready");
                Assert.True(ready.Status == 200, ready.Body);
            }
        }

        // Each with the number of its change, so that one that went and came back shows.
        Assert.Equal(shards, await ShardsAsync(redis));
        var after = await network.ChangeAsync(new NetworkTrouble());
        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync(fromTheJournal: false);
        output.WriteLine($"{acks} acks and more in {Long.TotalSeconds} s; {after.Forwarded - before.Forwarded} packets, lost {after.Lost}, repeated {after.Repeated}, overtaken {after.Reordered}; {report}");
        Assert.All(new[] { after.Lost, after.Repeated, after.Reordered }, static packets => Assert.True(packets > 0));
        run.AssertPerfect(report);
    }

    // Nodes that have just started give each other what is theirs; what no move comes to for 3 s stays.
    private static async Task<string> SettledAsync(RedisServerProcess redis)
    {
        var (last, since) = ("", TimeProvider.System.GetTimestamp());
        await Eventually.UntilAsync(
            async () =>
            {
                var now = await ShardsAsync(redis);
                (last, since) = now == last ? (last, since) : (now, TimeProvider.System.GetTimestamp());
                return TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(3);
            },
            "no shard moves");
        return last;
    }

    /// <summary>Owner and fence of each shard.</summary>
    private static async Task<string> ShardsAsync(RedisServerProcess redis)
    {
        var table = (await redis.RunAsync("HGETALL", "{relay}:state")).Split('\n');
        return string.Join('\n', Enumerable.Range(0, table.Length / 2).Where(n => table[2 * n].StartsWith("s:", StringComparison.Ordinal)).Select(n => $"{table[2 * n]} {table[(2 * n) + 1]}").Order(StringComparer.Ordinal));
    }
}
