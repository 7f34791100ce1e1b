using System.Text.Json;
using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>The HTTP side of a node that anyone on this machine may use (protocols.md, configuration.md).</summary>
public sealed class HttpTests(HttpTests.Node shared) : IClassFixture<HttpTests.Node>
{
    private readonly NodeProcess _node = shared.Process;

    [Fact]
    public async Task Live_and_ready_tell_the_state()
    {
        var live = await _node.GetAsync("/live");
        Assert.Equal((200, """{"status":"live"}"""), (live.Status, live.Body));
        var ready = await _node.GetAsync("/ready");
        Assert.Equal(200, ready.Status);
        Assert.Equal("ready", ready.Json.Text("status"));
        Assert.Equal("{}", ready.Json.Raw("reasons"));
    }

    [Theory]
    [InlineData("Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1")]
    [InlineData("Host: localhost\r\nForwarded: for=192.0.2.1")]
    [InlineData("Host: rebound.example.com")]
    public async Task Operators_need_no_key_on_their_own_machine_and_one_when_somebody_stands_between_or_a_name_only_points_here(string headers)
    {
        Assert.Equal("alone", (await _node.GetAsync("/api/v1/nodes")).Json.GetProperty("nodes")[0].Text("state"));
        Assert.Equal(403, (await _node.SendAsync(HttpMethod.Get, "/api/v1/nodes", origin: "https://evil.example")).Status);
        using var socket = await RawSocket.ConnectAsync(_node.Port("main"));
        await socket.SendAsync($"GET /api/v1/nodes HTTP/1.1\r\n{headers}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 401 ", await socket.HeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_that_is_alone_has_no_shards_to_move_and_nobody_to_hand_over_to()
    {
        foreach (var path in new[] { "shards/0/move", "nodes/NODE/drain", "nodes/NODE/undrain" })
        {
            var name = (await _node.GetAsync("/api/v1/nodes")).Json.GetProperty("nodes")[0].Text("node");
            var answer = await _node.PostAsync("/api/v1/" + path.Replace("NODE", name, StringComparison.Ordinal), """{"to":"n2"}""");
            Assert.Equal((409, "CONFLICT"), (answer.Status, answer.Json.Text("code")));
        }

        Assert.Equal("[]", (await _node.GetAsync("/api/v1/shards")).Json.Raw("shards"));
        Assert.Equal(404, (await _node.GetAsync("/api/v1/nodes/none")).Status);
        Assert.Equal(404, (await _node.GetAsync("/api/v1/connections/none")).Status);
    }

    [Theory]
    [InlineData("main")]
    [InlineData("context")]
    public async Task Health_and_stats_have_exactly_the_originals_keys(string listener)
    {
        await using var client = await _node.ContextAsync("/?agent_id=a1");
        await client.SubscribeAsync("global");
        var health = await _node.GetAsync("/health", listener);
        Assert.Equal("status,type,port,connectedClients,activeChannels,channelStats,pendingDeliveries,timestamp", health.Json.Keys());
        Assert.Equal(_node.Port(listener), health.Json.Number("port"));
        Assert.Equal("healthy", health.Json.Text("status"));
        Assert.EndsWith("Z", health.Json.Text("timestamp"), StringComparison.Ordinal);
        Assert.Equal("*", health.Header("Access-Control-Allow-Origin"));
        var stats = await _node.GetAsync("/stats", listener);
        Assert.Equal("connectedClients,activeChannels,channelStats,pendingDeliveries", stats.Json.Keys());
        Assert.True(stats.Json.GetProperty("channelStats").Number("global") >= 1);
        Assert.Equal("*", stats.Header("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_token_is_issued_for_an_agent_and_opens_the_auth_message()
    {
        var answer = await _node.PostAsync("/api/auth/token", """{"agent_id":"builder","session_id":"s1"}""", "context");
        Assert.Equal(200, answer.Status);
        Assert.Equal("token,expires_in", answer.Json.Keys());
        Assert.Equal(3600, answer.Json.Number("expires_in"));
        await using var client = await _node.ContextAsync();
        await client.SendAsync($$"""{"type":"auth","token":"{{answer.Json.Text("token")}}","id":"a"}""");
        Assert.True((await client.NextJsonAsync("id", "a")).GetProperty("success").GetBoolean());
        var connected = await client.NextJsonAsync("event", "agent.connected");
        Assert.Equal("builder", connected.GetProperty("data").Text("agent_id"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"agent_id\":7}")]
    [InlineData("{\"agent_id\":\"\"}")]
    [InlineData("{\"agent_id\":\"\\ud800\"}")]
    public async Task A_token_without_an_agent_is_refused(string body)
    {
        var answer = await _node.PostAsync("/api/auth/token", body);
        Assert.Equal((400, """{"error":"Missing agent_id"}"""), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task Plain_requests_to_the_context_listener_are_answered_as_its_original_did()
    {
        Assert.Equal(400, (await _node.GetAsync("/", "context")).Status);
        Assert.Equal(400, (await _node.GetAsync("/ws", "context")).Status);
        Assert.Equal(404, (await _node.GetAsync("/elsewhere", "context")).Status);
        Assert.Equal(400, (await _node.GetAsync("/ws")).Status);
    }

    [Fact]
    public async Task Publish_takes_envelopes_and_says_what_is_wrong_with_others()
    {
        Assert.Equal((200, "Message published"), await PublishAsync("""{"type":"x","payload":null}"""));
        Assert.Equal((200, "Message published"), await PublishAsync("""{"target_user_id":null,"type":"x"}"""));
        foreach (var bad in new[] { "", "nonsense", "[]", "null", """{"target_user_id":7,"type":"x"}""", """{"type":["x"]}""", """{"channel":"bad/x","type":"x"}""" })
        {
            var (status, text) = await PublishAsync(bad);
            Assert.True(status == 400 && text.Length > 0, $"{bad}: {status} {text}");
        }

        var wrongMethod = await _node.GetAsync("/publish");
        Assert.Equal((405, "Method not allowed"), (wrongMethod.Status, wrongMethod.Body));
    }

    [Fact]
    public async Task The_chat_API_creates_lists_answers_and_deletes_sessions()
    {
        Assert.Equal("healthy", (await DataAsync("/api/health")).Text("status"));
        Assert.False((await DataAsync("/api/config")).GetProperty("auth_required").GetBoolean());
        Assert.Equal("EchoAgent", (await DataAsync("/api/agents")).GetProperty("agents")[0].Text("name"));
        var created = await _node.PostAsync("/api/sessions", "");
        Assert.Equal(201, created.Status);
        var id = created.Json.GetProperty("data").Text("session_id")!;
        var chat = await _node.PostAsync("/api/chat", $$"""{"session_id":"{{id}}","content":"hi"}""");
        Assert.Equal("Received: hi", chat.Json.GetProperty("data").GetProperty("response").Text("content"));
        var session = await DataAsync("/api/sessions/" + id);
        Assert.Equal(["chat_message", "agent_response"], session.GetProperty("messages").EnumerateArray().Select(static message => message.Text("type")), StringComparer.Ordinal);
        Assert.Contains((await DataAsync("/api/sessions")).GetProperty("sessions").EnumerateArray(), entry => entry.Text("session_id") == id);
        Assert.Equal(200, (await _node.SendAsync(HttpMethod.Delete, "/api/sessions/" + id)).Status);
        var gone = await _node.GetAsync("/api/sessions/" + id);
        Assert.Equal(404, gone.Status);
        Assert.Equal("status,message,code,timestamp", gone.Json.Keys());
        Assert.Equal("SESSION_NOT_FOUND", gone.Json.Text("code"));
        Assert.Equal("INVALID_CHAT_MESSAGE", (await _node.PostAsync("/api/chat", """{"content":7}""")).Json.Text("code"));
        Assert.Equal(404, (await _node.PostAsync("/api/chat", """{"session_id":"nope","content":"x"}""")).Status);
    }

    [Fact]
    public async Task The_server_API_publishes_once_per_id_and_tells_the_position()
    {
        const string Event = """{"channel":"topics/api","event":"any.name","data":{"n":1},"id":"k1"}""";
        var first = (await _node.PostAsync("/api/v1/publish", Event)).Json;
        Assert.Equal("success,channel,epoch,offset,duplicate,subscribers", first.Keys());
        var second = (await _node.PostAsync("/api/v1/publish", Event)).Json;
        Assert.True(second.GetProperty("duplicate").GetBoolean());
        Assert.Equal((first.Text("epoch"), first.Number("offset")), (second.Text("epoch"), second.Number("offset")));
        var history = (await _node.GetAsync("/api/v1/history?channel=topics/api")).Json;
        Assert.Equal(1, history.GetProperty("events").GetArrayLength());
        var after = (await _node.GetAsync($"/api/v1/history?channel=topics/api&since={first.Text("epoch")}:{first.Number("offset")}")).Json;
        Assert.Equal(0, after.GetProperty("events").GetArrayLength());
        var batch = (await _node.PostAsync("/api/v1/batch", """{"items":[{"channel":"topics/api","event":"a"},{"channel":"bad/x","event":"a"},{"channel":"topics/api","event":"b"}]}""")).Json;
        Assert.False(batch.GetProperty("success").GetBoolean());
        Assert.Equal([true, false, true], batch.GetProperty("results").EnumerateArray().Select(static result => result.GetProperty("success").GetBoolean()));
    }

    [Theory]
    [InlineData("publish", "")]
    [InlineData("publish", "nonsense")]
    [InlineData("publish", "[]")]
    [InlineData("publish", "{}")]
    [InlineData("publish", """{"channel":"topics/x"}""")]
    [InlineData("publish", """{"channel":7,"event":"x"}""")]
    [InlineData("publish", """{"channel":"bad/x","event":"x"}""")]
    [InlineData("publish", """{"channel":"topics/\ud800","event":"x"}""")]
    [InlineData("publish", """{"channel":"topics/x","event":""}""")]
    [InlineData("publish", """{"channel":"topics/x","event":"\ud800"}""")]
    [InlineData("publish", """{"channel":"topics/x","event":"x","id":7}""")]
    [InlineData("publish", """{"channel":"topics/x","event":"x","key":""}""")]
    [InlineData("publish", """{"channel":"topics/x","event":"x","ttl":-1}""")]
    [InlineData("publish", """{"channel":"topics/x","event":"x","ttl":1.5}""")]
    [InlineData("broadcast", """{"event":"x"}""")]
    [InlineData("broadcast", """{"channels":[],"event":"x"}""")]
    [InlineData("broadcast", """{"channels":["bad/x"],"event":"x"}""")]
    [InlineData("broadcast", """{"channels":[7],"event":"x"}""")]
    [InlineData("broadcast", """{"channels":["topics/x"]}""")]
    [InlineData("batch", """{"items":[]}""")]
    [InlineData("batch", """{"items":7}""")]
    public async Task The_server_API_refuses_with_a_reason(string endpoint, string body)
    {
        var answer = await _node.PostAsync("/api/v1/" + endpoint, body);
        Assert.Equal(400, answer.Status);
        Assert.Equal("INVALID_MESSAGE", answer.Json.Text("code"));
        Assert.NotEmpty(answer.Json.Text("error")!);
    }

    [Theory]
    [InlineData("channel=bad/x")]
    [InlineData("channel=topics/x&limit=0")]
    [InlineData("channel=topics/x&limit=many")]
    [InlineData("channel=topics/x&since=nonsense")]
    [InlineData("channel=topics/x&since=abcdefgh:-1")]
    [InlineData("channel=topics/x&since=abcdefgh:%201")]
    public async Task History_refuses_with_a_reason(string query)
    {
        var answer = await _node.GetAsync("/api/v1/history?" + query);
        Assert.Equal((400, "INVALID_MESSAGE"), (answer.Status, answer.Json.Text("code")));
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused_and_the_node_goes_on()
    {
        var body = "{\"channel\":\"topics/x\",\"event\":\"x\",\"data\":\"" + new string('a', 80 << 20) + "\"}";
        try
        {
            Assert.Equal(413, (await _node.PostAsync("/api/v1/publish", body)).Status);
        }
        catch (HttpRequestException cut)
        {
            // The node need not read what it has refused: the client may see the reset before the answer.
            Assert.IsAssignableFrom<IOException>(cut.InnerException);
        }

        Assert.Equal(200, (await _node.GetAsync("/live")).Status);
    }

    [Fact]
    public async Task Pages_of_the_same_machine_may_read_answers_and_foreign_ones_may_not()
    {
        var own = _node.Http("/").GetLeftPart(UriPartial.Authority);
        var preflight = await _node.SendAsync(HttpMethod.Options, "/api/v1/publish", origin: own);
        Assert.Equal(204, preflight.Status);
        Assert.Equal(own, preflight.Header("Access-Control-Allow-Origin"));
        var foreign = await _node.SendAsync(HttpMethod.Options, "/api/v1/publish", origin: "https://evil.example");
        Assert.Equal(403, foreign.Status);
        Assert.Null(foreign.Header("Access-Control-Allow-Origin"));
    }

    private async Task<(int Status, string Text)> PublishAsync(string body)
    {
        var answer = await _node.PostAsync("/publish", body);
        return (answer.Status, answer.Body);
    }

    private async Task<JsonElement> DataAsync(string path)
    {
        var answer = await _node.GetAsync(path);
        Assert.Equal(200, answer.Status);
        Assert.Equal("success", answer.Json.Text("status"));
        return answer.Json.GetProperty("data");
    }

    /// <summary>One node for all tests here: none of them changes what another sees.</summary>
    public sealed class Node : IAsyncLifetime
    {
        internal NodeProcess Process { get; private set; } = null!;

        public async Task InitializeAsync() => Process = await NodeProcess.StartAsync();

        public async Task DisposeAsync()
        {
            Process.AssertNoFailuresInLog();
            await Process.DisposeAsync();
        }
    }
}
