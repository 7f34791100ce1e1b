using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>A node that lets nobody in without credentials (<c>Auth:Required=true</c>): guarantees.md 9.</summary>
public sealed class AuthTests(AuthTests.Node shared) : IClassFixture<AuthTests.Node>
{
    private const string FullKey = "full-key-0123456789abcdef0123456789abcdef";
    private const string ReadKey = "read-key-0123456789abcdef0123456789abcdef";
    private const string WriteKey = "write-key-0123456789abcdef0123456789abcde";

    private readonly NodeProcess _node = shared.Process;

    public static TheoryData<string, string, bool> Guarded => new()
    {
        { "POST", "/publish", true },
        { "POST", "/api/auth/token", true },
        { "POST", "/api/v1/publish", true },
        { "POST", "/api/v1/broadcast", true },
        { "POST", "/api/v1/batch", true },
        { "GET", "/api/v1/channels", false },
        { "GET", "/api/v1/history?channel=global", false },
        { "GET", "/api/v1/presence?channel=global", false },
        { "POST", "/api/chat", true },
        { "GET", "/api/sessions", false },
        { "POST", "/api/sessions", true },
        { "GET", "/api/sessions/x", false },
        { "DELETE", "/api/sessions/x", true },
    };

    [Theory]
    [MemberData(nameof(Guarded))]
    public async Task Without_a_valid_credential_the_answer_is_401_and_without_the_right_403(string method, string path, bool publishes)
    {
        foreach (var credential in new[] { null, "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0." })
        {
            var refused = await _node.SendAsync(new HttpMethod(method), path, method == "POST" ? "{}" : null, bearer: credential);
            Assert.Equal(401, refused.Status);
            Assert.Contains("Bearer", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        }

        var limited = await _node.SendAsync(new HttpMethod(method), path, method == "POST" ? "{}" : null, bearer: ReadKey);
        Assert.Equal(publishes, limited.Status == 403);
        var allowed = await _node.SendAsync(new HttpMethod(method), path, method == "POST" ? "{}" : null, bearer: FullKey);
        Assert.True(allowed.Status is not (401 or 403), allowed.Body);
    }

    [Fact]
    public async Task Upgrades_without_credentials_are_refused_except_context_which_authenticates_later()
    {
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay"), "relay.v1"));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay"), "relay.v1", "nonsense"));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/ws")));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/ws?userId=u1")));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/ws?project_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8")));
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/", "hooks")));
        await using var context = await _node.ContextAsync();
        await context.SendAsync("""{"type":"auth","agent_id":"a","id":"x"}""");
        Assert.Equal("4002", (await context.NextJsonAsync()).Text("code"));
        await context.SendAsync("""{"type":"auth","token":"nonsense","id":"x"}""");
        Assert.Equal("4001", (await context.NextJsonAsync()).Text("code"));
    }

    [Fact]
    public async Task A_token_opens_a_WebSocket_by_header_by_query_and_by_auth_message()
    {
        var token = await TokenAsync("builder");
        await using var byHeader = await _node.NativeAsync(token);
        await byHeader.AssertAnswersAsync();
        await byHeader.SubscribeAsync("agents/builder");
        await using var byQuery = await WsClient.ConnectAsync(_node.Ws("/relay?token=" + token), "relay.v1");
        Assert.Equal("connected", (await byQuery.NextJsonAsync()).Text("type"));
        await using var byMessage = await _node.ContextAsync();
        await byMessage.SendAsync($$"""{"type":"auth","token":"{{token}}","id":"a"}""");
        Assert.True((await byMessage.NextJsonAsync("id", "a")).GetProperty("success").GetBoolean());
        await byHeader.SendAsync("""{"type":"publish","channel":"agents/builder","event":"hello","id":"p"}""");
        Assert.Equal("agents/builder", (await byMessage.NextJsonAsync("event", "hello")).Text("channel"));
    }

    [Fact]
    public async Task A_token_cannot_make_a_token_for_somebody_else_nor_a_key_one_that_can_do_more()
    {
        var token = await TokenAsync("builder");
        Assert.Equal(200, (await _node.PostAsync("/api/auth/token", """{"agent_id":"builder"}""", bearer: token)).Status);
        Assert.Equal(403, (await _node.PostAsync("/api/auth/token", """{"agent_id":"somebody-else"}""", bearer: token)).Status);
        Assert.Equal(403, (await _node.PostAsync("/api/auth/token", """{"agent_id":"builder"}""", bearer: WriteKey)).Status);
    }

    [Fact]
    public async Task An_updates_client_is_the_user_its_token_names()
    {
        await using var client = await WsClient.ConnectAsync(_node.Ws("/ws"), bearer: await TokenAsync("user-7"));
        await Relay.Testing.Eventually.UntilAsync(
            async () => (await _node.GetAsync("/api/v1/channels", bearer: FullKey)).Body.Contains("users/user-7", StringComparison.Ordinal), "user-7 is subscribed");
        const string Envelope = """{"target_user_id":"user-7","type":"agent_update","payload":{"n":1}}""";
        Assert.Equal(200, (await _node.PostAsync("/publish", Envelope, bearer: FullKey)).Status);
        Assert.Equal(Envelope, await client.NextTextAsync());
    }

    [Fact]
    public async Task An_anonymous_context_client_neither_hears_nor_says_anything()
    {
        await using var stranger = await _node.ContextAsync();
        await using var publisher = await _node.NativeAsync(FullKey);
        await stranger.SendAsync("""{"type":"subscribe","channel":"topics/secret","id":"s"}""");
        Assert.False((await stranger.NextJsonAsync("id", "s")).GetProperty("success").GetBoolean());
        await stranger.SendAsync("""{"type":"publish","channel":"global","event":"task.created","id":"p"}""");
        Assert.False((await stranger.NextJsonAsync("id", "p")).GetProperty("success").GetBoolean());
        await publisher.SendAsync("""{"type":"publish","channel":"global","event":"task.created","data":"secret","id":"p"}""");
        await publisher.NextJsonAsync("id", "p");
        await stranger.SendAsync("""{"type":"ping"}""");
        Assert.Equal("pong", (await stranger.NextJsonAsync()).Text("type"));
    }

    [Fact]
    public async Task Credentials_never_reach_the_log()
    {
        var token = await TokenAsync("silent");
        await using var client = await WsClient.ConnectAsync(_node.Ws("/relay?token=" + token), "relay.v1");
        await client.NextJsonAsync();
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay?token=not-a-token-but-secret"), "relay.v1"));
        Assert.DoesNotContain(token, _node.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(FullKey, _node.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("not-a-token-but-secret", _node.Log, StringComparison.Ordinal);
    }

    private async Task<string> TokenAsync(string agent)
    {
        var answer = await _node.PostAsync("/api/auth/token", $$"""{"agent_id":"{{agent}}"}""", bearer: FullKey);
        Assert.Equal(200, answer.Status);
        return answer.Json.Text("token")!;
    }

    /// <summary>One node for all tests here.</summary>
    public sealed class Node : IAsyncLifetime
    {
        internal NodeProcess Process { get; private set; } = null!;

        public async Task InitializeAsync() => Process = await NodeProcess.StartAsync(
            ("Auth:Required", "true"), ("Auth:TokenInQuery", "true"),
            ("Auth:ApiKeys:0:Key", FullKey), ("Auth:ApiKeys:0:Name", "full"), ("Auth:ApiKeys:0:Rights", "publish,subscribe"),
            ("Auth:ApiKeys:1:Key", ReadKey), ("Auth:ApiKeys:1:Name", "reader"), ("Auth:ApiKeys:1:Rights", "subscribe"),
            ("Auth:ApiKeys:2:Key", WriteKey), ("Auth:ApiKeys:2:Name", "writer"), ("Auth:ApiKeys:2:Rights", "publish"));

        public async Task DisposeAsync()
        {
            Process.AssertNoFailuresInLog();
            await Process.DisposeAsync();
        }
    }
}
