using System.Globalization;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// guarantees.md 1 to 5 under <c>kill -9</c> of the node at any moment. <c>RELAY_CRASH_KILLS</c> says how many kills each test makes, for long runs.
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
        await KillAsync(Kills(8), ("Storage:Path", folder.Path));
    }

    [Fact]
    public async Task Killed_nodes_lose_repeat_and_reorder_nothing_with_PostgreSQL()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await KillAsync(Kills(4), ("Postgres:Connection", postgres.ConnectionString));
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

    private static int Kills(int usual) =>
        Environment.GetEnvironmentVariable("RELAY_CRASH_KILLS") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual;
}
