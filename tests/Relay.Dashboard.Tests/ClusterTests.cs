using System.Text.Json;
using Microsoft.Playwright;
using Relay.Dashboard.Tests.Support;
using Relay.EndToEnd.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace Relay.Dashboard.Tests;

/// <summary>What the pages show of a cluster whose nodes come and go.</summary>
[Collection(nameof(DashboardCollection))]
public sealed class ClusterTests(DashboardFixture dashboard)
{
    private const string Channel = "topics/trail";

    [Fact]
    public async Task Cluster_shows_nodes_and_shards_and_moves_one()
    {
        await using var open = await dashboard.OpenAsync("/cluster");
        var page = open.Page;
        await Expect(Row(page, "n1")).ToContainTextAsync("(this one)");
        await Expect(Row(page, "n2")).ToContainTextAsync("up");
        var fields = page.Locator("button.shard");
        await Expect(fields).ToHaveCountAsync(32);
        var field = page.Locator("button.shard.owner-0, button.shard.owner-1").First;
        var number = await field.InnerTextAsync();
        await field.ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Move to").SelectOptionAsync("n3");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Move", Exact = true }).ClickAsync();
        await Expect(dialog).ToContainTextAsync("Pinned to");
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = $"Shard {number}: n3, serving, pinned to n3", Exact = true })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Region, new PageGetByRoleOptions { Name = "What operators did" })).ToContainTextAsync($"shard {number}");
        open.AssertNoErrors();
    }

    [Fact]
    public async Task No_event_is_missing_or_repeated_on_the_live_page_while_its_node_is_drained_and_then_killed()
    {
        var nodes = dashboard.Cluster.Nodes;
        var leaving = await dashboard.Cluster.AddAsync();
        await using var entrance = new Entrance(leaving.Port("main"));
        await using var live = await dashboard.OpenAsync($"/live?source={Channel}", entrance.Address);
        await PagesTests.ReadyAsync(live.Page);
        await using var publisher = new Publisher(nodes[1], Channel);
        await publisher.ReachesAsync(20);

        // Drained from the page of another node, through the same steps as a person would take.
        await using var cluster = await dashboard.OpenAsync("/cluster");
        entrance.Lead(nodes[0].Port("main"));
        await ActAsync(cluster.Page, "Drain", "n4");
        await Expect(Row(cluster.Page, "n4")).ToContainTextAsync("drained");
        await ConnectedAsync(live.Page, "n1");
        await publisher.ReachesAsync(publisher.Accepted + 20);

        // Back on the node, which is then killed with whatever it owns.
        await ActAsync(cluster.Page, "Undrain", "n4");
        await Expect(Row(cluster.Page, "n4")).Not.ToContainTextAsync("drained");
        entrance.Lead(leaving.Port("main"));
        await Expect(live.Page.Locator("[data-testid=figures]")).ToContainTextAsync("received");
        await using (var second = await dashboard.OpenAsync($"/live?source={Channel}", entrance.Address))
        {
            await PagesTests.ReadyAsync(second.Page);
            await publisher.ReachesAsync(publisher.Accepted + 20);
            entrance.Lead(nodes[2].Port("main"));
            await dashboard.Cluster.KillAsync(3);
            await ConnectedAsync(second.Page, "n3");
            await publisher.ReachesAsync(publisher.Accepted + 20);
            var all = await publisher.StopAsync();
            await AllAsync(live.Page, all, fromFirst: true);
            await AllAsync(second.Page, all, fromFirst: false);
            second.AssertNoErrors();
        }

        live.AssertNoErrors();
        cluster.AssertNoErrors();
    }

    private static async Task ActAsync(IPage page, string act, string node)
    {
        await Row(page, node).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = $"{act} {node}", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = act, Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    private static ILocator Row(IPage page, string node) => page.GetByRole(AriaRole.Row).Filter(new LocatorFilterOptions { Has = page.GetByRole(AriaRole.Rowheader).Filter(new LocatorFilterOptions { HasText = node }) });

    private static Task ConnectedAsync(IPage page, string node) =>
        Expect(page.GetByRole(AriaRole.Status, new PageGetByRoleOptions { Name = "Connection", Exact = true })).ToContainTextAsync("connected to " + node);

    // As a person would find out: by looking through the whole list.
    private static async Task AllAsync(IPage page, int last, bool fromFirst)
    {
        await Expect(page.GetByText($"\"number\":{last},", new PageGetByTextOptions()).First).ToBeVisibleAsync();
        var listed = (await page.EvaluateAsync<JsonElement>(
            """
            async () => {
              const list = document.querySelector('.virtual'), found = new Map();
              for (let top = 0; top <= list.scrollHeight; top += 200) {
                list.scrollTop = top;
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                for (const row of list.querySelectorAll('[role=option]')) found.set(row.id, row.querySelector('.data') ? JSON.parse(row.querySelector('.data').textContent).number : row.textContent);
              }
              return [...found.values()].sort((one, other) => one - other);
            }
            """)).EnumerateArray().Select(static one => one.ToString()).ToList();
        var first = fromFirst ? 1 : int.Parse(listed[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(string.Join(' ', Enumerable.Range(first, last - first + 1)), string.Join(' ', listed));
    }

    /// <summary>Publishes numbers one after the other, each until it is accepted.</summary>
    private sealed class Publisher : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ending = new();
        private readonly Task _loop;
        private volatile int _accepted;

        public Publisher(NodeProcess node, string channel) => _loop = PublishAsync(node, channel);

        public int Accepted => _accepted;

        public Task ReachesAsync(int number) => Relay.Testing.Eventually.Until(() => _loop.IsFaulted || _accepted >= number, TimeSpan.FromSeconds(60));

        public async Task<int> StopAsync()
        {
            await _ending.CancelAsync();
            await _loop;
            return _accepted;
        }

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ending.Dispose();
        }

        private async Task PublishAsync(NodeProcess node, string channel)
        {
            while (!_ending.IsCancellationRequested)
            {
                var number = _accepted + 1;
                var answer = await node.PostAsync("/api/v1/publish", $$"""{"channel":"{{channel}}","event":"step","data":{"number":{{number}},"of":"trail"},"id":"trail-{{number}}"}""");
                if (answer.Status == 200)
                {
                    _accepted = number;
                }

                // A pace, so that the page's list holds all of it; refused ones are repeated under the same id.
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            }
        }
    }
}
