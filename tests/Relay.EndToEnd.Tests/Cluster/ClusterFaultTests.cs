using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>guarantees.md 1 to 6 on three nodes to which everything happens that docs/cluster.md speaks of, under recorded load.</summary>
public sealed class ClusterFaultTests(ITestOutputHelper output)
{
    private const int Seed = 52;
    private const int MostAcksBetweenFaults = 800;

    [Fact]
    public async Task Whatever_happens_to_the_nodes_to_Redis_and_to_PostgreSQL_nothing_is_lost_repeated_or_reordered()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var redis = await RedisServerProcess.StartAsync();
        await using var cut = new NetworkProxy(redis.Port);
        using var clock = new FakeClock();
        var random = new Random(Seed);
        await using var run = await DurabilityRun.StartAsync(
            RunShape.Cluster("topics/f") with
                {
                    Each = (node, start) => node switch
                    {
                        0 => start.Or(("Redis:Endpoints", $"127.0.0.1:{cut.Port}")),
                        1 => start.Or(("Redis:Endpoints", redis.Endpoint)) with { Environment = clock.Environment },
                        _ => start.Or(("Redis:Endpoints", redis.Endpoint)),
                    },
                },
            Seed,
            NodeStart.With(
                ("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString), ("Cluster:Enabled", "true"),
                ("Namespaces:sessions:Durability", "sql")) with { ExpectedTrouble = "cannot be written" });
        var faults = new ClusterFaults(run, redis, postgres, cut, clock, random).All.ToArray();
        for (var round = TestLength.Of(1, 20); round > 0; round--)
        {
            random.Shuffle(faults);
            foreach (var (name, act) in faults)
            {
                try
                {
                    await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
                    var began = TimeProvider.System.GetTimestamp();
                    await act();
                    await run.FurtherAcksAsync(100);
                    output.WriteLine($"{name}: traffic again {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s after it began");
                }
                catch (Exception failure)
                {
                    throw new InvalidOperationException($"when {name}: {failure.Message}", failure);
                }
            }
        }

        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
    }
}
