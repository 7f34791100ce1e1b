using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>
/// guarantees.md 1 to 7 on a cluster to which everything happens that docs/cluster.md speaks of, under recorded load: each fault once on three nodes; in a long run any of them for a quarter
/// of an hour on five, with 2,000 clients.
/// </summary>
public sealed class ClusterFaultTests(ITestOutputHelper output)
{
    private const int Seed = 52;

    /// <summary>At the pace of the publishers some seconds.</summary>
    private const int MostAcksBetweenFaults = 300;

    private const int FaultsBetweenLists = 5;

    /// <summary>The lease and two seconds, when the machine has nothing else to do; else this only tells that the lists become right at all.</summary>
    private static readonly TimeSpan LatestLists = TimeSpan.FromSeconds(TestLength.IsLong ? 6 : 60);

    private static readonly TimeSpan Length = TimeSpan.FromSeconds(TestLength.Of(0, 900));

    private static readonly string[] Channels = [.. Enumerable.Range(1, 100).Select(static n => $"topics/f-{n}")];

    private static readonly HashSet<string> Present = new(Channels.Take(10), StringComparer.Ordinal);

    [Fact]
    public async Task Whatever_happens_to_nodes_Redis_and_PostgreSQL_nothing_is_lost_repeated_or_reordered_and_only_who_is_connected_is_present()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var redis = await RedisServerProcess.StartAsync();
        await using var cut = new NetworkProxy(redis.Port);
        using var clock = new FakeClock();
        var random = new Random(Seed);
        await using var run = await DurabilityRun.StartAsync(
            Shape((node, start) => node switch
            {
                0 => start.Or(("Redis:Endpoints", $"127.0.0.1:{cut.Port}")),
                1 => start.Or(("Redis:Endpoints", redis.Endpoint)) with { Environment = clock.Environment },
                _ => start.Or(("Redis:Endpoints", redis.Endpoint)),
            }),
            Seed,
            NodeStart.With(
                ("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString), ("Cluster:Enabled", "true"),
                ("Namespaces:sessions:Durability", "sql")) with { ExpectedTrouble = "cannot be written" });
        var count = 0;
        foreach (var (name, act) in InTurn(new ClusterFaults(run, redis, postgres, cut, clock, random).All, random))
        {
            try
            {
                await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenFaults));
                var began = TimeProvider.System.GetTimestamp();
                await act();
                await run.FurtherAcksAsync(100);
                output.WriteLine($"{name}: traffic again {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s after it began");
                if (++count % FaultsBetweenLists == 0)
                {
                    await AssertListsAsync(run);
                }
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"when {name}: {failure.Message}", failure);
            }
        }

        await AssertListsAsync(run);
        var report = await run.EndAsync();
        output.WriteLine($"{count} faults, {run.Nodes.Count} nodes, {run.Subscribers.Count} subscribers: {report}");
        run.AssertPerfect(report);
    }

    private static RunShape Shape(Func<int, NodeStart, NodeStart> each) => new()
    {
        Nodes = TestLength.IsLong ? 5 : 3,
        Roams = true,
        Publishers = 6,
        Pause = TimeSpan.FromMilliseconds(40),
        Subscribers = TestLength.IsLong ? 2000 : 200,
        Channels = Channels,
        ChannelsEach = 2,
        EventsPerConnection = 400,
        PresentOn = Present,
        Each = each,
    };

    // Each once, in any order; in a long run again and again until its time is over.
    private static IEnumerable<(string Name, Func<Task> Act)> InTurn(IReadOnlyList<(string Name, Func<Task> Act)> all, Random random)
    {
        var began = TimeProvider.System.GetTimestamp();
        var faults = all.ToArray();
        do
        {
            random.Shuffle(faults);
            foreach (var fault in faults.TakeWhile(_ => !TestLength.IsLong || TimeProvider.System.GetElapsedTime(began) < Length))
            {
                yield return fault;
            }
        }
        while (TimeProvider.System.GetElapsedTime(began) < Length);
    }

    private async Task AssertListsAsync(DurabilityRun run)
    {
        var took = await PresenceLists.AgreeAsync(run, Present);
        output.WriteLine($"lists of who is present: right on all nodes {took.TotalSeconds:0.0} s after all were connected");
        Assert.True(took < LatestLists, $"{took}");
    }
}
