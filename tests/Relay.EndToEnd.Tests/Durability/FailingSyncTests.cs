using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// A disk that fails to synchronise. What an <c>fsync</c> did not bring to the disk, no later one brings: the kernel takes the pages for clean. So the power is cut
/// behind the errors, which shows whether anything acknowledged rested on them.
/// </summary>
public sealed partial class FailingSyncTests(ITestOutputHelper output)
{
    private const int Seed = 25;
    private const int Megabytes = 512;

    /// <summary>Counted in each thread; making the journal takes ten in the thread that starts the node.</summary>
    private const string NowAndThen = "fdatasync,fsync:error=EIO:when=12+12";

    private const string FromSomeMomentOn = "fdatasync,fsync:error=EIO:when=12+";

    [FactWhere(Needs.FailingCalls)]
    public async Task Syncs_that_fail_are_acknowledged_to_nobody_and_nothing_goes_on_with_what_failed()
    {
        await using var disk = await PowerCutDisk.MountAsync(Megabytes);
        using var traces = new TempFolder();
        await using var run = await DurabilityRun.StartAsync(
            1, Seed,
            NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Storage:Path", Path.Combine(disk.Path, "data"))) with
            {
                Under = SystemCalls.Inject(NowAndThen, traces.File("trace"), traced: ",openat"), ExpectedTrouble = "cannot be written",
            });
        for (var phase = TestLength.Of(1, 20); phase > 0; phase--)
        {
            await (await run.NodeAsync()).SaysAsync("cannot be written");
            await run.FurtherAcksAsync(200);
            await run.KillAndRestartAsync(disk.CutAsync);
        }

        run.Change(static start => start with { Under = SystemCalls.Inject(FromSomeMomentOn) });
        await run.KillAndRestartAsync();
        await Eventually.UntilAsync(
            async () => await (await run.NodeAsync()).GetAsync("/ready") is { Status: 503 } answer
                && answer.Json.GetProperty("reasons").Text("journal")!.Contains("disk I/O error", StringComparison.Ordinal),
            "/ready says that the disk is broken");
        run.Change(static start => start with { Under = [] });
        await run.KillAndRestartAsync(disk.CutAsync);
        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync();
        var failed = Directory.GetFiles(traces.Path).Sum(AssertOpenedAnew);
        output.WriteLine($"{failed} failed syncs: {report}");
        run.AssertPerfect(report);
        Assert.True(failed > 0 && report.Refusals > 0, report.ToString());
    }

    /// <summary>In one thread's calls: behind a sync that failed comes none of the same file before it was opened again. Returns how many failed.</summary>
    private static int AssertOpenedAnew(string trace)
    {
        var failed = new HashSet<string>(StringComparer.Ordinal);
        var count = 0;
        foreach (var line in File.ReadLines(trace))
        {
            if (OpenedLine().Match(line) is { Success: true } opened)
            {
                failed.Remove(opened.Groups["file"].Value);
            }
            else if (SyncLine().Match(line) is { Success: true } sync)
            {
                var file = sync.Groups["file"].Value;
                Assert.False(failed.Contains(file), $"{line}\nsynchronises a file whose last sync failed, through the same descriptor:\n{File.ReadAllText(trace)}");
                if (line.EndsWith("(INJECTED)", StringComparison.Ordinal))
                {
                    failed.Add(file);
                    count++;
                }
            }
        }

        return count;
    }

    [GeneratedRegex(@"^openat\(.* = \d+<(?<file>[^>]+)>$", RegexOptions.NonBacktracking)]
    private static partial Regex OpenedLine();

    [GeneratedRegex(@"^f(data)?sync\(\d+<(?<file>[^>]+)>", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex SyncLine();
}
