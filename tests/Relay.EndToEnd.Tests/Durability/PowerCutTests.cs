using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// guarantees.md 5: nothing acknowledged is lost by a power cut. The machine with the store dies at any moment, and its disk has what was synchronised; clients,
/// who live elsewhere, go on with what they were told.
/// </summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int Seed = 23;
    private const int SqliteMegabytes = 512;

    /// <summary>A new cluster takes 40 MB, its log up to 1 GB.</summary>
    private const int PostgresMegabytes = 2048;

    /// <summary>A cut falls this many acks behind the one before at most.</summary>
    private const int MostAcksBetweenCuts = 800;

    [FactWhere(Needs.PowerCuts)]
    public async Task Power_cuts_lose_repeat_and_reorder_nothing_with_SQLite()
    {
        await using var disk = await PowerCutDisk.MountAsync(SqliteMegabytes);
        await using var run = await DurabilityRun.StartAsync(Seed, ("Namespaces:topics:Durability", "sql"), ("Storage:Path", Path.Combine(disk.Path, "data")));
        var random = new Random(Seed);
        var cuts = TestLength.Of(3, 20);
        for (var cut = 0; cut < cuts; cut++)
        {
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenCuts));
            await run.KillAndRestartAsync(disk.CutAsync);
        }

        await EndAsync(run, cuts);
    }

    /// <summary>Every other time the node is on the machine that loses its power.</summary>
    [FactWhere(Needs.PowerCuts)]
    public async Task Power_cuts_lose_repeat_and_reorder_nothing_with_PostgreSQL()
    {
        await using var disk = await PowerCutDisk.MountAsync(PostgresMegabytes);
        await using var postgres = await PostgresServerProcess.StartOnAsync(disk.Path);
        await using var run = await DurabilityRun.StartAsync(
            1, Seed,
            NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString)) with { ExpectedTrouble = "cannot be written" });
        var random = new Random(Seed);
        var cuts = TestLength.Of(2, 20);
        for (var cut = 0; cut < cuts; cut++)
        {
            await run.FurtherAcksAsync(1 + random.Next(MostAcksBetweenCuts));
            if (cut % 2 == 0)
            {
                await run.KillAndRestartAsync(CutAsync);
            }
            else
            {
                await CutAsync();
            }
        }

        await EndAsync(run, cuts);

        async Task CutAsync()
        {
            await postgres.KillAllAsync();
            await disk.CutAsync();
            await postgres.StartAgainAsync();
        }
    }

    /// <summary>
    /// The negative control: the same cut, and a disk that says "synchronised" and does nothing. If nothing were lost here, the cut would be none and the other
    /// tests would mean nothing.
    /// </summary>
    [FactWhere(Needs.FailingCalls)]
    public async Task The_same_cut_of_a_disk_that_does_not_synchronise_is_caught()
    {
        await using var disk = await PowerCutDisk.MountAsync(SqliteMegabytes);
        await using var run = await DurabilityRun.StartAsync(
            1, Seed,
            NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Storage:Path", Path.Combine(disk.Path, "data"))) with
            {
                Under = SystemCalls.Inject("fdatasync,fsync:retval=0"), ExpectedTrouble = "has lost its tail",
            });
        await run.FurtherAcksAsync(300);
        run.Change(static start => start with { Under = [] });
        await run.KillAndRestartAsync(disk.CutAsync);
        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString().Split('\n')[0]);
        Assert.True(report.Count(FindingKind.Lost) >= 100, report.ToString());
        Assert.True(report.ToldGaps > 0, report.ToString());
    }

    private async Task EndAsync(DurabilityRun run, int cuts)
    {
        await run.FurtherAcksAsync(1);
        var report = await run.EndAsync();
        output.WriteLine($"{cuts} power cuts: {report}");
        run.AssertPerfect(report);
    }
}
