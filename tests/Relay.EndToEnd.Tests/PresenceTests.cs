using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests;

/// <summary>Who is present, over real sockets (protocols.md, <c>relay</c>, "Presence"; guarantees.md 7): however a connection ends, its member is gone.</summary>
public sealed class PresenceTests
{
    private const string Wish = ""","presence":true""";

    /// <summary>More than kernels keep for a socket that is not read, and the bound besides.</summary>
    private const int Flood = 1500;

    private static readonly string Padding = new('x', 8000);

    [Fact]
    public async Task However_a_socket_ends_its_member_leaves()
    {
        await using var node = await NodeProcess.StartAsync(("Dialects:relay:PingInterval", "1s"), ("Dialects:relay:IdleTimeout", "6s"));
        await using var watcher = await node.NativeAsync();
        await watcher.SubscribeAsync("topics/x", Wish);

        using var fin = await JoinAsync(node);
        var finId = await JoinedAsync(watcher);
        using var reset = await JoinAsync(node);
        var resetId = await JoinedAsync(watcher);
        using var half = await JoinAsync(node);
        var halfId = await JoinedAsync(watcher);
        using var deaf = await JoinAsync(node, "topics/flood");
        var deafId = await JoinedAsync(watcher);
        Assert.Equal((5, 0), await CountAsync(node));

        fin.HalfClose();
        Assert.Equal(finId, await LeftAsync(watcher));
        reset.Reset();
        Assert.Equal(resetId, await LeftAsync(watcher));

        // The deaf one is cut by what it does not read; the half-open one, whose end nobody hears of, by the keep-alive.
        await using var publisher = await node.NativeAsync();
        for (var n = 0; n < Flood; n++)
        {
            await publisher.SendAsync($$$"""{"type":"publish","channel":"topics/flood","event":"load","data":"{{{Padding}}}"}""");
        }

        Assert.Equal(new[] { deafId, halfId }.Order(StringComparer.Ordinal), new[] { await LeftAsync(watcher), await LeftAsync(watcher) }.Order(StringComparer.Ordinal));
        Assert.Equal((1, 0), await CountAsync(node));
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_take_over_is_seen_by_nobody_and_the_death_of_the_new_connection_by_all()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var watcher = await node.NativeAsync();
        await watcher.SubscribeAsync("topics/x", Wish);
        using var half = await RawSocket.ConnectAsync(node.Port("main"));
        await half.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1");
        var token = Json.Parse(System.Text.Encoding.UTF8.GetString((await half.FrameAsync()).Payload)).Text("session");
        await half.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/x","presence":true}"""));
        var id = await JoinedAsync(watcher);
        var client = await node.NativeAsync();
        var ack = await client.AskAsync($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
        Assert.Equal(id, ack.Text("client_id"));
        await half.ToEndAsync();
        await Eventually.UntilAsync(async () => await node.ConnectedClientsAsync() == 2, "the old connection is gone");
        Assert.Equal((2, 0), await CountAsync(node));
        Assert.Empty(watcher.Pending());
        await client.DisposeAsync();
        Assert.Equal(id, await LeftAsync(watcher));
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Presence_over_http_lists_and_counts_connections_and_users()
    {
        await using var node = await NodeProcess.StartAsync(("Namespaces:projects:Presence", "false"));
        await using var first = await node.NativeAsync();
        await first.SendAsync("""{"type":"auth","agent_id":"ann","id":"a"}""");
        await first.NextJsonAsync("id", "a");
        await first.SubscribeAsync("agents/ann", Wish);
        await first.SubscribeAsync("topics/x", Wish);
        await using var second = await node.NativeAsync();
        await second.SubscribeAsync("topics/x", Wish);
        var answer = (await node.GetAsync("/api/v1/presence?channel=topics/x")).Json;
        Assert.Equal("channel,members,count,users", answer.Keys());
        Assert.Equal((2L, 1L), (answer.Number("count"), answer.Number("users")));
        Assert.Equal("ann,", string.Join(',', answer.GetProperty("members").EnumerateArray().Select(static member => member.Text("user_id"))));
        Assert.Equal(0, (await node.GetAsync("/api/v1/presence?channel=topics/nobody")).Json.Number("count"));
        Assert.Equal(400, (await node.GetAsync("/api/v1/presence?channel=bad/x")).Status);
        Assert.Equal(403, (await node.GetAsync("/api/v1/presence?channel=agents/ann")).Status);
        var off = await node.GetAsync("/api/v1/presence?channel=projects/x");
        Assert.Equal((403, "Presence is turned off for projects"), (off.Status, off.Json.Text("error")));
        await second.SendAsync("""{"type":"subscribe","channel":"projects/x","presence":true,"id":"s"}""");
        Assert.Equal("NOT_AUTHORIZED", (await second.NextJsonAsync("id", "s")).Text("code"));
        await second.SendAsync("""{"type":"presence","channel":"projects/x","id":"p"}""");
        Assert.Equal("Presence is turned off for projects", (await second.NextJsonAsync("id", "p")).Text("error"));
        await second.SubscribeAsync("projects/x");
    }

    private static async Task<RawSocket> JoinAsync(NodeProcess node, string? alsoOn = null)
    {
        var socket = await RawSocket.ConnectAsync(node.Port("main"), receiveBuffer: 4096);
        await socket.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1");
        if (alsoOn is not null)
        {
            await socket.SendAsync(RawSocket.Text($$"""{"type":"subscribe","channel":"{{alsoOn}}"}"""));
        }

        await socket.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/x","presence":true}"""));
        return socket;
    }

    private static async Task<string> JoinedAsync(WsClient watcher) => Member(await watcher.NextJsonAsync(), "join");

    private static async Task<string> LeftAsync(WsClient watcher) => Member(await watcher.NextJsonAsync(), "leave");

    private static string Member(JsonElement change, string type)
    {
        Assert.Equal((type, "topics/x"), (change.Text("type"), change.Text("channel")));
        return change.Text("client_id")!;
    }

    private static async Task<(long Count, long Users)> CountAsync(NodeProcess node)
    {
        var answer = (await node.GetAsync("/api/v1/presence?channel=topics/x")).Json;
        return (answer.Number("count"), answer.Number("users"));
    }
}
