using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.Native;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients of all families at once on one node, each greeted and answered in its own words (protocols.md).</summary>
public sealed partial class GreetingTests
{
    private const string Project = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

    [Fact]
    public async Task Clients_of_every_dialect_are_greeted_and_answered_side_by_side()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var context = await WsClient.ConnectAsync(node.Ws("/", "context"));
        await using var contextOnMain = await WsClient.ConnectAsync(node.Ws("/ws"), "relay.context");
        await using var hooks = await WsClient.ConnectAsync(node.Ws("/any/path", "hooks"));
        await using var webui = await WsClient.ConnectAsync(node.Ws("/ws"));
        await using var native = await WsClient.ConnectAsync(node.Ws("/relay"));
        await using var protobuf = await ProtobufClient.ConnectAsync(node);
        await using var updates = await node.UpdatesAsync("u1");
        await using var projects = await node.ProjectsAsync(Project);

        await AssertContextAsync(context);
        await AssertContextAsync(contextOnMain);
        await AssertHooksAsync(hooks, node.Port("hooks"));
        await AssertWebUiAsync(webui);
        await AssertNativeAsync(native);
        await AssertProtobufAsync(protobuf);
        Assert.Empty(updates.Pending());
        Assert.Empty(projects.Pending());
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Upgrades_that_name_no_one_are_refused_with_the_originals_status()
    {
        await using var node = await NodeProcess.StartAsync();
        Assert.Equal(401, await WsClient.RefusalAsync(node.Ws("/ws?userId=")));
        Assert.Equal(400, await WsClient.RefusalAsync(node.Ws("/ws?project_id=")));
        Assert.Equal(400, await WsClient.RefusalAsync(node.Ws("/ws?project_id=nonsense")));
        Assert.Equal(404, await WsClient.RefusalAsync(node.Ws("/elsewhere", "context")));
        Assert.Equal(404, await WsClient.RefusalAsync(node.Ws("/elsewhere")));
    }

    private static async Task AssertContextAsync(WsClient client)
    {
        var greeting = await client.NextJsonAsync();
        Assert.Equal("type,client_id,timestamp", greeting.Keys());
        Assert.StartsWith("ws_", greeting.Text("client_id"), StringComparison.Ordinal);
        var ack = await client.AskAsync("""{"type":"subscribe","channel":"global","id":"s1"}""");
        Assert.Equal("type,id,success,timestamp", ack.Keys());
        var refused = await client.AskAsync("""{"type":"subscribe","channel":"bad/x","id":7}""");
        Assert.Equal(7, refused.Number("id"));
        Assert.Equal("Invalid channel format: bad/x", refused.Text("error"));
        var foreign = await client.AskAsync("""{"type":"subscribe","channel":"agents/other","id":"s3"}""");
        Assert.Equal("Not authorized to subscribe to this agent channel", foreign.Text("error"));
        Assert.Equal("pong", (await client.AskAsync("""{"type":"ping"}""")).Text("type"));
        var garbage = await client.AskAsync("garbage");
        Assert.Equal("error,code,timestamp", garbage.Keys());
        Assert.Equal("PARSE_ERROR", garbage.Text("code"));
        Assert.Equal("Unknown message type: pong", (await client.AskAsync("""{"type":"pong"}""")).Text("error"));
    }

    private static async Task AssertHooksAsync(WsClient client, int port)
    {
        var status = await client.NextJsonAsync();
        Assert.Equal("system.status", status.Text("type"));
        Assert.Matches(UtcMicroseconds(), status.Text("timestamp"));
        var data = status.GetProperty("data");
        Assert.Equal("session_id,session_start,claude_status,claude_pid,connected_clients,websocket_port,instance_info", data.Keys());
        Assert.Equal(port, data.Number("websocket_port"));
        Assert.Equal(1, data.Number("connected_clients"));
        var again = await client.AskAsync("""{"command":"get_status"}""");
        Assert.Equal("system.status", again.Text("type"));
        await client.SendAsync("""{"command":"get_history"}""");
        Assert.Equal("""{"type":"history","data":{"events":[]}}""", await client.NextTextAsync());
        await client.SendAsync("""{"command":"subscribe"}""");
        Assert.Equal("""{"type":"subscribed","data":{"channels":["*"]}}""", await client.NextTextAsync());
        await client.SendAsync("[1]");
        Assert.Equal("""{"type":"error","data":{"message":"Invalid JSON"}}""", await client.NextTextAsync());
    }

    private static async Task AssertWebUiAsync(WsClient client)
    {
        var welcome = await client.NextJsonAsync();
        Assert.Equal("""{"level":"info","message":"Connected to ActorRelay"}""", welcome.Raw("data"));
        var early = await client.AskAsync("""{"type":"chat_message","data":{"content":"hello"}}""");
        Assert.Equal("NO_SESSION", early.GetProperty("data").Text("code"));
        var created = await client.AskAsync("""{"type":"session_create"}""");
        Assert.Equal("session_status", created.Text("type"));
        Assert.Matches("^[0-9a-f]{32}$", created.GetProperty("data").Text("session_id"));
        Assert.Matches("^[0-9a-f]{16}$", created.Text("message_id"));
        await client.SendAsync("""{"type":"chat_message","data":{"content":"hello"}}""");
        var response = await client.NextJsonAsync("type", "agent_response");
        Assert.Equal("Received: hello", response.GetProperty("data").Text("content"));
        Assert.Equal("EchoAgent", response.GetProperty("data").Text("agent_name"));
        Assert.Equal("pong", (await client.AskAsync("""{"type":"ping"}""")).Text("type"));
        var unknown = await client.AskAsync("""{"type":"dance"}""");
        Assert.Equal("UNKNOWN_MESSAGE_TYPE", unknown.GetProperty("data").Text("code"));
        var gone = await client.AskAsync("""{"type":"session_join","data":{"session_id":"nope"}}""");
        Assert.Equal("SESSION_NOT_FOUND", gone.GetProperty("data").Text("code"));
        Assert.Equal("nope", gone.GetProperty("data").Text("details"));
    }

    private static async Task AssertNativeAsync(WsClient client)
    {
        var greeting = await client.NextJsonAsync();
        Assert.Equal("type,client_id,timestamp,node,session,ping_interval_ms,max_frame_bytes", greeting.Keys());
        var ack = await client.SubscribeAsync("topics/greeting");
        Assert.Equal(0, ack.Number("offset"));
        await client.SendAsync("""{"type":"publish","channel":"topics/greeting","event":"x.y","data":[1.50,{"b":1,"a":2}],"id":"p1"}""");
        var own = await client.NextJsonAsync();
        Assert.Equal("""[1.50,{"b":1,"a":2}]""", own.Raw("data"));
        var published = await client.NextJsonAsync("id", "p1");
        Assert.Equal(1, published.Number("offset"));
        Assert.Equal(1, published.Number("subscribers"));
        Assert.False(published.GetProperty("duplicate").GetBoolean());
        await client.AssertAnswersAsync();
    }

    private static async Task AssertProtobufAsync(ProtobufClient client)
    {
        var greeting = (await client.NextAsync()).Connected;
        Assert.StartsWith("ws_", greeting.ClientId, StringComparison.Ordinal);
        await client.SubscribeAsync("topics/protobuf");
        await client.SendAsync(new ClientMessage { Id = "q", Ping = new Ping() });
        Assert.Equal("q", (await client.NextAsync(ServerMessage.MessageOneofCase.Pong)).Pong.Id);
        await client.SendAsync(new ClientMessage { Id = "bad", Subscribe = new Subscribe { Channel = "bad/x" } });
        var refused = (await client.NextAsync(ServerMessage.MessageOneofCase.Ack)).Ack;
        Assert.False(refused.Success);
        Assert.Equal("bad", refused.Id);
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", RegexOptions.NonBacktracking)]
    private static partial Regex UtcMicroseconds();
}
