using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>guarantees.md 1 to 6 on three nodes whose Redis has replicas and Sentinels: the primary is killed, and cut off with one of the nodes.</summary>
public sealed class ClusterSentinelTests(ITestOutputHelper output)
{
    private const int Seed = 53;
    private const int MostAcksBetweenFaults = 800;

    [Fact]
    public async Task Killed_primaries_lose_repeat_and_reorder_nothing_with_PostgreSQL()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await KillPrimariesAsync(
            TestLength.Of(1, 15), ("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString), ("Namespaces:sessions:Durability", "sql"));
    }

    [Fact]
    public async Task Killed_primaries_lose_repeat_and_reorder_nothing_of_what_a_replica_had_to_have() =>
        await KillPrimariesAsync(TestLength.Of(1, 15), ("Namespaces:topics:Durability", "redis"), ("Namespaces:sessions:Durability", "redis"));

    [Fact]
    public async Task A_primary_that_is_cut_off_with_a_node_takes_nothing_with_it_that_was_acknowledged()
    {
        var rounds = TestLength.Of(1, 10);
        for (var round = 0; round < rounds; round++)
        {
            await DivideAsync(Seed + round, static (run, report) => run.AssertPerfect(report));
        }
    }

    /// <summary>The checker must see what WAIT is for.</summary>
    [Fact]
    public async Task Without_WAIT_a_primary_that_is_cut_off_takes_acknowledged_events_with_it() =>
        await DivideAsync(Seed, static (_, report) => Assert.True(report.Count(FindingKind.Lost) > 0, report.ToString()), ("Redis:WaitReplicas", "0"));

    private static RunShape ThreeNodes => RunShape.Cluster("topics/s");

    private static NodeStart Start(params (string Key, string Value)[] settings) =>
        NodeStart.With([.. settings, ("Redis:Sentinel", SentinelSetup.Name), ("Cluster:Enabled", "true")]) with { ExpectedTrouble = "cannot be written" };

    private async Task KillPrimariesAsync(int kills, params (string, string)[] settings)
    {
        await using var setup = await SentinelSetup.StartAsync();
        await using var run = await DurabilityRun.StartAsync(ThreeNodes, Seed, Start([.. settings, ("Redis:Endpoints", setup.Endpoints)]));
        var random = new Random(Seed);
        for (var kill = 0; kill < kills; kill++)
        {
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
            var former = await setup.PrimaryAsync();
            var began = TimeProvider.System.GetTimestamp();
            await former.KillAsync();
            await setup.FailedOverAsync(former);
            var moved = TimeProvider.System.GetElapsedTime(began);
            await run.FurtherAcksAsync(100);
            output.WriteLine($"the Sentinels agreed {moved.TotalSeconds:0.0} s after the kill, traffic again after {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s");
            await former.StartAgainAsync();
            await setup.SettledAsync(replicas: 2);
        }

        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync();
        output.WriteLine($"{kills} kills: {report}");
        run.AssertPerfect(report);
    }

    /// <summary>
    /// The first node and the primary are on one side, with a Sentinel that goes on naming it; replicas, Sentinels and the other nodes are on the other. The division ends when the
    /// first node hears of the new primary.
    /// </summary>
    private async Task DivideAsync(int seed, Action<DurabilityRun, CheckReport> judge, params (string, string)[] settings)
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings
        {
            Divisible = true,

            // As docs/cluster-redis.md wants it: the first node loses its shards before the others have them.
            Extra = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"],
        });
        var former = setup.Servers[0];
        await using var side = new StaleSentinel(SentinelSetup.Name, former.Port);

        // A publisher of the first node soon waits for channels of the others: so many, so that some is acknowledged there before.
        var shape = ThreeNodes with { Publishers = 12, Each = (node, start) => start.Or(("Redis:Endpoints", node == 0 ? side.Endpoint : setup.Endpoints)) };
        await using var run = await DurabilityRun.StartAsync(shape, seed, Start([.. settings, ("Namespaces:topics:Durability", "redis"), ("Namespaces:sessions:Durability", "redis")]));
        await run.FurtherAcksAsync(300);
        setup.Cut!.Cut();
        var primary = await setup.FailedOverAsync(former);
        await run.FurtherAcksAsync(500);
        await side.AnnounceAsync(primary.Port);
        run.Nodes[0].Change(start => start with
        {
            Settings = NodeStart.With(("Redis:Endpoints", setup.Endpoints)).Or([.. start.Settings.Select(static one => (one.Key, one.Value))]).Settings,
        });
        await run.FurtherAcksAsync(500);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString().Split('\n')[0]);
        judge(run, report);
    }
}
