using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Operators see and do everything through whichever node they ask (docs/operations-admin.md).</summary>
public sealed class AdminTests
{
    private const string Admin = "admin-key-0123456789abcdef0123456789abcde";
    private const string Plain = "plain-key-0123456789abcdef0123456789abcde";

    [Fact]
    public async Task Operators_see_and_act_on_the_whole_cluster_and_everything_they_do_is_noted()
    {
        await using var group = await NodeGroup.StartAsync(
            2,
            ("Auth:Required", "true"), ("Auth:Jwt:Keys:0:Secret", Tokens.Secret), ("Drain:Seconds", "4"),
            ("Auth:ApiKeys:0:Key", Admin), ("Auth:ApiKeys:0:Name", "ops"), ("Auth:ApiKeys:0:Rights", "publish,subscribe,admin"),
            ("Auth:ApiKeys:1:Key", Plain), ("Auth:ApiKeys:1:Name", "plain"));
        var (n1, n2) = (group[0], group[1]);
        foreach (var path in new[] { "nodes", "nodes/n1", "shards", "connections", "connections/ws_0", "channels/details", "explain?message=x", "log-levels", "audit" })
        {
            Assert.Equal(401, (await n1.GetAsync("/api/v1/" + path)).Status);
            var refusal = await n1.GetAsync("/api/v1/" + path, bearer: Plain);
            Assert.Equal(403, refusal.Status);
            Assert.Contains("'admin'", refusal.Body, StringComparison.Ordinal);
        }

        await ConnectionsAsync(n1, n2);
        await ShardsAsync(n1, n2);
        await LogLevelsAsync(n1);
        await DrainAsync(n1, n2);
        var acts = (await GetAsync(n2, "audit?limit=50")).GetProperty("entries").EnumerateArray().Select(static entry => $"{entry.Text("node")} {entry.Text("who")} {entry.Text("act")} {entry.Text("target")} {entry.Text("result")}").Reverse().ToList();
        Assert.Equal(
            [
                "n1 ops unsubscribe user ann done", "n1 ops disconnect user ann done", "n1 ops disconnect connection ws_0 NOT_FOUND",
                "n1 ops move shard 0 NOT_FOUND", "n1 ops move shard 0 done", "n1 ops unpin shard 0 done",
                "n1 ops log-level Relay.Cluster done", "n1 ops log-level Relay.Cluster done",
                "n2 ops drain node n1 done", "n2 ops drain node n1 CONFLICT", "n2 ops undrain node n1 done", "n2 ops undrain node n1 CONFLICT",
            ],
            acts);
        Assert.Contains("move shard 0 by ops from 127.0.0.1: done to ", n1.Log, StringComparison.Ordinal);
        n1.AssertNoFailuresInLog();
        n2.AssertNoFailuresInLog();
    }

    private static async Task ConnectionsAsync(NodeProcess n1, NodeProcess n2)
    {
        await using var ann = await n2.NativeAsync(Token("ann"));
        await using var bob = await n1.NativeAsync(Token("bob"));
        await ann.SubscribeAsync("topics/a");
        await ann.SubscribeAsync("topics/b");
        await bob.SubscribeAsync("topics/b");
        Assert.Equal(200, (await n1.PostAsync("/api/v1/publish", """{"channel":"topics/b","event":"e"}""", bearer: Admin)).Status);

        var nodes = (await GetAsync(n1, "nodes")).GetProperty("nodes").EnumerateArray().ToList();
        Assert.Equal("n1 n2", string.Join(' ', nodes.Select(static node => node.Text("node"))));
        Assert.All(nodes, static node => Assert.Equal("""up true {"relay":1} {}""", $"{node.Text("state")} {node.Raw("ready")} {node.Raw("connections_by_dialect")} {node.Raw("reasons")}"));
        Assert.Equal(32, nodes.Sum(static node => node.Number("shards")));
        Assert.Equal("n2", (await GetAsync(n1, "nodes/n2")).Text("node"));
        Assert.Contains("there are n1, n2", (await n1.GetAsync("/api/v1/nodes/n9", bearer: Admin)).Body, StringComparison.Ordinal);

        foreach (var (query, users) in new[]
        {
            ("", "ann,bob"), ("?user=ann", "ann"), ("?address=127.", "ann,bob"), ("?address=10.", ""), ("?dialect=relay", "ann,bob"), ("?dialect=context", ""), ("?channel=topics/a", "ann"),
            ("?channel=topics/b", "ann,bob"), ("?channel=topics/none", ""), ("?scope=node", "bob"),
        })
        {
            var page = await GetAsync(n1, "connections" + query);
            Assert.Equal(users, string.Join(',', page.GetProperty("connections").EnumerateArray().Select(static one => one.Text("user")).Order(StringComparer.Ordinal)));
            Assert.Equal(users.Length == 0 ? 0 : users.Split(',').Length, page.Number("total"));
        }

        var first = await GetAsync(n1, "connections?limit=1");
        var second = await GetAsync(n1, "connections?limit=1&after=" + first.Text("next"));
        var third = await GetAsync(n1, "connections?limit=1&after=" + second.Text("next"));
        Assert.Equal("ann bob", string.Join(' ', new[] { first, second }.Select(static page => page.GetProperty("connections")[0].Text("user")).Order(StringComparer.Ordinal)));
        Assert.Equal(0, third.GetProperty("connections").GetArrayLength());
        Assert.Equal(400, (await n1.GetAsync("/api/v1/connections?limit=1001", bearer: Admin)).Status);

        var id = (await GetAsync(n1, "connections?user=ann")).GetProperty("connections")[0].Text("connection");
        var detail = await GetAsync(n1, "connections/" + id);
        Assert.Equal("n2", detail.Text("node"));
        Assert.Equal("global topics/a topics/b", string.Join(' ', detail.GetProperty("subscriptions").EnumerateArray().Select(static one => one.Text("channel"))));

        var channel = Assert.Single((await GetAsync(n2, "channels/details?prefix=topics/b")).GetProperty("channels").EnumerateArray());
        Assert.Equal("""1 "memory" 2 {"n1":1,"n2":1}""", $"{channel.Raw("offset")} {channel.Raw("durability")} {channel.Raw("subscribers")} {channel.Raw("subscribers_by_node")}");
        var pages = new List<string?>();
        for (string? after = ""; after is not null;)
        {
            var page = await GetAsync(n1, $"channels/details?limit=1&pattern=topics/*&after={after}");
            pages.AddRange(page.GetProperty("channels").EnumerateArray().Select(static one => one.Text("channel")));
            after = page.Text("next");
        }

        Assert.Equal(["topics/a", "topics/b"], pages);

        // Acts.
        Assert.Equal(1, (await ActAsync(n1, "unsubscribe", """{"user":"ann","channel":"topics/a"}""")).Number("unsubscribed"));
        Assert.Contains("topics/a", (await ann.NextJsonAsync("code", "NOT_AUTHORIZED")).GetRawText(), StringComparison.Ordinal);
        Assert.Equal(0, (await GetAsync(n1, "connections?channel=topics/a")).Number("total"));
        Assert.Equal(1, (await ActAsync(n1, "disconnect", """{"user":"ann","code":4321,"reason":"go home"}""")).Number("disconnected"));
        Assert.Contains("go home", (await ann.NextJsonAsync("code", "NOT_AUTHORIZED")).GetRawText(), StringComparison.Ordinal);
        Assert.Equal(new WsEnd(4321, "go home"), await ann.EndAsync());
        Assert.Equal(404, (await n1.PostAsync("/api/v1/disconnect", """{"connection":"ws_0"}""", bearer: Admin)).Status);
        foreach (var wrong in new[] { "{}", """{"user":"a","connection":"b"}""", """{"user":"a","code":1005}""", "[]" })
        {
            Assert.Equal(400, (await n1.PostAsync("/api/v1/disconnect", wrong, bearer: Admin)).Status);
        }

        await bob.AssertAnswersAsync();
    }

    private static async Task ShardsAsync(NodeProcess n1, NodeProcess n2)
    {
        var home = (await ShardAsync(n1, 0)).Text("owner")!;
        var other = home == "n1" ? "n2" : "n1";
        Assert.Equal(404, (await n1.PostAsync("/api/v1/shards/0/move", """{"to":"n9"}""", bearer: Admin)).Status);
        Assert.Equal(404, (await n1.PostAsync("/api/v1/shards/32/move", """{"to":"n1"}""", bearer: Admin)).Status);
        Assert.Equal(202, (await n1.PostAsync("/api/v1/shards/0/move", $$"""{"to":"{{other}}"}""", bearer: Admin)).Status);
        await IsAtAsync(other);
        Assert.Equal(other, (await ShardAsync(n2, 0)).Text("pinned_to"));
        Assert.Equal(202, (await n1.SendAsync(HttpMethod.Delete, "/api/v1/shards/0/pin", bearer: Admin)).Status);
        Assert.Equal(404, (await n1.SendAsync(HttpMethod.Delete, "/api/v1/shards/0/pin", bearer: Admin)).Status);
        await IsAtAsync(home);

        Task IsAtAsync(string node) => Eventually.UntilAsync(
            async () => await ShardAsync(n1, 0) is var shard && shard.Text("owner") == node && shard.Text("state") == "serving", $"shard 0 is served by {node}");
    }

    private static async Task LogLevelsAsync(NodeProcess n1)
    {
        await ActAsync(n1, "log-levels", """{"category":"Relay.Cluster","level":"debug","for":"10m"}""");
        var levels = (await GetAsync(n1, "log-levels")).GetProperty("levels").EnumerateArray().Select(static level => $"{level.Text("node")} {level.Text("level")}");
        Assert.Equal("n1 Debug, n2 Debug", string.Join(", ", levels.Order(StringComparer.Ordinal)));
        await ActAsync(n1, "log-levels", """{"category":"Relay.Cluster","level":null}""");
        Assert.Equal(0, (await GetAsync(n1, "log-levels")).GetProperty("levels").GetArrayLength());
        foreach (var wrong in new[] { """{"category":"Relay","level":"loud"}""", """{"category":"*","level":"Debug"}""", """{"category":"Relay","level":"Debug","for":"ever"}""", """{"category":"Relay"}""" })
        {
            Assert.Equal(400, (await n1.PostAsync("/api/v1/log-levels", wrong, bearer: Admin)).Status);
        }
    }

    private static async Task DrainAsync(NodeProcess n1, NodeProcess n2)
    {
        await using var client = await n1.NativeAsync(Token("cat"));
        Assert.Equal(202, (await n2.PostAsync("/api/v1/nodes/n1/drain", "", bearer: Admin)).Status);
        Assert.Equal("drain", (await client.NextJsonAsync("type", "reconnect")).Text("reason"));
        Assert.Equal(1012, (await client.EndAsync()).Code);
        await Eventually.UntilAsync(async () => (await GetAsync(n2, "nodes/n1")).Text("drain") == "drained", "n1 is drained");
        var drained = await GetAsync(n2, "nodes/n1");
        Assert.Equal("leaving 0 false", $"{drained.Text("state")} {drained.Raw("shards")} {drained.Raw("ready")}");
        Assert.Equal(503, (await n1.GetAsync("/ready")).Status);
        Assert.Equal(503, await WsClient.RefusalAsync(n1.Ws("/relay"), "relay.v1", Token("cat")));
        Assert.Equal(409, (await n2.PostAsync("/api/v1/nodes/n1/drain", "", bearer: Admin)).Status);

        // It goes on answering, and acting for others' channels.
        Assert.Equal(200, (await n1.PostAsync("/api/v1/publish", """{"channel":"topics/b","event":"e"}""", bearer: Admin)).Status);
        Assert.Equal(202, (await n2.PostAsync("/api/v1/nodes/n1/undrain", "", bearer: Admin)).Status);
        await Eventually.UntilAsync(async () => (await GetAsync(n2, "nodes/n1")) is var node && node.Text("state") == "up" && node.Number("shards") > 0, "n1 has shards again");
        await Eventually.UntilAsync(async () => (await n1.GetAsync("/ready")).Status == 200, "n1 is ready again");
        await using var back = await n1.NativeAsync(Token("cat"));
        await back.AssertAnswersAsync();
        Assert.Equal(409, (await n2.PostAsync("/api/v1/nodes/n1/undrain", "", bearer: Admin)).Status);
    }

    private static async Task<JsonElement> ShardAsync(NodeProcess node, int shard) =>
        (await GetAsync(node, "shards")).GetProperty("shards").EnumerateArray().Single(one => one.Number("shard") == shard);

    private static async Task<JsonElement> GetAsync(NodeProcess node, string path)
    {
        var answer = await node.GetAsync("/api/v1/" + path, bearer: Admin);
        Assert.True(answer.Status == 200, answer.Body);
        return answer.Json;
    }

    private static async Task<JsonElement> ActAsync(NodeProcess node, string path, string body)
    {
        var answer = await node.PostAsync("/api/v1/" + path, body, bearer: Admin);
        Assert.True(answer.Status == 200, answer.Body);
        return answer.Json;
    }

    private static string Token(string user) => Tokens.Of($"\"sub\":\"{user}\"");
}
