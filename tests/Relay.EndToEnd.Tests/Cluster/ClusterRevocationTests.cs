using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>A token that is revoked on one node is worth nothing on any, and nothing on one that comes later.</summary>
public sealed class ClusterRevocationTests
{
    private const string Admin = "admin-key-0123456789abcdef0123456789abcde";
    private const string Plain = "plain-key-0123456789abcdef0123456789abcde";

    [Fact]
    public async Task Whoever_is_revoked_is_put_out_on_all_nodes_within_two_seconds_and_let_in_by_none()
    {
        await using var group = await NodeGroup.StartAsync(
            2,
            ("Auth:Required", "true"), ("Auth:Jwt:Keys:0:Secret", "0123456789abcdef0123456789abcdef"),
            ("Auth:ApiKeys:0:Key", Admin), ("Auth:ApiKeys:0:Name", "admin"), ("Auth:ApiKeys:0:Rights", "publish,subscribe,admin"),
            ("Auth:ApiKeys:1:Key", Plain), ("Auth:ApiKeys:1:Name", "plain"));
        var (ann, bob) = (await TokenAsync(group[0], "ann"), await TokenAsync(group[0], "bob"));
        await using var here = await group[0].NativeAsync(ann);
        await using var there = await group[1].NativeAsync(ann);
        await using var other = await group[1].NativeAsync(bob);
        foreach (var (credential, status) in new[] { (null, 401), (Plain, 403), (ann, 403), ("nonsense", 401) })
        {
            Assert.Equal(status, (await group[0].PostAsync("/api/v1/revoke", """{"user":"ann"}""", bearer: credential)).Status);
        }

        foreach (var wrong in new[] { "{}", "[]", """{"user":""}""", """{"user":7}""", """{"user":"a","session":"b"}""", """{"user":"a","before":"now"}""" })
        {
            Assert.Equal(400, (await group[0].PostAsync("/api/v1/revoke", wrong, bearer: Admin)).Status);
        }

        Assert.Equal(200, (await group[0].PostAsync("/api/v1/revoke", """{"user":"ann"}""", bearer: Admin)).Status);
        var told = TimeProvider.System.GetTimestamp();
        foreach (var client in new[] { here, there })
        {
            Assert.Equal(4401, (await client.EndAsync()).Code);
        }

        // Measured, for who reads the output; the rule of two seconds is tested in virtual time.
        Console.WriteLine($"revoked on both nodes after {TimeProvider.System.GetElapsedTime(told).TotalMilliseconds:0} ms");
        foreach (var node in group.Nodes)
        {
            Assert.Equal(401, await WsClient.RefusalAsync(node.Ws("/relay"), "relay.v1", ann));
            Assert.Equal(401, (await node.GetAsync("/api/v1/channels", bearer: ann)).Status);
            Assert.Equal(401, (await node.GetAsync("/sse?channels=global", bearer: ann)).Status);
            Assert.Contains("\"user\":\"ann\"", (await node.GetAsync("/api/v1/revocations", bearer: Admin)).Body, StringComparison.Ordinal);
        }

        await other.AssertAnswersAsync();

        // A node that comes later knows it as well.
        var late = await group.AddAsync();
        await Eventually.UntilAsync(async () => (await late.GetAsync("/api/v1/channels", bearer: ann)).Status == 401, "the new node knows of it");
        Assert.Equal(200, (await late.GetAsync("/api/v1/channels", bearer: bob)).Status);
        Assert.DoesNotContain(ann, string.Concat(group.Nodes.Select(static node => node.Log)), StringComparison.Ordinal);
    }

    private static async Task<string> TokenAsync(NodeProcess node, string agent) =>
        (await node.PostAsync("/api/auth/token", $$"""{"agent_id":"{{agent}}"}""", bearer: Plain)).Json.Text("token")!;
}
