using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Patterns on several nodes: whatever is published on a matching channel, wherever that lives, comes once and in order (protocols.md, "Channels"; guarantees.md 1 to 3).</summary>
public sealed class ClusterPatternTests
{
    private const string Pattern = "topics/m/*";

    private static readonly string[] Channels = [.. Enumerable.Range(1, 12).Select(static n => $"topics/m/{n}")];

    [Fact]
    public async Task A_pattern_sees_the_channels_of_all_nodes_those_that_are_born_later_and_those_that_move()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        var published = new Dictionary<string, long>(StringComparer.Ordinal);
        await using var publisher = await cluster.Nodes[1].NativeAsync();
        await PublishAsync(publisher, Channels[0], published);
        await using var one = await cluster.Nodes[0].NativeAsync();
        await one.SubscribeAsync(Pattern);
        await using var two = await cluster.Nodes[1].NativeAsync();
        await two.SubscribeAsync(Pattern);
        var (byOne, byTwo) = (Seen(published), Seen(published));

        foreach (var channel in Channels)
        {
            await PublishAsync(publisher, channel, published);
        }

        Assert.Equal([0, 1], (await Task.WhenAll(Channels.Select(cluster.OwnerOfAsync))).Distinct().Order());
        var joining = cluster.AddAsync();
        while (!joining.IsCompleted)
        {
            await PublishAllAsync(publisher, published);
        }

        await using var three = await (await joining).NativeAsync();
        await three.SubscribeAsync(Pattern);
        var byThree = Seen(published);
        var moved = cluster.OwnsSomeAsync(2, Channels);
        while (!moved.IsCompleted)
        {
            await PublishAllAsync(publisher, published);
        }

        await moved;
        await PublishAllAsync(publisher, published);
        await PublishAsync(publisher, "topics/m/late", published);
        await PublishAllAsync(publisher, published);
        await AssertSeenAsync(one, byOne, published, []);
        await AssertSeenAsync(two, byTwo, published, []);
        await AssertSeenAsync(three, byThree, published, []);
        cluster.AssertNoFailuresInLogs();
    }

    [Fact]
    public async Task When_the_owner_of_durable_channels_is_killed_patterns_miss_nothing_that_is_not_told_as_a_gap()
    {
        await using var cluster = await NodeCluster.StartAsync(3, ("Namespaces:topics:Durability", "redis"));
        var published = new Dictionary<string, long>(StringComparer.Ordinal);
        await using var publisher = await cluster.Nodes[0].NativeAsync();
        await using var one = await cluster.Nodes[0].NativeAsync();
        await one.SubscribeAsync(Pattern);
        await using var two = await cluster.Nodes[1].NativeAsync();
        await two.SubscribeAsync(Pattern);
        await PublishAllAsync(publisher, published);
        Assert.Contains(2, await Task.WhenAll(Channels.Select(cluster.OwnerOfAsync)));

        var killed = cluster.KillAsync(2);
        for (var rounds = 0; rounds < 5 || !killed.IsCompleted; rounds++)
        {
            await PublishAllAsync(publisher, published);
        }

        await killed;
        var gaps = new List<string>();
        await AssertSeenAsync(one, new Dictionary<string, long>(StringComparer.Ordinal), published, gaps);
        await AssertSeenAsync(two, new Dictionary<string, long>(StringComparer.Ordinal), published, gaps);
        Assert.Empty(gaps);
    }

    [Fact]
    public async Task The_last_subscriber_of_a_pattern_withdraws_it_everywhere_and_the_next_begins_anew()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        var published = new Dictionary<string, long>(StringComparer.Ordinal);
        await using var publisher = await cluster.Nodes[1].NativeAsync();
        await using var client = await cluster.Nodes[0].NativeAsync();
        for (var round = 0; round < 10; round++)
        {
            await client.SubscribeAsync(Pattern);
            var seen = Seen(published);
            await PublishAllAsync(publisher, published);
            await AssertSeenAsync(client, seen, published, []);
            await client.SendAsync($$"""{"type":"unsubscribe","channel":"{{Pattern}}","id":"u"}""");
            await client.NextJsonAsync("id", "u");
            await PublishAllAsync(publisher, published);
            Assert.Empty(client.Pending());
        }

        cluster.AssertNoFailuresInLogs();
    }

    private static Dictionary<string, long> Seen(Dictionary<string, long> published) => new(published, StringComparer.Ordinal);

    private static async Task PublishAllAsync(WsClient publisher, Dictionary<string, long> published)
    {
        foreach (var channel in Channels)
        {
            await PublishAsync(publisher, channel, published);
        }
    }

    // Until it is acknowledged, under the same id.
    private static async Task PublishAsync(WsClient publisher, string channel, Dictionary<string, long> published)
    {
        var id = $"{channel}-{published.GetValueOrDefault(channel)}";
        while (true)
        {
            await publisher.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"e.e","id":"{{id}}","data":1}""");
            var ack = await publisher.NextJsonAsync("id", id);
            if (ack.GetProperty("success").GetBoolean())
            {
                published[channel] = ack.Number("offset");
                return;
            }

            Assert.Equal("UNAVAILABLE", ack.Text("code"));
        }
    }

    /// <summary>Reads until everything published was seen, each event behind the one before it or behind the gap that tells of it.</summary>
    private static async Task AssertSeenAsync(WsClient client, Dictionary<string, long> seen, Dictionary<string, long> published, List<string> gaps)
    {
        while (published.Any(one => seen.GetValueOrDefault(one.Key) < one.Value))
        {
            var frame = await client.NextJsonAsync();
            var channel = frame.Text("channel")!;
            if (!channel.StartsWith("topics/m/", StringComparison.Ordinal))
            {
                continue;
            }

            if (frame.Text("type") == "gap")
            {
                gaps.Add(frame.GetRawText());
                Assert.Equal(seen.GetValueOrDefault(channel) + 1, frame.Number("from"));
                seen[channel] = frame.Number("to");
                continue;
            }

            Assert.Equal("e.e", frame.Text("event"));
            var expected = seen.GetValueOrDefault(channel) + 1;
            Assert.True(frame.Number("offset") == expected, $"{expected} of {channel} was to come: {frame.GetRawText()}");
            seen[channel] = expected;
        }
    }
}
