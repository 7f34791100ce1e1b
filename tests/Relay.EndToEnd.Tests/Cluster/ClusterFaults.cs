using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>
/// What may happen to a cluster of real processes (docs/cluster.md, "What each failure does"). Each fault ends by itself; what it left behind is the relay's to mend. How long some of them
/// last is their nature, so here time is waited for.
/// </summary>
internal sealed class ClusterFaults(DurabilityRun run, RedisServerProcess redis, PostgresServerProcess? postgres, NetworkProxy? cut, FakeClock? clock, Random random)
{
    /// <summary>Beyond the lease of 4 s, so that others take over.</summary>
    private static readonly TimeSpan BeyondTheLease = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan WithinTheLease = TimeSpan.FromSeconds(2);

    /// <summary>Of a clock that has jumped, and something besides.</summary>
    private static readonly TimeSpan SeenByAll = TimeSpan.FromSeconds(2);

    /// <summary>All of them by name.</summary>
    public IReadOnlyList<(string Name, Func<Task> Act)> All =>
    [
        ("a node is killed", KillNodeAsync),
        ("a node stops as planned and comes back", StopNodeAsync),
        ("a node is paused beyond its lease", () => PauseAsync(BeyondTheLease)),
        ("a node is paused within its lease", () => PauseAsync(WithinTheLease)),
        ("Redis is killed and comes back empty", KillRedisAsync),
        ("Redis is emptied", () => redis.RunAsync("FLUSHALL")),
        ("Redis answers nobody for a while", () => redis.RunAsync("CLIENT", "PAUSE", "5000", "ALL")),
        ("Redis is frozen", FreezeRedisAsync),
        ("Redis has no memory left", FillRedisAsync),
        ("Redis forgets its scripts and cuts everybody off", CutEverybodyAsync),
        ("Redis cuts off subscribers that are slow", CutSlowSubscribersAsync),
        .. postgres is null ? [] : new (string, Func<Task>)[] { ("PostgreSQL is killed and comes back", KillPostgresAsync) },
        .. clock is null ? [] : new (string, Func<Task>)[] { ("the wall clock of a node jumps an hour ahead and back", TurnClockAsync) },
        .. cut is null ? [] : new (string, Func<Task>)[] { ("a node is cut off from Redis but not from its clients", CutOffAsync) },
    ];

    private RestartedNode AnyNode => run.Nodes[random.Next(run.Nodes.Count)];

    private async Task KillNodeAsync()
    {
        var node = AnyNode;
        await node.KillAsync();
        await node.StartAsync();
    }

    private async Task StopNodeAsync()
    {
        var node = AnyNode;
        await node.StopAsync();
        await node.StartAsync();
    }

    private async Task PauseAsync(TimeSpan time)
    {
        var node = await AnyNode.CurrentAsync();
        node.Pause();
        await Task.Delay(time, TimeProvider.System);
        node.Continue();
    }

    private async Task KillRedisAsync()
    {
        await redis.KillAsync();
        await redis.StartAgainAsync();
    }

    private async Task FreezeRedisAsync()
    {
        redis.Freeze();
        await Task.Delay(BeyondTheLease, TimeProvider.System);
        redis.Thaw();
    }

    private async Task FillRedisAsync()
    {
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        await Task.Delay(BeyondTheLease, TimeProvider.System);
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "0");
    }

    private async Task CutEverybodyAsync()
    {
        await redis.RunAsync("SCRIPT", "FLUSH");
        await redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await redis.RunAsync("CLIENT", "KILL", "TYPE", "normal");
    }

    private async Task CutSlowSubscribersAsync()
    {
        await redis.RunAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 20kb 20kb 0");
        await PauseAsync(WithinTheLease);
        await redis.RunAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60");
    }

    private async Task KillPostgresAsync()
    {
        await postgres!.KillAsync();
        await postgres.StartAgainAsync();
    }

    private async Task TurnClockAsync()
    {
        foreach (var hours in new[] { 1, -1, 0 })
        {
            clock!.Shift(TimeSpan.FromHours(hours));
            await Task.WhenAll(run.FurtherAcksAsync(200), Task.Delay(SeenByAll, TimeProvider.System));
        }
    }

    private async Task CutOffAsync()
    {
        cut!.Cut();
        await Task.Delay(BeyondTheLease, TimeProvider.System);
        cut.Heal();
    }
}
