using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text.Json;
using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>What the native WebSocket refuses is refused over HTTP as well, endpoint by endpoint (guarantees.md 9).</summary>
public sealed class SameRightsTests(SameRightsTests.Nodes nodes) : IClassFixture<SameRightsTests.Nodes>
{
    private const string Reader = "read-key-0123456789abcdef0123456789abcdef";
    private const string Writer = "write-key-0123456789abcdef0123456789abcde";
    private const string Full = "full-key-0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData(false, "nobody", "topics/x", true, true)]
    [InlineData(false, "nobody", "sessions/s", true, true)]
    [InlineData(false, "nobody", "users/u", true, true)]
    [InlineData(false, "nobody", "agents/ann", true, false)]
    [InlineData(false, "ann", "agents/ann", true, true)]
    [InlineData(false, "bob", "agents/ann", true, true)]
    [InlineData(false, "reader", "agents/ann", false, true)]
    [InlineData(false, "writer", "agents/ann", true, false)]
    [InlineData(false, "writer", "global", true, false)]
    [InlineData(true, "nobody", "topics/x", false, false)]
    [InlineData(true, "nobody", "agents/ann", false, false)]
    [InlineData(true, "ann", "agents/ann", true, true)]
    [InlineData(true, "bob", "topics/x", true, true)]
    [InlineData(true, "reader", "hooks", false, true)]
    [InlineData(true, "writer", "topics/x", true, false)]
    [InlineData(true, "full", "projects/p", true, true)]
    public async Task A_right_is_the_same_by_every_way(bool required, string who, string channel, bool mayPublish, bool mayRead)
    {
        var node = required ? nodes.Closed : nodes.Open;
        var bearer = await CredentialAsync(node, who);
        var native = await NativeAsync(node, bearer, channel);
        foreach (var (way, allowed) in native)
        {
            Assert.True(allowed == (way.StartsWith("publish", StringComparison.Ordinal) ? mayPublish : mayRead), $"WebSocket: {way}");
        }

        var item = $$"""{"channel":"{{channel}}","event":"e"}""";
        foreach (var (path, body) in new[]
        {
            ("/api/v1/publish", item),
            ("/api/v1/broadcast", $$"""{"channels":["{{channel}}"],"event":"e"}"""),
            ("/api/v1/batch", "{\"items\":[" + item + "]}"),
            ("/api/v1/publish/stream", item),
            ("/publish", $$"""{"channel":"{{channel}}","type":"e"}"""),
        })
        {
            AssertAllowed(mayPublish, (await node.PostAsync(path, body, bearer: bearer)).Status, path);
        }

        foreach (var path in new[] { "/api/v1/history?channel=", "/api/v1/presence?channel=", "/sse?channels=" })
        {
            AssertAllowed(mayRead, await StatusAsync(node, path + channel, bearer), path);
        }

        // Whoever says something to an agent is told the answer, which stands in a channel.
        AssertAllowed(bearer is null ? !required : mayPublish && mayRead, (await node.PostAsync("/api/chat", """{"content":"hi"}""", bearer: bearer)).Status, "/api/chat");
    }

    public static TheoryData<string, bool> Publishes => new()
    {
        { """ "channel":"topics/same","event":"e" """, true },
        { """ "channel":"topics/same","event":"e","data":"\ud800","id":"same" """, true },
        { $$""" "channel":"topics/same","event":"e","key":"{{new string('k', 256)}}" """, true },
        { $$""" "channel":"topics/same","event":"e","key":"{{new string('k', 257)}}" """, false },
        { $$""" "channel":"topics/same","event":"e","key":"{{new string('é', 129)}}" """, false },
        { $$""" "channel":"topics/same","event":"e","id":"{{new string('i', 257)}}" """, false },
        { $$""" "channel":"topics/same","event":"e","id":"{{new string('é', 129)}}" """, false },
        { """ "channel":"topics/same","event":"e","key":"\ud800" """, false },
        { """ "channel":"topics/same","event":"e","ttl":-1 """, false },
        { """ "channel":"topics/same","event":"e","ttl":1.5 """, false },
        { """ "channel":"topics/same","event":"e","if_version":0 """, false },
        { """ "channel":"topics/same","event":"e","key":"v","if_version":-1 """, false },
        { """ "channel":"topics/same" """, false },
        { """ "channel":"topics/same","event":"" """, false },
        { """ "channel":"topics/same","event":7 """, false },
        { """ "channel":"topics/same","event":"a\u0001b" """, false },
        { $$""" "channel":"topics/same","event":"{{new string('e', 300)}}" """, false },
        { """ "event":"e" """, false },
        { """ "channel":"bad/x","event":"e" """, false },
        { """ "channel":"topics/\u0000","event":"e" """, false },
        { $$""" "channel":"topics/{{new string('c', 250)}}","event":"e" """, false },
        { $$""" "channel":"topics/same","event":"e","data":{{new string('[', 64)}}{{new string(']', 64)}} """, false },
        { """ "channel":"topics/same","event":"e","data":{"a":} """, false },
    };

    [Theory]
    [MemberData(nameof(Publishes))]
    public async Task A_publish_is_valid_by_every_way_or_by_none(string members, bool valid)
    {
        var body = "{" + members + "}";
        await using var client = await nodes.Open.NativeAsync();
        await client.SendAsync("{\"type\":\"publish\"," + members + "}");
        await client.SendAsync("""{"type":"ping","id":"behind"}""");
        var refused = false;
        await client.NextJsonAsync(json =>
        {
            refused |= json.TryGetProperty("error", out _) || json.TryGetProperty("code", out _);
            return json.Text("id") == "behind";
        });
        Assert.Equal(valid, !refused);
        Assert.Equal(valid ? 200 : 400, (await nodes.Open.PostAsync("/api/v1/publish", body)).Status);
        Assert.Equal(valid, (await nodes.Open.PostAsync("/api/v1/batch", "{\"items\":[" + body + "]}")).Body.Contains("\"success\":true", StringComparison.Ordinal));
        Assert.Contains("\"success\":" + (valid ? "true" : "false"), (await nodes.Open.PostAsync("/api/v1/publish/stream", body)).Body, StringComparison.Ordinal);
    }

    private static async Task<List<(string Way, bool Allowed)>> NativeAsync(NodeProcess node, string? bearer, string channel)
    {
        (string Way, string Request)[] requests =
        [
            ("publish", $$"""{"type":"publish","channel":"{{channel}}","event":"e","id":"1"}"""),
            ("publish_batch", $$"""{"type":"publish_batch","items":[{"channel":"{{channel}}","event":"e"}],"id":"2"}"""),
            ("history", $$"""{"type":"history","channel":"{{channel}}","id":"3"}"""),
            ("presence", $$"""{"type":"presence","channel":"{{channel}}","id":"4"}"""),
            ("subscribe", $$"""{"type":"subscribe","channel":"{{channel}}","id":"5"}"""),
        ];
        if (await IsRefusedAsync(node.Ws("/relay"), bearer))
        {
            return [.. requests.Select(static one => (one.Way, false))];
        }

        await using var client = await node.NativeAsync(bearer);
        var answers = new List<(string Way, bool Allowed)>();
        foreach (var (way, request) in requests)
        {
            await client.SendAsync(request);
            var id = (answers.Count + 1).ToString();
            var answer = await client.NextJsonAsync("id", id);
            answers.Add((way, !answer.TryGetProperty("success", out var success) || success.ValueKind == JsonValueKind.True));
        }

        return answers;
    }

    private static async Task<bool> IsRefusedAsync(Uri url, string? bearer)
    {
        try
        {
            await using var client = await WsClient.ConnectAsync(url, "relay.v1", bearer);
            return false;
        }
        catch (WebSocketException)
        {
            return true;
        }
    }

    private static async Task<string?> CredentialAsync(NodeProcess node, string who) => who switch
    {
        "nobody" => null,
        "reader" => Reader,
        "writer" => Writer,
        "full" => Full,
        _ => (await node.PostAsync("/api/auth/token", $$"""{"agent_id":"{{who}}"}""", bearer: Full)).Json.Text("token"),
    };

    // Only the head: an event stream has no end.
    private static async Task<int> StatusAsync(NodeProcess node, string path, string? bearer)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, node.Http(path));
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)answer.StatusCode;
    }

    private static void AssertAllowed(bool allowed, int status, string path) =>
        Assert.True(allowed ? status == (int)HttpStatusCode.OK : status is (int)HttpStatusCode.Unauthorized or (int)HttpStatusCode.Forbidden, $"{path}: {status}");

    /// <summary>One node that lets everybody in, and one that wants credentials.</summary>
    public sealed class Nodes : IAsyncLifetime
    {
        internal NodeProcess Open { get; private set; } = null!;

        internal NodeProcess Closed { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Open = await StartAsync("false");
            Closed = await StartAsync("true");
        }

        public async Task DisposeAsync()
        {
            foreach (var node in new[] { Open, Closed })
            {
                node.AssertNoFailuresInLog();
                await node.DisposeAsync();
            }
        }

        private static Task<NodeProcess> StartAsync(string required) => NodeProcess.StartAsync(
            ("Auth:Required", required),
            ("Auth:ApiKeys:0:Key", Full), ("Auth:ApiKeys:0:Name", "full"), ("Auth:ApiKeys:0:Rights", "publish,subscribe"),
            ("Auth:ApiKeys:1:Key", Reader), ("Auth:ApiKeys:1:Name", "reader"), ("Auth:ApiKeys:1:Rights", "subscribe"),
            ("Auth:ApiKeys:2:Key", Writer), ("Auth:ApiKeys:2:Name", "writer"), ("Auth:ApiKeys:2:Rights", "publish"));
    }
}
