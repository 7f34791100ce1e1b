using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>What a client asks about the relay is told of the whole cluster, by whichever node it asks.</summary>
public sealed class ClusterListsTests
{
    [Fact]
    public async Task Clients_and_subscribers_are_counted_on_all_nodes_and_on_one_where_that_is_asked()
    {
        await using var group = await NodeGroup.StartAsync(3);
        var clients = new List<WsClient>();
        foreach (var node in group.Nodes)
        {
            var client = await node.ContextAsync();
            await client.SubscribeAsync("topics/news");
            clients.Add(client);
        }

        await clients[2].SubscribeAsync("topics/mine");
        foreach (var node in group.Nodes)
        {
            // Connections of others are told once a second.
            await Eventually.UntilAsync(async () => (await node.GetAsync("/stats", "context")).Json.Number("connectedClients") == 3, "all clients are counted");
            var stats = (await node.GetAsync("/stats", "context")).Json;
            Assert.Equal("""{"global":3,"topics/mine":1,"topics/news":3}""", stats.Raw("channelStats"));
            Assert.Equal(3, stats.Number("activeChannels"));
            Assert.Equal("""{"channels":[{"channel":"global","subscribers":3},{"channel":"topics/mine","subscribers":1},{"channel":"topics/news","subscribers":3}]}""",
                (await node.GetAsync("/api/v1/channels")).Body);
            Assert.Equal(1, (await node.GetAsync("/stats?scope=node", "context")).Json.Number("connectedClients"));
            Assert.Equal(1, (await node.GetAsync("/health", "context")).Json.Number("connectedClients"));
        }

        Assert.Equal("""{"channels":[{"channel":"global","subscribers":1},{"channel":"topics/news","subscribers":1}]}""", (await group[0].GetAsync("/api/v1/channels?scope=node")).Body);

        // What a client has not confirmed.
        await group[0].PostAsync("/api/v1/publish", """{"channel":"topics/news","event":"task.created","data":{"id":1} }""");
        foreach (var client in clients)
        {
            await client.NextJsonAsync("event", "task.created");
        }

        Assert.Equal(3, (await group[1].GetAsync("/stats", "context")).Json.Number("pendingDeliveries"));
        await group[2].KillAsync();
        await Eventually.UntilAsync(async () => (await group[0].GetAsync("/stats", "context")).Json.Number("connectedClients") == 2, "a dead node's clients are gone");
        Assert.Equal("""{"global":2,"topics/news":2}""", (await group[1].GetAsync("/stats", "context")).Json.Raw("channelStats"));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("redis")]
    public async Task The_status_of_hooks_is_the_same_on_every_node_whoever_owns_the_channel(string durability)
    {
        await using var group = await NodeGroup.StartAsync(2, ("Namespaces:hooks:Durability", durability));
        await using (var sender = await group[0].HooksAsync())
        {
            await sender.SendAsync("""{"type":"session.start","timestamp":"2026-01-01T00:00:00.000000Z","data":{"session_id":"s1","working_dir":"/w","pid":7}}""");
            await StatusAsync(group[0], "s1", "running", 7);
            await StatusAsync(group[1], "s1", "running", 7);
        }

        // One that comes later, and one that is left alone by an owner that was killed.
        var third = await group.AddAsync();
        await StatusAsync(third, "s1", "running", 7);
        await group[0].KillAsync();
        await group[1].KillAsync();
        await using var last = await third.HooksAsync();
        await Eventually.UntilAsync(async () => (await third.GetAsync("/ready")).Status == 200, "the last node is ready");
        await last.SendAsync("""{"type":"claude.status","timestamp":"2026-01-01T00:00:01.000000Z","data":{"session_id":"s1","status":"error"}}""");
        await StatusAsync(third, "s1", "error", 7);
    }

    private static Task StatusAsync(NodeProcess node, string session, string status, long pid) => Eventually.UntilAsync(
        async () =>
        {
            await using var client = await WsClient.ConnectAsync(node.Ws("/", "hooks"));
            var data = (await client.NextJsonAsync("type", "system.status")).GetProperty("data");
            return data.Text("session_id") == session && data.Text("claude_status") == status && data.GetProperty("claude_pid") is { ValueKind: JsonValueKind.Number } found
                && found.GetInt64() == pid;
        },
        $"status {session} {status} {pid}");
}
