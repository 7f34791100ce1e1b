using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>A disk that fills up under the embedded journal, and gets space again.</summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const int Seed = 24;
    private const int SmallKilobytes = 1024;
    private const int LargeKilobytes = 256 * 1024;

    [FactWhere(Needs.Mounts)]
    public async Task A_full_disk_refuses_publishes_for_a_while_turns_the_node_unready_and_loses_nothing()
    {
        await using var disk = await SmallDisk.MountAsync(SmallKilobytes);
        await using var run = await StartAsync(disk);
        await FullAsync(run);
        await disk.FillAsync();
        await FullAsync(run);
        // What a larger write began in the log and did not finish may hold a few small ones, so new channels are opened until that is used up.
        var channel = "";
        await Eventually.UntilAsync(
            async () => await (await run.NodeAsync()).GetAsync($"/api/v1/history?channel={channel = $"topics/other-{Guid.NewGuid():N}"}") is { Status: 503 } history
                && history.Json.Text("code") == "UNAVAILABLE",
            "history is refused");
        var refused = await (await run.NodeAsync()).PublishOnceAsync(channel);
        Assert.Equal("UNAVAILABLE", refused.Text("code"));
        Assert.True(refused.Number("retry_after_ms") > 0, refused.GetRawText());
        await using (var listener = await (await run.NodeAsync()).NativeAsync())
        {
            await listener.SendAsync($$"""{"type":"subscribe","channel":"{{channel}}","id":"s"}""");
            Assert.Equal("UNAVAILABLE", (await listener.NextJsonAsync()).Text("code"));
        }

        // The node goes on by itself. Then the disk is full again, and the node dies and starts on it as it is.
        await disk.GrowAsync(2 * SmallKilobytes);
        await run.FurtherAcksAsync(100);
        await FullAsync(run);
        await run.KillAndRestartAsync();
        await FullAsync(run);
        await disk.GrowAsync(LargeKilobytes);
        await WellAsync(run);
        await run.FurtherAcksAsync(100);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
        Assert.True(report.Refusals > 0, report.ToString());
    }

    private static Task<DurabilityRun> StartAsync(SmallDisk disk) => DurabilityRun.StartAsync(
        1, Seed,
        NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Storage:Path", Path.Combine(disk.Path, "data"))) with { ExpectedTrouble = "cannot be written" });

    private static Task FullAsync(DurabilityRun run) => Eventually.UntilAsync(
        async () => await (await run.NodeAsync()).GetAsync("/ready") is { Status: 503 } answer
            && answer.Json.GetProperty("reasons").Text("journal")!.Contains("database or disk is full", StringComparison.Ordinal),
        "/ready says that the disk is full");

    private static Task WellAsync(DurabilityRun run) =>
        Eventually.UntilAsync(async () => (await (await run.NodeAsync()).GetAsync("/ready")).Status == 200, "/ready is green again");
}
