using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Who is present, on several nodes (protocols.md, <c>relay</c>, "Presence"; guarantees.md 7).</summary>
public sealed class ClusterPresenceTests(ITestOutputHelper output)
{
    private const string Wish = ""","presence":true""";
    private const string ByUser = ""","presence":true,"presence_by":"user" """;

    private static readonly string[] Channels = [.. Enumerable.Range(1, 12).Select(static n => $"topics/p-{n}")];

    [Fact]
    public async Task Joins_and_leaves_are_told_on_every_node_and_every_node_answers_for_all()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await using var watcher = await cluster.Nodes[0].NativeAsync();
        await watcher.SubscribeAsync("topics/x", Wish);
        await using var byUser = await cluster.Nodes[1].NativeAsync();
        await byUser.SubscribeAsync("topics/x", ByUser);
        await NextAsync(watcher, "join");
        await using var first = await AgentAsync(cluster.Nodes[1]);
        await using var second = await AgentAsync(cluster.Nodes[2]);
        await first.SubscribeAsync("topics/x", Wish);
        Assert.Equal("ann", await NextAsync(byUser, "join"));
        Assert.Equal("ann", await NextAsync(watcher, "join"));
        await second.SubscribeAsync("topics/x", Wish);
        Assert.Equal("ann", await NextAsync(watcher, "join"));
        Assert.Equal("ann", await NextAsync(first, "join"));

        foreach (var node in cluster.Nodes)
        {
            Assert.Equal((4, 1), await CountAsync(node, "topics/x"));
        }

        await using var stranger = await cluster.Nodes[2].NativeAsync();
        foreach (var client in new[] { watcher, byUser, second, stranger })
        {
            await client.SendAsync("""{"type":"presence","channel":"topics/x","id":"p"}""");
            var answer = await client.NextJsonAsync("id", "p");
            Assert.Equal((4L, 1L, 4), (answer.Number("count"), answer.Number("users"), answer.GetProperty("members").GetArrayLength()));
        }

        await second.DisposeAsync();
        Assert.Equal("ann", await NextAsync(watcher, "leave"));
        Assert.Equal("ann", await NextAsync(first, "leave"));
        await first.DisposeAsync();
        Assert.Equal("ann", await NextAsync(byUser, "leave"));
        foreach (var node in cluster.Nodes)
        {
            await Eventually.UntilAsync(async () => await CountAsync(node, "topics/x") == (2, 0), "two are left");
        }

        cluster.AssertNoFailuresInLogs();
    }

    [Fact]
    public async Task The_members_of_a_killed_node_leave_on_all_others_and_nobody_else_does()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await using var one = await PresentAsync(cluster.Nodes[0]);
        await using var two = await PresentAsync(cluster.Nodes[1]);
        await using var dead = await PresentAsync(cluster.Nodes[2]);
        var owners = await Task.WhenAll(Channels.Select(cluster.OwnerOfAsync));
        Assert.Equal([0, 1, 2], owners.Distinct().Order());
        await one.ToldAsync("join", Channels.Length * 2);
        await two.ToldAsync("join", Channels.Length);

        await cluster.KillAsync(2);
        var died = TimeProvider.System.GetTimestamp();
        Assert.All(await one.ToldAsync("leave", Channels.Length), change => Assert.Equal(dead.Id, change.Text("client_id")));
        Assert.All(await two.ToldAsync("leave", Channels.Length), change => Assert.Equal(dead.Id, change.Text("client_id")));
        output.WriteLine($"all had left {TimeProvider.System.GetElapsedTime(died).TotalSeconds:0.0} s after the node died");
        foreach (var channel in Channels)
        {
            Assert.Equal((2, 0), await CountAsync(cluster.Nodes[0], channel));
            Assert.Equal((2, 0), await CountAsync(cluster.Nodes[1], channel));
        }

        await AssertNothingMoreAsync(cluster.Nodes[1], one, two);
    }

    [Fact]
    public async Task Nobody_flaps_when_channels_move_to_a_node_that_joins_and_when_that_one_dies()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        await using var one = await PresentAsync(cluster.Nodes[0]);
        await using var two = await PresentAsync(cluster.Nodes[1]);
        await one.ToldAsync("join", Channels.Length);

        await cluster.AddAsync();
        await cluster.OwnsSomeAsync(2, Channels);
        await AssertNothingMoreAsync(cluster.Nodes[1], one, two);

        await cluster.KillAsync(2);
        await Eventually.UntilAsync(async () => !(await Task.WhenAll(Channels.Select(cluster.OwnerOfAsync))).Contains(2), "the dead node owns nothing");
        await AssertNothingMoreAsync(cluster.Nodes[1], one, two);
    }

    [Fact]
    public async Task Whatever_nodes_and_Redis_go_through_those_who_are_connected_are_present_and_nobody_else()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await using var one = await PresentAsync(cluster.Nodes[0]);
        await using var two = await PresentAsync(cluster.Nodes[1]);
        await using var three = await PresentAsync(cluster.Nodes[2]);
        string[] all = [one.Id, two.Id, three.Id];
        await AssertPresentAsync(cluster.Nodes, all);

        // Beyond its lease: the others take it for dead.
        cluster.Nodes[2].Pause();
        await AssertPresentAsync([cluster.Nodes[0], cluster.Nodes[1]], [one.Id, two.Id]);
        cluster.Nodes[2].Continue();
        await AssertPresentAsync(cluster.Nodes, all);

        await cluster.Redis.RunAsync("FLUSHALL");
        await cluster.Redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await AssertPresentAsync(cluster.Nodes, all);
        await cluster.Redis.KillAsync();
        await cluster.Redis.StartAgainAsync();
        await AssertPresentAsync(cluster.Nodes, all);

        await cluster.KillAsync(0);
        await AssertPresentAsync([cluster.Nodes[1], cluster.Nodes[2]], [two.Id, three.Id]);

        // Whoever counts along by what it was told is right, too.
        await using var late = await PresentAsync(cluster.Nodes[1]);
        Assert.Equal(Everywhere(three.Id, late.Id), await two.CountAlongAsync(late.Id, Everywhere(one.Id)));
        Assert.Equal(Everywhere(two.Id, late.Id), await three.CountAlongAsync(late.Id, Everywhere(one.Id, two.Id)));
    }

    private static async Task AssertPresentAsync(IReadOnlyList<NodeProcess> nodes, string[] members)
    {
        foreach (var node in nodes)
        {
            foreach (var channel in Channels)
            {
                await Eventually.UntilAsync(
                    async () =>
                    {
                        var answer = await node.GetAsync("/api/v1/presence?channel=" + channel);
                        return answer.Status == 200
                            && answer.Json.GetProperty("members").EnumerateArray().Select(static member => member.Text("client_id")).Order(StringComparer.Ordinal).SequenceEqual(members.Order(StringComparer.Ordinal), StringComparer.Ordinal)
                            && answer.Json.Number("count") == members.Length;
                    },
                    $"{members.Length} are present on {channel}",
                    TimeSpan.FromSeconds(60));
            }
        }
    }

    private static HashSet<(string Channel, string Id)> Everywhere(params string[] members) => [.. Channels.SelectMany(channel => members.Select(id => (channel, id)))];

    // Whoever comes and goes on every channel is told on each behind everything that was told before.
    private static async Task AssertNothingMoreAsync(NodeProcess node, params Member[] members)
    {
        await using (var late = await PresentAsync(node))
        {
            foreach (var member in members)
            {
                Assert.All(await member.ToldAsync("join", Channels.Length), change => Assert.Equal(late.Id, change.Text("client_id")));
            }
        }

        foreach (var member in members)
        {
            await member.ToldAsync("leave", Channels.Length);
        }
    }

    private static async Task<Member> PresentAsync(NodeProcess node)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
        var member = new Member(client, (await client.NextJsonAsync()).Text("client_id")!);
        foreach (var channel in Channels)
        {
            await client.SubscribeAsync(channel, Wish);
        }

        return member;
    }

    private static async Task<WsClient> AgentAsync(NodeProcess node)
    {
        var client = await node.NativeAsync();
        await client.SendAsync("""{"type":"unsubscribe","channel":"global","id":"u"}""");
        await client.NextJsonAsync("id", "u");
        await client.SendAsync("""{"type":"auth","agent_id":"ann","id":"a"}""");
        await client.NextJsonAsync("id", "a");
        return client;
    }

    // What agents announce on global is passed over.
    private static async Task<string?> NextAsync(WsClient client, string type)
    {
        var change = await client.NextJsonAsync(static json => json.Text("event") is null);
        Assert.Equal((type, "topics/x"), (change.Text("type"), change.Text("channel")));
        return change.Text("user_id");
    }

    private static async Task<(long Count, long Users)> CountAsync(NodeProcess node, string channel)
    {
        var answer = (await node.GetAsync("/api/v1/presence?channel=" + channel)).Json;
        return (answer.Number("count"), answer.Number("users"));
    }

    /// <summary>A client that is present on all channels.</summary>
    private sealed class Member(WsClient client, string id) : IAsyncDisposable
    {
        public string Id => id;

        /// <summary>The next so many joins and leaves, which are all of that type.</summary>
        public async Task<List<JsonElement>> ToldAsync(string type, int count)
        {
            var told = new List<JsonElement>();
            while (told.Count < count)
            {
                // The memory of a dead owner is gone, which is told as a gap.
                told.Add(await client.NextJsonAsync(static json => json.Text("type") != "gap"));
            }

            Assert.All(told, change => Assert.Equal(type, change.Text("type")));
            return told;
        }

        /// <summary>Who is present besides itself by what it was told, up to the joins of <paramref name="last"/> on all channels. Nobody joins or leaves twice.</summary>
        public async Task<HashSet<(string Channel, string Id)>> CountAlongAsync(string last, HashSet<(string Channel, string Id)> present)
        {
            for (var awaited = Channels.Length; awaited > 0;)
            {
                var change = await client.NextJsonAsync(static json => json.Text("type") is "join" or "leave");
                var who = (change.Text("channel")!, change.Text("client_id")!);
                Assert.True(change.Text("type") == "join" ? present.Add(who) : present.Remove(who), change.GetRawText());
                awaited -= who.Item2 == last ? 1 : 0;
            }

            return present;
        }

        public ValueTask DisposeAsync() => client.DisposeAsync();
    }
}
