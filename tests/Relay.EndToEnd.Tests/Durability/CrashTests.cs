using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// guarantees.md 1 to 5 under <c>kill -9</c> of the node at any moment.
/// </summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Seed = 20;

    /// <summary>A kill falls this many acks behind the one before at most.</summary>
    private const int MostAcksBetweenKills = 1500;

    [Fact]
    public async Task Killed_nodes_lose_repeat_and_reorder_nothing_with_SQLite()
    {
        using var folder = new TempFolder();
        await KillAsync(TestLength.Of(8, 200), ("Storage:Path", folder.Path));
    }

    [Fact]
    public async Task Killed_nodes_lose_repeat_and_reorder_nothing_with_PostgreSQL()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await KillAsync(TestLength.Of(4, 50), ("Postgres:Connection", postgres.ConnectionString));
    }

    /// <summary>The node and the server die in turn; the server writes and synchronises its log at every command.</summary>
    [Fact]
    public async Task Killed_nodes_and_a_killed_server_lose_repeat_and_reorder_nothing_with_Redis()
    {
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        var random = new Random(Seed);
        await using var run = await DurabilityRun.StartAsync(
            1, Seed,
            NodeStart.With(("Namespaces:topics:Durability", "redis"), ("Redis:Endpoints", redis.Endpoint)) with { ExpectedTrouble = "cannot be written" });
        var kills = TestLength.Of(4, 50);
        for (var kill = 0; kill < kills; kill++)
        {
            await ComeToTheMomentAsync(run, random);
            if (kill % 2 == 0)
            {
                await redis.KillAsync();
                await redis.StartAgainAsync();
            }
            else
            {
                await run.KillAndRestartAsync();
            }
        }

        await EndAsync(run, kills);
    }

    /// <summary>
    /// The negative control: the same clients, faults and checker, and a node that acknowledges what it keeps nowhere. If this run passed, the others would
    /// mean nothing.
    /// </summary>
    [Fact]
    public async Task The_same_run_without_a_journal_is_caught()
    {
        await using var run = await DurabilityRun.StartAsync(Seed, ("Namespaces:topics:Durability", "memory"));
        await run.FurtherAcksAsync(100);
        await run.KillAndRestartAsync();
        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString().Split('\n')[0]);
        Assert.True(report.Count(FindingKind.Lost) >= 200, report.ToString());
        Assert.True(report.ToldGaps > 0, report.ToString());
    }

    private async Task KillAsync(int kills, (string, string) storage)
    {
        var random = new Random(Seed);
        await using var run = await DurabilityRun.StartAsync(Seed, ("Namespaces:topics:Durability", "sql"), storage);
        for (var kill = 0; kill < kills; kill++)
        {
            await ComeToTheMomentAsync(run, random);
            await run.KillAndRestartAsync();
        }

        await EndAsync(run, kills);
    }

    private async Task EndAsync(DurabilityRun run, int kills)
    {
        await run.FurtherAcksAsync(1);
        var report = await run.EndAsync();
        output.WriteLine($"{kills} kills: {report}");
        run.AssertPerfect(report);
        Assert.True(report.Resumes > kills, report.ToString());
    }

    // At once: the node reads its journal, or nobody is connected yet. After a few acks: clients are resuming and sending again. Else: traffic is running.
    // The turns of the scheduler behind the ack scatter the kill over what the node does next.
    private static async Task ComeToTheMomentAsync(DurabilityRun run, Random random)
    {
        var acks = random.Next(4) switch
        {
            0 => 0,
            1 => 1 + random.Next(20),
            _ => 1 + random.Next(MostAcksBetweenKills),
        };
        if (acks > 0)
        {
            await run.FurtherAcksAsync(acks);
        }

        for (var turns = random.Next(2000); turns > 0; turns--)
        {
            await Task.Yield();
        }
    }
}
