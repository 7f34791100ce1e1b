using System.Text.Json;
using Microsoft.Playwright;
using Relay.Dashboard.Tests.Support;
using Relay.Testing;
using static Microsoft.Playwright.Assertions;

namespace Relay.Dashboard.Tests;

/// <summary>Whether everybody can use the pages, in light and dark.</summary>
[Collection(nameof(DashboardCollection))]
public sealed class LookTests(DashboardFixture dashboard)
{
    private static readonly bool IsDrawing = Environment.GetEnvironmentVariable("RELAY_UPDATE_DOCS") is { Length: > 0 };

    [Fact]
    public Task Axe_finds_nothing_on_any_page() => AxeFindsNothingAsync(ColorScheme.Light);

    /// <summary>The colours alone are others: in a long run, and when pictures are drawn.</summary>
    [Fact]
    public Task Axe_finds_nothing_on_any_page_in_the_dark() => TestLength.IsLong || IsDrawing ? AxeFindsNothingAsync(ColorScheme.Dark) : AxeFindsNothingOnAsync("/live", ColorScheme.Dark);

    private async Task AxeFindsNothingOnAsync(string path, ColorScheme colors)
    {
        await using var open = await dashboard.OpenAsync(path, colors: colors);
        await PagesTests.ReadyAsync(open.Page);
        await LookAsync(open.Page, null, colors);
        open.AssertNoErrors();
    }

    private async Task AxeFindsNothingAsync(ColorScheme colors)
    {
        await using var builder = await PlainClient.SubscribeAsync(dashboard.Cluster.Nodes[1].Ws("/relay?agent_id=builder"), """{"type":"subscribe","channel":"topics/builds","presence":true,"id":"s"}""");
        await using var watcher = await PlainClient.SubscribeAsync(dashboard.Cluster.Nodes[2].Ws("/relay?agent_id=watcher"), """{"type":"subscribe","channel":"topics/builds","presence":true,"id":"s"}""");
        await using var open = await dashboard.OpenAsync("/live", colors: colors);
        var page = open.Page;
        await PagesTests.ReadyAsync(page);
        foreach (var number in Enumerable.Range(1, 24))
        {
            await DashboardFixture.PublishAsync(dashboard.Cluster.Nodes[number % 3], number % 4 == 0 ? "global" : "topics/builds", number % 5 == 0 ? "task.failed" : "task.completed", number);
        }

        await page.GetByRole(AriaRole.Option).Filter(new LocatorFilterOptions { HasText = "task.completed" }).First.ClickAsync();
        await Expect(page.GetByText("went to")).ToBeVisibleAsync();
        await LookAsync(page, "live", colors);
        await page.Keyboard.PressAsync("?");
        await LookAsync(page, null, colors);
        await page.Keyboard.PressAsync("Escape");

        await ShowAsync(page, "Dashboard", ".uplot");
        await Expect(page.Locator(".card", new PageLocatorOptions { HasText = "Messages out" })).ToContainTextAsync("/s");
        await LookAsync(page, "dashboard", colors);
        await ShowAsync(page, "Sessions", "button:text('New session')");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "New session" }).ClickAsync();
        await page.GetByPlaceholder("Write to the agent").FillAsync("How far is the build?");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("Received:");
        await LookAsync(page, "sessions", colors);
        await ShowAsync(page, "Channels", "tbody tr");
        await LookAsync(page, "channels", colors);
        await ShowAsync(page, "Presence", "p[role=status] strong");
        await page.GetByLabel("Channel", new PageGetByLabelOptions { Exact = true }).FillAsync("topics/builds");
        await Expect(page.Locator(".members li")).ToHaveCountAsync(2);
        await LookAsync(page, null, colors);
        await ShowAsync(page, "Cluster", "button.shard");
        await LookAsync(page, "cluster", colors);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Drain n2" }).ClickAsync();
        await LookAsync(page, null, colors);
        await page.Keyboard.PressAsync("Escape");
        await ShowAsync(page, "Connections", "tbody tr");
        await LookAsync(page, "connections", colors);
        await page.SetViewportSizeAsync(390, 800);
        await LookAsync(page, null, colors);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than a telephone");
        open.AssertNoErrors();
    }

    private static async Task ShowAsync(IPage page, string name, string then)
    {
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = name, Exact = true }).ClickAsync();
        await Expect(page.Locator(then).First).ToBeVisibleAsync();
    }

    private static async Task LookAsync(IPage page, string? picture, ColorScheme colors)
    {
        if (!await page.EvaluateAsync<bool>("typeof axe === 'object'"))
        {
            await page.EvaluateAsync(await File.ReadAllTextAsync(DashboardFixture.Axe) + "; undefined");
        }

        var violations = await page.EvaluateAsync<JsonElement>(
            "async () => (await axe.run()).violations.map(one => `${one.id}: ${one.help} (${one.nodes.map(node => node.html.slice(0, 200) + ' ' + node.any.map(any => any.message).join()).join(' | ')})`)");
        Assert.Equal("[]", violations.GetRawText());
        if (IsDrawing && picture is not null)
        {
            var name = colors == ColorScheme.Dark ? picture + "-dark" : picture;
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(BuiltDashboard.Root, "docs", "images", name + ".png") });
        }
    }
}
