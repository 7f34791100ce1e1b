using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>Workers' updates through a real Redis to the clients of a real node (protocols.md, <c>updates</c>; guarantees.md 1, 3, 11).</summary>
public sealed class RedisTests(ITestOutputHelper output)
{
    private const int Messages = 100_000;
    private const int Users = 5;
    private const int ConnectionsPerUser = 3;

    [Fact]
    public async Task A_hundred_thousand_updates_reach_every_connection_of_their_user_verbatim_in_order_and_once()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint));
        await ReadyAsync(node);
        var clients = new List<(int User, WsClient Client)>();
        try
        {
            for (var i = 0; i < Users * ConnectionsPerUser; i++)
            {
                clients.Add((i % Users, await node.UpdatesAsync($"user-{i % Users}", i / Users)));
            }

            await node.SubscribedAsync("users", clients.Count);
            var messages = Enumerable.Range(0, Messages).Select(MessageOf).ToList();
            var began = TimeProvider.System.GetTimestamp();
            var publishing = redis.PublishAllAsync("updates", messages);
            foreach (var received in clients.Select(one => AssertReceivesAsync(one.Client, one.User, messages)).ToList())
            {
                await received;
            }

            await publishing;
            var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
            output.WriteLine($"{Messages} updates, {Users} users with {ConnectionsPerUser} connections each: {seconds:0.00} s, {Messages / seconds:0} updates/s");
            Assert.All(clients, static one => Assert.Empty(one.Client.Pending()));
        }
        finally
        {
            foreach (var (_, client) in clients)
            {
                await client.DisposeAsync();
            }
        }

        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_restart_of_Redis_is_told_and_heals_without_a_restart_of_the_node()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint));
        await ReadyAsync(node);
        await using var client = await node.UpdatesAsync("u1");
        var early = Enumerable.Range(0, 1000).Select(static n => Update("u1", n)).ToList();
        await redis.PublishAllAsync("updates", early);
        await AssertNextAsync(client, early);

        await redis.StopAsync();
        var reason = await UnreadyAsync(node);
        Assert.Contains(redis.Port.ToString(), reason, StringComparison.Ordinal);
        await node.SaysAsync("updates of updates are not received");
        Assert.Equal(200, (await node.GetAsync("/live")).Status);
        Assert.Equal(200, (await node.PostAsync("/publish", Update("u1", 5000))).Status);
        Assert.Equal(Update("u1", 5000), await client.NextTextAsync());

        await redis.StartAgainAsync();
        await ReadyAsync(node);
        await node.SaysAsync("updates are received again");
        var late = Enumerable.Range(10_000, 1000).Select(static n => Update("u1", n)).ToList();
        await redis.PublishAllAsync("updates", late);
        await AssertNextAsync(client, late);
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_node_started_while_Redis_is_down_runs_says_so_and_heals()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await redis.StopAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint));
        await UnreadyAsync(node);
        await using var client = await node.UpdatesAsync("u1");
        await redis.StartAgainAsync();
        await ReadyAsync(node);
        await redis.PublishAllAsync("updates", [Update("u1", 1)]);
        Assert.Equal(Update("u1", 1), await client.NextTextAsync());
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_wrong_password_is_told_with_the_setting_and_without_the_password()
    {
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Password = "right" });
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint), ("Redis:Password", "wrong-secret"));
        await Eventually.UntilAsync(
            async () => (await node.GetAsync("/ready")).Body.Contains("Redis:Password", StringComparison.Ordinal), "the reason names the setting");
        await node.SaysAsync("Redis:Password");
        Assert.DoesNotContain("wrong-secret", node.Log + (await node.GetAsync("/ready")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_envelope_is_dropped_with_a_word_and_the_rest_arrives()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint));
        await ReadyAsync(node);
        await using var client = await node.UpdatesAsync("u1");
        await redis.PublishAllAsync(
            "updates", [Update("u1", 1), "nonsense", "[]", """{"target_user_id":7,"type":"x"}""", """{"target_user_id":"u1","type":{}}""", Update("u1", 2)]);
        await AssertNextAsync(client, [Update("u1", 1), Update("u1", 2)]);
        await node.SaysAsync("cannot be delivered");
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Stream_entries_written_while_the_node_was_down_arrive_once_and_are_acknowledged()
    {
        const string Stream = "updates:stream";
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        var settings = NodeStart.With(("Redis:Endpoints", redis.Endpoint), ("Redis:Updates:Streams", Stream));
        for (var n = 1; n <= 50; n++)
        {
            await redis.RunAsync("XADD", Stream, "*", "json", Update("u1", n));
        }

        await using (var node = await NodeProcess.StartAsync(settings))
        {
            await ReadyAsync(node);
            await Eventually.UntilAsync(async () => (await HistoryAsync(node)).Count == 50, "50 entries in the history");
            Assert.Equal(Enumerable.Range(1, 50).Select(static n => "{\"n\":" + n.ToString() + "}"), await HistoryAsync(node), StringComparer.Ordinal);
            await AcknowledgedAsync(redis, Stream);
            await using var client = await node.UpdatesAsync("u1");
            await redis.RunAsync("XADD", Stream, "*", "json", Update("u1", 51));
            Assert.Equal(Update("u1", 51), await client.NextTextAsync());
            await AcknowledgedAsync(redis, Stream);
            await node.KillAsync();
        }

        await redis.RunAsync("XADD", Stream, "*", "json", Update("u1", 52));
        await using var next = await NodeProcess.StartAsync(settings);
        await ReadyAsync(next);
        await Eventually.UntilAsync(async () => (await HistoryAsync(next)).Count > 0, "the entry written meanwhile");
        await AcknowledgedAsync(redis, Stream);
        Assert.Equal(["{\"n\":52}"], await HistoryAsync(next), StringComparer.Ordinal);
        next.AssertNoFailuresInLog();
    }

    // Every thousandth goes to everyone.
    private static string MessageOf(int n) => n % 1000 == 999
        ? $$$"""{"type":"broadcast", "payload":{"n":{{{n}}},"text":"é {\"x\""}}"""
        : $$$"""{"target_user_id":"user-{{{n % Users}}}","type":"report_chunk","payload":{"n":{{{n}}} ,"chunk":"\u00e9 {{{n * 7919L}}}"},"extra":[1.0]}""";

    private static string Update(string user, int n) => "{\"target_user_id\":\"" + user + "\",\"type\":\"agent_update\",\"payload\":{\"n\":" + n.ToString() + "}}";

    private static async Task AssertReceivesAsync(WsClient client, int user, List<string> messages)
    {
        for (var n = 0; n < messages.Count; n++)
        {
            if (n % 1000 == 999 || n % Users == user)
            {
                var received = await client.NextTextAsync();
                Assert.Equal(messages[n], received);
            }
        }
    }

    private static async Task AssertNextAsync(WsClient client, IEnumerable<string> expected)
    {
        foreach (var message in expected)
        {
            Assert.Equal(message, await client.NextTextAsync());
        }
    }

    private static Task ReadyAsync(NodeProcess node) =>
        Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

    /// <summary>Waits for 503; the answer's text.</summary>
    private static async Task<string> UnreadyAsync(NodeProcess node)
    {
        var text = "";
        await Eventually.UntilAsync(
            async () =>
            {
                var answer = await node.GetAsync("/ready");
                text = answer.Json.GetProperty("reasons").Text("redis") ?? "";
                return answer.Status == 503 && text.Contains("not received", StringComparison.Ordinal) && !text.Contains("not subscribed yet", StringComparison.Ordinal);
            },
            "the node says that Redis is missing");
        return text;
    }

    private static async Task<List<string>> HistoryAsync(NodeProcess node) =>
        [.. (await node.GetAsync("/api/v1/history?channel=users/u1&limit=1000")).Json.GetProperty("events").EnumerateArray().Select(static one => one.Raw("data"))];

    // The first line of XPENDING's summary is the number of entries without an acknowledgement.
    private static Task AcknowledgedAsync(RedisServerProcess redis, string stream) => Eventually.UntilAsync(
        async () => (await redis.RunAsync("XPENDING", stream, "relay")).Split('\n')[0].Trim() == "0"
            && !(await redis.RunAsync("XINFO", "GROUPS", stream)).Contains("lag\n1", StringComparison.Ordinal),
        "everything is acknowledged");
}
