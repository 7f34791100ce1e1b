using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>A node whose Redis subscription is open and dead says so, and heals by itself (guarantees.md 11).</summary>
public sealed class DeafInboxTests
{
    [Theory]
    [InlineData((int)Deafness.Everything, "messages of other nodes do not come in")]
    [InlineData((int)Deafness.Inbox, "no answer through the shards of n1, n2")]
    public async Task A_deaf_node_is_unready_says_why_and_heals_while_the_others_stay_ready(int deafness, string reason)
    {
        await using var cluster = await RollingCluster.StartAsync(2);
        await using var proxy = new SubscriberProxy(cluster.Redis.Port);
        var deaf = await cluster.AddAsync(("Redis:Endpoints", proxy.Endpoint));
        await using var far = await cluster.Nodes[0].NativeAsync();
        await using var near = await deaf.NativeAsync();
        string[] channels = [.. Enumerable.Range(1, 20).Select(static n => $"topics/{n}")];
        foreach (var channel in channels)
        {
            await near.SubscribeAsync(channel);
        }

        proxy.Set((Deafness)deafness);
        await Eventually.UntilAsync(async () => await ReasonAsync(deaf) is { } told && told.Contains(reason, StringComparison.Ordinal), $"/ready says: {reason}");
        Assert.Equal(["200", "200"], await Task.WhenAll(cluster.Nodes.Take(2).Select(static async node => $"{(await node.GetAsync("/ready")).Status}")));
        proxy.Set(Deafness.None);
        await RollingCluster.ReadyAsync(deaf);

        // Nothing that was said meanwhile, or is said now, is missing.
        foreach (var channel in channels)
        {
            await far.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"message.new","id":"p-{{channel}}","data":1}""");
            await far.NextJsonAsync("id", "p-" + channel);
        }

        var heard = new HashSet<string>(StringComparer.Ordinal);
        while (heard.Count < channels.Length)
        {
            var frame = await near.NextJsonAsync("event", "message.new");
            Assert.True(heard.Add(frame.Text("channel")!));
        }

        Assert.All(cluster.Nodes, static node => node.AssertNoFailuresInLog());
    }

    private static async Task<string?> ReasonAsync(NodeProcess node)
    {
        var readiness = (await node.GetAsync("/ready")).Json;
        return readiness.GetProperty("reasons").TryGetProperty("cluster", out var reason) ? reason.GetString() : null;
    }
}
