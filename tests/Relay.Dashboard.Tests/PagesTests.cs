using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Relay.Dashboard.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace Relay.Dashboard.Tests;

/// <summary>Each page does its work, in Chromium, against three nodes.</summary>
[Collection(nameof(DashboardCollection))]
public sealed class PagesTests(DashboardFixture dashboard)
{
    [Fact]
    public async Task Live_shows_events_as_they_come_filters_them_and_explains_one()
    {
        await using var open = await dashboard.OpenAsync("/live");
        var page = open.Page;
        await ReadyAsync(page);
        var other = dashboard.Cluster.Nodes[1];
        await DashboardFixture.PublishAsync(other, "topics/builds", "build.done", 1);
        await DashboardFixture.PublishAsync(other, "topics/builds", "build.failed", 2);
        await DashboardFixture.PublishAsync(other, "global", "task.created", 3);
        var rows = page.GetByRole(AriaRole.Option);
        await Expect(rows.Filter(new LocatorFilterOptions { HasText = "build.done" })).ToHaveCountAsync(1);
        await Expect(rows.Filter(new LocatorFilterOptions { HasText = "task.created" })).ToHaveCountAsync(1);

        await page.GetByLabel("Event", new PageGetByLabelOptions { Exact = true }).FillAsync("build.*");
        await Expect(rows).ToHaveCountAsync(2);
        await page.GetByLabel("Agent").FillAsync("agent-2");
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows).ToContainTextAsync("build.failed");
        await Expect(page).ToHaveURLAsync(Pattern("event=build"));

        await rows.ClickAsync();
        var inspector = page.GetByRole(AriaRole.Complementary, new PageGetByRoleOptions { Name = "Event" });
        await Expect(inspector).ToContainTextAsync("\"number\": 2");
        await Expect(inspector).ToContainTextAsync("accepted");
        await Expect(inspector).ToContainTextAsync(Pattern("written|acked"));
        await page.Keyboard.PressAsync("Escape");
        await Expect(inspector).ToHaveCountAsync(0);
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Live_stands_still_while_it_is_held_and_goes_on_with_all_that_came()
    {
        await using var open = await dashboard.OpenAsync("/live?source=topics/held");
        var page = open.Page;
        await ReadyAsync(page);
        await DashboardFixture.PublishAsync(dashboard.Cluster.Nodes[2], "topics/held", "held.one", 1);
        var rows = page.GetByRole(AriaRole.Option);
        await Expect(rows).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("p");
        await DashboardFixture.PublishAsync(dashboard.Cluster.Nodes[2], "topics/held", "held.two", 2);
        await Expect(page.GetByText("1 newer")).ToBeVisibleAsync();
        await Expect(rows).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("p");
        await Expect(rows).ToHaveCountAsync(2);
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Dashboard_shows_figures_charts_and_the_connection()
    {
        await using var open = await dashboard.OpenAsync("/");
        var page = open.Page;
        await Expect(page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Dashboard" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Status, new PageGetByRoleOptions { Name = "Connection", Exact = true })).ToContainTextAsync("connected to n1");
        await Expect(Card(page, "Connections")).ToContainTextAsync("on 3 nodes");
        await Expect(Card(page, "Messages out")).ToContainTextAsync("/s");
        await Expect(Card(page, "Agents")).ToContainTextAsync(Pattern(@"\d"));
        await Expect(page.GetByRole(AriaRole.Img, new PageGetByRoleOptions { NameRegex = Pattern("^Messages per second, this node, now: in \\d") })).ToBeVisibleAsync();
        await Expect(page.Locator(".chart canvas")).ToHaveCountAsync(4);
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Sessions_chat_with_the_agent_for_all_who_take_part_and_are_watched_again()
    {
        await using var open = await dashboard.OpenAsync("/sessions");
        var page = open.Page;
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "New session" }).ClickAsync();
        var log = page.GetByRole(AriaRole.Log);
        await Expect(log).ToBeVisibleAsync();
        await page.GetByPlaceholder("Write to the agent").FillAsync("Hello there");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send" }).ClickAsync();
        await Expect(log).ToContainTextAsync("Received: Hello there");

        var second = await page.Context.NewPageAsync();
        await second.GotoAsync(page.Url);
        await Expect(second.GetByRole(AriaRole.Log)).ToContainTextAsync("Received: Hello there");
        await second.GetByPlaceholder("Write to the agent").PressSequentiallyAsync("Me");
        await Expect(log).ToContainTextAsync("Somebody is typing");
        await second.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send" }).ClickAsync();
        await Expect(log).ToContainTextAsync("Received: Me");

        await page.GetByLabel("Speed").SelectOptionAsync("10");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Replay" }).ClickAsync();
        await Expect(log).ToContainTextAsync("Replay:");
        await Expect(log).Not.ToContainTextAsync("Replay:");
        await Expect(log.GetByRole(AriaRole.Article)).ToHaveCountAsync(4);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Delete" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Delete" }).ClickAsync();
        await Expect(page.GetByText("Choose a session")).ToBeVisibleAsync();
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Channels_and_presence_show_who_listens_to_what()
    {
        await using var live = await dashboard.OpenAsync("/live?source=topics/listed");
        await ReadyAsync(live.Page);
        await DashboardFixture.PublishAsync(dashboard.Cluster.Nodes[1], "topics/listed", "listed.one", 7);
        await using var open = await dashboard.OpenAsync("/channels");
        var page = open.Page;
        await page.GetByLabel("Begins with").FillAsync("topics/li");
        var row = page.GetByRole(AriaRole.Row).Filter(new LocatorFilterOptions { HasText = "topics/listed" });
        await Expect(row).ToContainTextAsync("redis");
        await Expect(row).ToContainTextAsync(Pattern("n[123]"));
        await row.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "topics/listed", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("listed.one");
        await page.Keyboard.PressAsync("Escape");

        await using var member = await PlainClient.SubscribeAsync(dashboard.Cluster.Nodes[2].Ws("/relay?agent_id=alice"), """{"type":"subscribe","channel":"topics/room","presence":true,"id":"s"}""");
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Presence" }).ClickAsync();
        await page.GetByLabel("Channel", new PageGetByLabelOptions { Exact = true }).FillAsync("topics/room");
        await Expect(page.GetByRole(AriaRole.Listitem)).ToContainTextAsync("alice");
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Connections_are_found_and_sent_away()
    {
        await using var client = await PlainClient.SubscribeAsync(dashboard.Cluster.Nodes[2].Ws("/relay?agent_id=bob"), """{"type":"subscribe","channel":"topics/kicked","id":"s"}""");
        await using var open = await dashboard.OpenAsync("/connections");
        var page = open.Page;
        await page.GetByLabel("Channel", new PageGetByLabelOptions { Exact = true }).FillAsync("topics/kicked");
        var row = page.GetByRole(AriaRole.Row).Filter(new LocatorFilterOptions { HasText = "n3" });
        await Expect(row).ToContainTextAsync("bob");
        await row.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { NameRegex = Pattern("^ws_") }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("topics/kicked");
        await page.Keyboard.PressAsync("Escape");
        await row.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { NameRegex = Pattern("^Disconnect") }).ClickAsync();
        await page.GetByLabel("Reason it is told").FillAsync("Go and have tea");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Disconnect" }).ClickAsync();
        Assert.Equal((4403, "Go and have tea"), await client.ClosedAsync());
        await Expect(page.GetByText("0 connections")).ToBeVisibleAsync();
        open.AssertNoErrors();
    }

    [Fact]
    public async Task Keys_lead_through_the_pages_and_change_the_colours()
    {
        await using var open = await dashboard.OpenAsync("/live");
        var page = open.Page;
        await ReadyAsync(page);
        await page.Keyboard.PressAsync("?");
        await Expect(page.GetByRole(AriaRole.Dialog, new PageGetByRoleOptions { Name = "Keys" })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("6");
        await Expect(page).ToHaveURLAsync(Pattern("/cluster$"));
        await page.Keyboard.PressAsync("t");
        await page.Keyboard.PressAsync("t");
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await page.Keyboard.PressAsync("1");
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("3t");
        await Expect(page.GetByLabel("Text", new PageGetByLabelOptions { Exact = true })).ToHaveValueAsync("3t");
        await page.GoBackAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Cluster" })).ToBeVisibleAsync();
        open.AssertNoErrors();
    }

    /// <summary>All sources answered, so that nothing published from now on is before the beginning.</summary>
    internal static async Task ReadyAsync(IPage page) => await Expect(page.Locator(".live[data-ready='true']")).ToHaveCountAsync(1);

    // NonBacktracking has no bad inputs, but Playwright hands the pattern on to the browser, which does not know the option.
#pragma warning disable MA0009
    internal static Regex Pattern(string pattern) => new(pattern, RegexOptions.None);
#pragma warning restore MA0009

    private static ILocator Card(IPage page, string name) => page.Locator(".card").Filter(new LocatorFilterOptions { Has = page.GetByText(name, new PageGetByTextOptions { Exact = true }) });
}
