using System.Net;
using System.Text.Json;
using Relay.Node.Tests.Configuration;

namespace Relay.Node.Tests.Page;

/// <summary>The page as the running program serves it.</summary>
public sealed class PageTests
{
    private const string Secret = "a key of more than sixteen characters";

    private static readonly string[] FreePorts =
    [
        "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=http://127.0.0.1:0", "--Relay:Listeners:context:Url=http://127.0.0.1:0",
    ];

    [Fact]
    public async Task The_main_listener_shows_the_page_and_keeps_foreign_code_out()
    {
        await using var node = new NodeProcess(FreePorts);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        var page = await client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Equal("text/html; charset=utf-8", page.Content.Headers.ContentType!.ToString());
        Assert.Contains("<title>ActorRelay</title>", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("no-cache", Header(page, "Cache-Control"));
        Assert.Equal("nosniff", Header(page, "X-Content-Type-Options"));
        Assert.Equal("no-referrer", Header(page, "Referrer-Policy"));
        Assert.StartsWith("default-src 'none'; ", Header(page, "Content-Security-Policy"), StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", Header(page, "Content-Security-Policy"), StringComparison.Ordinal);

        using var head = new HttpRequestMessage(HttpMethod.Head, "/");
        var headers = await client.SendAsync(head);
        Assert.Equal(HttpStatusCode.OK, headers.StatusCode);
        Assert.Equal(page.Content.Headers.ContentLength, headers.Content.Headers.ContentLength);
        Assert.Empty(await headers.Content.ReadAsByteArrayAsync());
        Assert.Equal(page.Headers.ETag, headers.Headers.ETag);
    }

    [Theory]
    [InlineData("{0}", HttpStatusCode.NotModified)]
    [InlineData("\"other\", W/{0}", HttpStatusCode.NotModified)]
    [InlineData("*", HttpStatusCode.NotModified)]
    [InlineData("\"other\"", HttpStatusCode.OK)]
    public async Task A_browser_that_knows_the_page_is_not_sent_it_again(string known, HttpStatusCode expected)
    {
        await using var node = new NodeProcess(FreePorts);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        var tag = (await client.GetAsync("/")).Headers.ETag!.ToString();
        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.TryAddWithoutValidation("If-None-Match", known.Replace("{0}", tag, StringComparison.Ordinal));
        var answer = await client.SendAsync(again);
        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal(expected == HttpStatusCode.OK, (await answer.Content.ReadAsByteArrayAsync()).Length > 0);
        Assert.Equal(tag, answer.Headers.ETag!.ToString());
    }

    [Fact]
    public async Task Its_status_names_the_node_and_the_real_addresses()
    {
        await using var node = new NodeProcess(FreePorts);
        var main = await node.AddressAsync("main");
        var hooks = await node.AddressAsync("hooks");
        var context = await node.AddressAsync("context");
        await node.LineAsync("ready");
        using var client = new HttpClient { BaseAddress = main };
        var status = JsonDocument.Parse(await client.GetStringAsync("/page/status")).RootElement;
        Assert.Equal("ready", status.GetProperty("status").GetString());
        Assert.Equal(0, status.GetProperty("connections").GetInt32());
        Assert.StartsWith("0.", status.GetProperty("version").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            [("main", main, "auto"), ("hooks", hooks, "hooks"), ("context", context, "context")],
            status.GetProperty("listeners").EnumerateArray().Select(listener =>
                (listener.GetProperty("name").GetString(), new Uri(listener.GetProperty("url").GetString()!), listener.GetProperty("dialect").GetString())));
    }

    [Fact]
    public async Task The_listeners_of_one_dialect_have_no_page()
    {
        await using var node = new NodeProcess(FreePorts);
        await node.AddressAsync("main");
        foreach (var listener in new[] { "hooks", "context" })
        {
            using var client = new HttpClient { BaseAddress = await node.AddressAsync(listener) };
            Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync("/")).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/page/status")).StatusCode);
        }
    }

    [Fact]
    public async Task Where_nobody_enters_unknown_the_page_is_shown_but_not_its_status()
    {
        await using var node = new NodeProcess(
            [.. FreePorts, "--Relay:Auth:Required=true", "--Relay:Auth:ApiKeys:0:Name=ops", "--Relay:Auth:ApiKeys:0:Key=" + Secret]);
        using var client = new HttpClient { BaseAddress = await node.AddressAsync("main") };
        await node.LineAsync("ready");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/")).StatusCode);
        var refused = await client.GetAsync("/page/status");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.DoesNotContain("127.0.0.1", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        client.DefaultRequestHeaders.Add("Authorization", "Bearer " + Secret);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/page/status")).StatusCode);
    }

    private static string Header(HttpResponseMessage answer, string name) => Assert.Single(answer.Headers.GetValues(name));
}
