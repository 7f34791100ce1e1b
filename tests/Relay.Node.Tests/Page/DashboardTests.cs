using System.Net;
using Relay.Node.Page;
using Relay.Node.Tests.Configuration;
using Relay.Testing;

namespace Relay.Node.Tests.Page;

/// <summary>The dashboard as the running program serves it.</summary>
public sealed class DashboardTests : IDisposable
{
    private readonly TempFolder _folder = new("relay-dashboard-");

    public DashboardTests()
    {
        Write("index.html", "<title>Dashboard</title>");
        Write("icon.svg", "<svg/>");
        Write("assets/app-1a2b.js", "plain");
        Write("assets/app-1a2b.js.br", "brotli");
        Write("assets/app-1a2b.js.gz", "gzip");
        Write("assets/secret.txt", "not for browsers");
    }

    private string[] Arguments =>
    [
        "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=http://127.0.0.1:0", "--Relay:Listeners:context:Url=http://127.0.0.1:0", $"--Relay:Dashboard:Folder={_folder.Path}",
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_page_is_the_document_and_nothing_inline_may_run_in_it()
    {
        await using var node = new NodeProcess(Arguments);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        foreach (var path in Dashboard.Pages.Append("/"))
        {
            var page = await client.GetAsync(path);
            Assert.Equal("<title>Dashboard</title>", await page.Content.ReadAsStringAsync());
            Assert.Equal("text/html; charset=utf-8", page.Content.Headers.ContentType!.ToString());
            Assert.Equal(Dashboard.ContentSecurityPolicy, Assert.Single(page.Headers.GetValues("Content-Security-Policy")));
            Assert.Equal("no-cache", page.Headers.CacheControl!.ToString());
            using var again = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "If-None-Match", page.Headers.ETag!.ToString() } } };
            Assert.Equal(HttpStatusCode.NotModified, (await client.SendAsync(again)).StatusCode);
        }

        Assert.DoesNotContain("unsafe", Dashboard.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/elsewhere")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/page/status")).StatusCode);
        foreach (var listener in new[] { "hooks", "context" })
        {
            using var other = new HttpClient { BaseAddress = await node.AddressAsync(listener) };
            Assert.NotEqual(HttpStatusCode.OK, (await other.GetAsync("/cluster")).StatusCode);
            Assert.NotEqual(HttpStatusCode.OK, (await other.GetAsync("/assets/app-1a2b.js")).StatusCode);
        }
    }

    [Fact]
    public async Task Live_is_the_page_for_browsers_and_the_probe_for_everybody_else()
    {
        await using var node = new NodeProcess(Arguments);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        Assert.Equal("""{"status":"live"}""", await client.GetStringAsync("/live"));
        client.DefaultRequestHeaders.Add("Accept", "*/*");
        Assert.Equal("""{"status":"live"}""", await client.GetStringAsync("/live"));
        client.DefaultRequestHeaders.Remove("Accept");
        client.DefaultRequestHeaders.Add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        Assert.Equal("<title>Dashboard</title>", await client.GetStringAsync("/live"));
    }

    [Theory]
    [InlineData("", "plain")]
    [InlineData("gzip, deflate", "gzip")]
    [InlineData("gzip, deflate, br, zstd", "brotli")]
    [InlineData("gzip, br;q=0", "gzip")]
    [InlineData("br;q=0.5", "brotli")]
    public async Task Files_come_in_the_smallest_encoding_the_browser_takes_and_are_kept_for_ever(string accepted, string expected)
    {
        await using var node = new NodeProcess(Arguments);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Encoding", accepted);
        var file = await client.GetAsync("/assets/app-1a2b.js");
        Assert.Equal(expected, await file.Content.ReadAsStringAsync());
        Assert.Equal("text/javascript; charset=utf-8", file.Content.Headers.ContentType!.ToString());
        Assert.Equal("public, max-age=31536000, immutable", Assert.Single(file.Headers.GetValues("Cache-Control")));
        Assert.Contains("Accept-Encoding", string.Join(", ", file.Headers.Vary), StringComparison.Ordinal);
        Assert.Equal("no-cache", (await client.GetAsync("/icon.svg")).Headers.CacheControl!.ToString());
        foreach (var missing in new[] { "/assets/secret.txt", "/assets/..%2Findex.html", "/assets/app-1a2b.js.br", "/assets/none.js" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(missing)).StatusCode);
        }
    }

    [Theory]
    [InlineData("--Relay:Dashboard:Enabled=false", null)]
    [InlineData("--Relay:Dashboard:Folder=/nowhere/at/all", "Relay:Dashboard:Folder")]
    public async Task Without_a_dashboard_the_simple_page_is_served(string argument, string? warning)
    {
        await using var node = new NodeProcess([.. Arguments, argument]);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        client.DefaultRequestHeaders.Add("Accept", "text/html");
        Assert.Contains("<title>ActorRelay</title>", await client.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Equal("""{"status":"live"}""", await client.GetStringAsync("/live"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/cluster")).StatusCode);
        if (warning is not null)
        {
            await node.SaysAsync(warning);
        }
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllText(_folder.File(name), text);
    }
}
