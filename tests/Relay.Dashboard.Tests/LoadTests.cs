using System.Globalization;
using System.Text;
using System.Text.Json;
using Relay.Dashboard.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Dashboard.Tests;

/// <summary>Many events per second.</summary>
[Collection(nameof(DashboardCollection))]
public sealed class LoadTests(DashboardFixture dashboard, ITestOutputHelper output)
{
    private const int PerBatch = 250;
    private const int PerSecond = 10_000;

    private const string Measure =
        """
        () => {
          window.measured = { longest: 0, blocks: 0, frames: 0, heap: performance.memory?.usedJSHeapSize ?? 0 };
          new PerformanceObserver(list => {
            for (const entry of list.getEntries()) { measured.blocks++; measured.longest = Math.max(measured.longest, entry.duration); }
          }).observe({ type: 'longtask' });
          const frame = () => { measured.frames++; requestAnimationFrame(frame); };
          requestAnimationFrame(frame);
        }
        """;

    private static readonly HttpClient Client = new();

    // The tempo is the machine's, so it is told and not judged; that each event arrived and is counted, and that the page says what it leaves out, is.
    [Fact]
    public async Task Ten_thousand_events_per_second_are_counted_one_by_one_and_shown_in_part()
    {
        var events = PerSecond * TestLength.Of(1, 30);
        await using var open = await dashboard.OpenAsync("/live?source=projects/load");
        var page = open.Page;
        await PagesTests.ReadyAsync(page);
        await page.EvaluateAsync(Measure);
        var items = string.Join(',', Enumerable.Repeat("""{"channel":"projects/load","event":"metric.update","data":{"cpu":12.5,"memory":734003200,"queue":[1,2,3],"worker":"w-17"}}""", PerBatch));
        var body = Encoding.UTF8.GetBytes($$"""{"items":[{{items}}]}""");
        var address = dashboard.Cluster.Nodes[0].Http("/api/v1/batch");
        var began = TimeProvider.System.GetTimestamp();
        for (var sent = 0; sent < events; sent += PerBatch)
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
            using var answer = await Client.PostAsync(address, content);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            var ahead = TimeSpan.FromSeconds((double)(sent + PerBatch) / PerSecond) - TimeProvider.System.GetElapsedTime(began);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead, TimeProvider.System);
            }
        }

        var took = TimeProvider.System.GetElapsedTime(began);
        await Microsoft.Playwright.Assertions.Expect(page.Locator("[data-testid=figures] strong").First).ToHaveTextAsync(events.ToString("N0", CultureInfo.InvariantCulture));
        await Microsoft.Playwright.Assertions.Expect(page.Locator("[data-testid=sampling]")).ToContainTextAsync("showing 1 in ");
        var measured = await page.EvaluateAsync<JsonElement>("() => ({ ...measured, heapNow: performance.memory?.usedJSHeapSize ?? 0 })");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{events} events in {took.TotalSeconds:0.0} s; the page's main thread was blocked {measured.GetProperty("longest").GetDouble():0} ms at most, {measured.GetProperty("blocks").GetInt32()} times 50 ms or more; {measured.GetProperty("frames").GetInt32() / took.TotalSeconds:0} frames per second; heap {measured.GetProperty("heap").GetDouble() / 1e6:0} to {measured.GetProperty("heapNow").GetDouble() / 1e6:0} MB"));
        open.AssertNoErrors();
    }
}
