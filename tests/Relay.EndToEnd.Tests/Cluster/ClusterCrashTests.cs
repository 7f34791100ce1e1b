using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>guarantees.md 1 to 6 on several nodes whose channels change their owner, by crash and by plan.</summary>
public sealed class ClusterCrashTests(ITestOutputHelper output)
{
    private const int Seed = 51;
    private const int MostAcksBetweenFaults = 1500;

    [Fact]
    public async Task Killed_owners_lose_repeat_and_reorder_nothing_with_PostgreSQL()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var redis = await RedisServerProcess.StartAsync();
        await KillAsync(TestLength.Of(2, 50), redis, ("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString));
    }

    [Fact]
    public async Task Killed_owners_lose_repeat_and_reorder_nothing_with_Redis()
    {
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await KillAsync(TestLength.Of(2, 50), redis, ("Namespaces:topics:Durability", "redis"));
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("memory")]
    public async Task Nodes_that_stop_and_start_one_after_the_other_lose_repeat_and_reorder_nothing(string durability)
    {
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await using var run = await StartAsync(redis, ("Namespaces:topics:Durability", durability));
        var random = new Random(Seed);
        var stops = TestLength.Of(2, 50);
        for (var stop = 0; stop < stops; stop++)
        {
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
            var node = run.Nodes[stop % run.Nodes.Count];
            await node.StopAsync();
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
            await node.StartAsync();
            await (await node.CurrentAsync()).BecomesReadyAsync();
        }

        await EndAsync(run, $"{stops} planned stops", fromTheJournal: durability != "memory");
    }

    private async Task KillAsync(int kills, RedisServerProcess redis, params (string, string)[] settings)
    {
        await using var run = await StartAsync(redis, settings);
        var random = new Random(Seed);
        for (var kill = 0; kill < kills; kill++)
        {
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
            var node = run.Nodes[random.Next(run.Nodes.Count)];
            await node.KillAsync();
            if (random.Next(2) == 0)
            {
                // The others have its channels before it is back.
                await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
            }

            await node.StartAsync();
        }

        await EndAsync(run, $"{kills} kills");
    }

    private static Task<DurabilityRun> StartAsync(RedisServerProcess redis, params (string Key, string Value)[] settings) => DurabilityRun.StartAsync(
        RunShape.Cluster("topics/c"), Seed,
        NodeStart.With([.. settings, ("Redis:Endpoints", redis.Endpoint), ("Cluster:Enabled", "true"), ("Namespaces:sessions:Durability", "redis")]));

    private async Task EndAsync(DurabilityRun run, string what, bool fromTheJournal = true)
    {
        await run.FurtherAcksAsync(1);
        var report = await run.EndAsync(fromTheJournal);
        output.WriteLine($"{what}: {report}");
        run.AssertPerfect(report);
    }
}
