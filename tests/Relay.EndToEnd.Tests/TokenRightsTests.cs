using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>A token that names channels is held to them at every door, and cannot be made into one that is not (guarantees.md 9).</summary>
public sealed class TokenRightsTests(TokenRightsTests.Node shared) : IClassFixture<TokenRightsTests.Node>
{
    private const string Full = "full-key-0123456789abcdef0123456789abcdef";
    private const string Narrow = "narrow-key-0123456789abcdef0123456789abcd";
    private const string Secret = "0123456789abcdef0123456789abcdef";

    private static readonly string Limited = Token("\"sub\":\"ann\",\"sid\":\"s1\",\"rights\":{\"topics/deploy/**\":[\"subscribe\",\"publish\",\"presence\",\"history\"],\"topics/read\":[\"subscribe\"]},\"subs\":[\"topics/news\"]");

    private readonly NodeProcess _node = shared.Process;

    public static TheoryData<string, string, bool> Doors => new()
    {
        { "publish", "topics/deploy/x", true },
        { "publish", "topics/read", false },
        { "publish", "topics/other", false },
        { "publish", "agents/ann", false },
        { "history", "topics/deploy/x", true },
        { "history", "topics/read", false },
        { "history", "agents/ann", true },
        { "history", "agents/bob", false },
        { "presence", "topics/deploy/x", true },
        { "presence", "topics/read", false },
        { "subscribe", "topics/deploy/x", true },
        { "subscribe", "topics/read", true },
        { "subscribe", "topics/other", false },
        { "subscribe", "topics/deploy/**", true },
        { "subscribe", "topics/*", false },
        { "subscribe", "topics/**", false },
        { "subscribe", "users/ann", true },
        { "subscribe", "users/bob", false },
        { "subscribe", "global", false },
        { "subscribe", "topics/news", true },
    };

    [Theory]
    [MemberData(nameof(Doors))]
    public async Task What_it_may_is_the_same_by_WebSocket_and_HTTP(string act, string channel, bool allowed)
    {
        await using var client = await _node.NativeAsync(Limited);
        await client.SendAsync($$"""{"type":"{{act}}","channel":"{{channel}}","event":"e","id":"1"}""");
        var answer = await client.NextJsonAsync("id", "1");
        Assert.Equal(allowed, !answer.TryGetProperty("success", out var success) || success.GetBoolean());
        var item = $$"""{"channel":"{{channel}}","event":"e"}""";
        switch (act)
        {
            case "publish":
                Assert.Equal(allowed ? 200 : 403, (await _node.PostAsync("/api/v1/publish", item, bearer: Limited)).Status);
                Assert.Equal(allowed ? 200 : 403, (await _node.PostAsync("/publish", $$"""{"channel":"{{channel}}","type":"e"}""", bearer: Limited)).Status);
                foreach (var (path, body) in new[]
                {
                    ("/api/v1/broadcast", $$"""{"channels":["{{channel}}"],"event":"e"}"""), ("/api/v1/batch", "{\"items\":[" + item + "]}"), ("/api/v1/publish/stream", item),
                })
                {
                    Assert.Contains("\"success\":" + (allowed ? "true" : "false"), (await _node.PostAsync(path, body, bearer: Limited)).Body, StringComparison.Ordinal);
                }

                break;
            case "subscribe":
                Assert.Equal(allowed ? 200 : 403, await StatusAsync("/sse?channels=" + channel));
                break;
            default:
                Assert.Equal(allowed ? 200 : 403, await StatusAsync($"/api/v1/{act}?channel=" + channel));
                break;
        }
    }

    [Fact]
    public async Task It_hears_its_own_and_what_it_subscribes_to_and_sees_no_other_channels_in_lists()
    {
        await using var client = await _node.NativeAsync(Limited);
        await using var other = await _node.NativeAsync(Full);
        await other.SubscribeAsync("topics/secret-plan");
        await client.SubscribeAsync("topics/deploy/list");
        var list = (await _node.GetAsync("/api/v1/channels", bearer: Limited)).Body;
        Assert.Contains("topics/deploy/list", list, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-plan", list, StringComparison.Ordinal);
        Assert.Contains("secret-plan", (await _node.GetAsync("/api/v1/channels", bearer: Full)).Body, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-plan", (await _node.GetAsync("/stats")).Body, StringComparison.Ordinal);
        await _node.PostAsync("/api/v1/publish", """{"channel":"topics/news","event":"forced"}""", bearer: Full);
        Assert.Equal("topics/news", (await client.NextJsonAsync("event", "forced")).Text("channel"));
    }

    [Fact]
    public async Task The_doors_of_the_other_families_hold_it_to_the_same()
    {
        Assert.Equal(403, await WsClient.RefusalAsync(_node.Ws("/ws?project_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8"), bearer: Limited));
        Assert.Equal(403, await WsClient.RefusalAsync(_node.Ws("/ws?userId=bob"), bearer: Limited));
        await using var updates = await WsClient.ConnectAsync(_node.Ws("/ws?userId=ann"), bearer: Limited);
        await using var chat = await WsClient.ConnectAsync(_node.Ws("/ws"), "relay.webui", Limited);
        await chat.SendAsync("""{"type":"session_create"}""");
        await chat.NextJsonAsync(static json => json.GetRawText().Contains("UNAUTHORIZED", StringComparison.Ordinal));
        Assert.Equal(403, (await _node.PostAsync("/api/sessions", "{}", bearer: Limited)).Status);
        Assert.Equal(403, (await _node.PostAsync("/api/chat", """{"content":"hi"}""", bearer: Limited)).Status);
        await using var context = await _node.ContextAsync();
        await context.SendAsync($$"""{"type":"auth","token":"{{Limited}}","id":"a"}""");
        Assert.True((await context.NextJsonAsync("id", "a")).GetProperty("success").GetBoolean());
        foreach (var (channel, allowed) in new[] { ("topics/other", false), ("topics/read", true), ("agents/bob", false), ("agents/ann", true), ("sessions/s1", true), ("sessions/s2", false) })
        {
            await context.SendAsync($$"""{"type":"subscribe","channel":"{{channel}}","id":"{{channel}}"}""");
            Assert.Equal(allowed, (await context.NextJsonAsync("id", channel)).GetProperty("success").GetBoolean());
        }
    }

    [Fact]
    public async Task A_token_that_is_renewed_keeps_its_limits_and_one_made_with_a_narrow_key_has_its()
    {
        foreach (var (maker, agent) in new[] { (Limited, "ann"), (Narrow, "anyone") })
        {
            var token = (await _node.PostAsync("/api/auth/token", $$"""{"agent_id":"{{agent}}"}""", bearer: maker)).Json.Text("token");
            Assert.Equal(403, (await _node.PostAsync("/api/v1/publish", """{"channel":"topics/other","event":"e"}""", bearer: token)).Status);
            Assert.Equal(200, (await _node.PostAsync("/api/v1/publish", """{"channel":"topics/deploy/x","event":"e"}""", bearer: token)).Status);
        }
    }

    [Theory]
    [InlineData("\"rights\":[]")]
    [InlineData("\"rights\":{\"bad/x\":[\"subscribe\"]}")]
    [InlineData("\"rights\":{\"topics/x\":[\"subscribe\",\"own\"]}")]
    [InlineData("\"rights\":{\"topics/x\":\"subscribe\"}")]
    [InlineData("\"rights\":{\"topics/x\":[],\"topics/x\":[\"publish\"]}")]
    [InlineData("\"subs\":[\"topics/*\"]")]
    [InlineData("\"subs\":\"topics/x\"")]
    [InlineData("\"subs\":[7]")]
    public async Task A_token_whose_rights_are_not_understood_is_refused_as_a_whole(string claims) =>
        Assert.Equal(401, (await _node.GetAsync("/api/v1/channels", bearer: Token($"\"sub\":\"ann\",{claims}"))).Status);

    [Fact]
    public async Task A_token_may_stand_in_the_subprotocol_and_never_reaches_the_log()
    {
        await using var client = await WsClient.ConnectAsync(_node.Ws("/relay"), "relay.v1,relay.token." + Limited);
        Assert.Equal("relay.v1", client.Subprotocol);
        Assert.Equal("connected", (await client.NextJsonAsync()).Text("type"));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay?token=" + Limited), "relay.v1"));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay"), "relay.v1,relay.token.wrong-but-secret"));
        foreach (var secret in new[] { Limited, Limited.Split('.')[2], "wrong-but-secret", Full, Narrow, Secret })
        {
            Assert.DoesNotContain(secret, _node.Log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_page_of_another_origin_cannot_use_what_a_browser_sends_without_asking()
    {
        var refused = await _node.SendAsync(HttpMethod.Post, "/api/v1/publish", """{"channel":"topics/deploy/x","event":"e"}""", bearer: Limited, origin: "https://evil.example");
        Assert.Equal(403, refused.Status);
        Assert.Null(refused.Header("Access-Control-Allow-Origin"));
    }

    private async Task<int> StatusAsync(string path)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, _node.Http(path));
        request.Headers.Authorization = new("Bearer", Limited);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)answer.StatusCode;
    }

    private static string Token(string claims)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var signed = Base64Url.EncodeToString("""{"alg":"HS256"}"""u8) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{{claims},\"iat\":{now},\"exp\":{now + 3600}}}"));
        return signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.ASCII.GetBytes(signed)));
    }

    /// <summary>One node for all tests here; its keys stand in its configuration as hashes.</summary>
    public sealed class Node : IAsyncLifetime
    {
        internal NodeProcess Process { get; private set; } = null!;

        public async Task InitializeAsync() => Process = await NodeProcess.StartAsync(
            ("Auth:Required", "true"),
            ("Auth:Jwt:Keys:0:Secret", Secret),
            ("Auth:ApiKeys:0:Hash", Hash(Full)), ("Auth:ApiKeys:0:Name", "full"),
            ("Auth:ApiKeys:1:Hash", Hash(Narrow)), ("Auth:ApiKeys:1:Name", "narrow"), ("Auth:ApiKeys:1:Channels", "topics/deploy/**"));

        public async Task DisposeAsync()
        {
            Process.AssertNoFailuresInLog();
            await Process.DisposeAsync();
        }

        private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }
}
