using System.Globalization;
using Microsoft.Playwright;
using Relay.EndToEnd.Tests.Cluster;
using Relay.EndToEnd.Tests.Support;

namespace Relay.Dashboard.Tests.Support;

/// <summary>Three nodes that serve the dashboard, an entrance before them, and a browser: once for all tests.</summary>
public sealed class DashboardFixture : IAsyncLifetime
{
    private BuiltDashboard? _dashboard;
    private IPlaywright? _playwright;

    internal NodeCluster Cluster { get; private set; } = null!;

    internal Entrance Entrance { get; private set; } = null!;

    internal IBrowser Browser { get; private set; } = null!;

    /// <summary>Where axe lies, which looks for what keeps people out.</summary>
    internal static string Axe { get; } = Path.Combine(BuiltDashboard.Sources, "node_modules", "axe-core", "axe.min.js");

    public async Task InitializeAsync()
    {
        _dashboard = await BuiltDashboard.BuildAsync();
        var cluster = NodeCluster.StartAsync(3, ("Dashboard:Folder", _dashboard.Folder), ("Namespaces:topics:Durability", "redis"), ("Namespaces:topics:HistoryLength", "10000"));
        Assertions.SetDefaultExpectTimeout(30_000);
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
        Cluster = await cluster;
        Entrance = new Entrance(Cluster.Nodes[0].Port("main"));
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null)
        {
            await Browser.DisposeAsync();
        }

        _playwright?.Dispose();
        if (Entrance is not null)
        {
            await Entrance.DisposeAsync();
        }

        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }

        _dashboard?.Dispose();
    }

    /// <summary>A page of the dashboard, in a browser profile of its own. What goes wrong in it is kept.</summary>
    internal async Task<OpenPage> OpenAsync(string path, string? address = null, ColorScheme colors = ColorScheme.Light)
    {
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address ?? Entrance.Address, ColorScheme = colors, ViewportSize = new ViewportSize { Width = 1280, Height = 720 }, ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(30_000);
        var page = new OpenPage(await context.NewPageAsync());
        await page.Page.GotoAsync(path, new PageGotoOptions { WaitUntil = WaitUntilState.DOMContentLoaded });
        return page;
    }

    /// <summary>Publishes over a node's HTTP API.</summary>
    internal static async Task PublishAsync(NodeProcess node, string channel, string eventName, int number, string id = "") =>
        await PublishRawAsync(node, channel, eventName, string.Create(CultureInfo.InvariantCulture, $$"""{"number":{{number}},"agent_id":"agent-{{number % 3}}"}"""), id);

    internal static async Task PublishRawAsync(NodeProcess node, string channel, string eventName, string data, string id = "")
    {
        var answer = await node.PostAsync("/api/v1/publish", $$"""{"channel":"{{channel}}","event":"{{eventName}}","data":{{data}}{{(id.Length > 0 ? $",\"id\":\"{id}\"" : "")}}}""");
        Assert.True(answer.Status == 200, answer.Body);
    }
}

/// <summary>A page and what it complained of.</summary>
internal sealed class OpenPage : IAsyncDisposable
{
    private readonly List<string> _errors = [];

    public OpenPage(IPage page)
    {
        Page = page;
        page.PageError += (_, error) => Note(error);
        page.Console += (_, message) =>
        {
            // What the browser says of requests that fail while a node is away is no fault of the page.
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal) && !message.Text.StartsWith("WebSocket connection to", StringComparison.Ordinal))
            {
                Note(message.Text);
            }
        };
    }

    public IPage Page { get; }

    public void AssertNoErrors()
    {
        lock (_errors)
        {
            Assert.Empty(_errors);
        }
    }

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();

    private void Note(string error)
    {
        lock (_errors)
        {
            _errors.Add(error);
        }
    }
}

/// <summary>All tests share the nodes and the browser, one after the other.</summary>
[CollectionDefinition(nameof(DashboardCollection))]
#pragma warning disable CA1711 // What xunit calls it.
public sealed class DashboardCollection : ICollectionFixture<DashboardFixture>;
#pragma warning restore CA1711
