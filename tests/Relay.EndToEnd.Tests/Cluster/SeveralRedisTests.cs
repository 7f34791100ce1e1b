using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Redis.Servers;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Three nodes over three independent Redis servers, of which one is killed that does not hold the cluster's state (docs/cluster-redis.md, "Several servers").</summary>
public sealed class SeveralRedisTests(ITestOutputHelper output)
{
    private const int Seed = 53;
    private const int Updates = 200;

    private static readonly string[] Names = [RedisServers.MainName, "b", "c"];

    [Fact]
    public async Task Durable_channels_lose_repeat_and_reorder_nothing_when_a_server_is_killed_and_comes_back()
    {
        await using var servers = await TrioAsync();
        await using var run = await StartAsync(servers, "topics/rings", "redis");
        await run.FurtherAcksAsync(400);
        await servers["b"].KillAsync();
        await ImpairedAsync(await run.NodeAsync(), "journal-redis-b", "Relay:Redis:Servers:b:Endpoints");
        await servers["b"].StartAgainAsync();
        await run.FurtherAcksAsync(400);

        // Every server has its part of the channels.
        foreach (var name in Names)
            Assert.NotEmpty(await servers[name].RunAsync("KEYS", "relay:journal:{topics/*:records"));
        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
    }

    [Fact]
    public async Task Channels_in_memory_go_on_while_a_server_is_dead()
    {
        await using var servers = await TrioAsync();
        await using var run = await StartAsync(servers, "topics/ways", "memory");
        await run.FurtherAcksAsync(400);
        await servers["c"].KillAsync();
        await run.FurtherAcksAsync(800);
        await ImpairedAsync(await run.NodeAsync(), "cluster", "server 'c' (Relay:Redis:Servers:c:Endpoints)");
        await servers["c"].StartAgainAsync();
        await run.FurtherAcksAsync(400);
        var report = await run.EndAsync(fromTheJournal: false);
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
    }

    [Fact]
    public async Task Workers_publish_to_any_server_and_one_that_is_dead_takes_only_its_own_channels_with_it()
    {
        await using var servers = await TrioAsync();
        var start = NodeStart.With([("Cluster:Enabled", "true"), ("Namespaces:topics:Durability", "redis"), ("Redis:Updates:Streams", "jobs"), .. servers.Settings]) with { ExpectedTrouble = "cannot be written" };
        await using var node = await NodeProcess.StartAsync(start);
        await using var other = await NodeProcess.StartAsync(start);
        foreach (var one in new[] { node, other })
        {
            await one.BecomesReadyAsync();
            await Eventually.UntilAsync(async () => !(await one.GetAsync("/ready")).Json.GetProperty("impaired").EnumerateObject().Any(), "all servers are listened to");
        }

        await using var client = await node.UpdatesAsync("u1");

        // Without ids: what nodes number themselves must not be taken for one and the same.
        await Task.WhenAll(Names.Select(name => servers[name].PublishAllAsync("updates", [.. Enumerable.Range(0, Updates).Select(n => Update($"{name} {n}"))])));
        var heard = new List<string>();
        while (heard.Count < Names.Length * Updates)
            heard.Add((await client.NextJsonAsync()).GetProperty("payload").Text("text")!);
        foreach (var name in Names)
            Assert.Equal(Enumerable.Range(0, Updates).Select(n => $"{name} {n}"), heard.Where(text => text.StartsWith(name + " ", StringComparison.Ordinal)), StringComparer.Ordinal);

        // The ids of entries are the servers' own.
        await Task.WhenAll(Names.Select(name => servers[name].RunAsync("XADD", "jobs", "5-1", "json", Update("job of " + name))));
        var jobs = new List<string>();
        while (jobs.Count < Names.Length)
            jobs.Add((await client.NextJsonAsync()).GetProperty("payload").Text("text")!);
        Assert.Equal(["job of b", "job of c", "job of main"], jobs.Order(StringComparer.Ordinal), StringComparer.Ordinal);

        var ring = new HashRing(Names);
        var byServer = Enumerable.Range(1, 30).Select(static n => $"topics/{n}").ToLookup(channel => ring.Names[ring.OwnerOf(channel)], StringComparer.Ordinal);
        foreach (var channels in byServer)
            Assert.Equal(200, await PublishAsync(node, channels.First()));
        await servers["b"].KillAsync();
        await ImpairedAsync(node, "journal-redis-b", "Relay:Redis:Servers:b:Endpoints");
        await ImpairedAsync(other, "redis-b", servers["b"].Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(200, await PublishAsync(node, byServer["main"].First()));
        Assert.Equal(503, await PublishAsync(node, byServer["b"].First()));
        Assert.Equal(200, await PublishAsync(node, byServer["c"].First()));
        await servers["b"].StartAgainAsync();
        await Eventually.UntilAsync(async () => await PublishAsync(node, byServer["b"].First()) == 200, "channels of b take events again");
        node.AssertNoFailuresInLog();
        other.AssertNoFailuresInLog();
    }

    private static string Update(string text) => $$$"""{"target_user_id":"u1","type":"agent_update","payload":{"text":"{{{text}}}"}}""";

    private static async Task<int> PublishAsync(NodeProcess node, string channel) =>
        (await node.PostAsync("/api/v1/publish", $$"""{"channel":"{{channel}}","event":"x","data":1}""")).Status;

    // A part is missing on all nodes alike, so no node is unready.
    private static Task ImpairedAsync(NodeProcess node, string part, string reason) => Eventually.UntilAsync(
        async () => await node.GetAsync("/ready") is { Status: 200 } ready && ready.Json.GetProperty("impaired").TryGetProperty(part, out var told) && told.GetString()!.Contains(reason, StringComparison.Ordinal),
        $"/ready is green and says of {part}: {reason}");

    private static Task<DurabilityRun> StartAsync(RedisTrio servers, string channels, string durability) => DurabilityRun.StartAsync(
        RunShape.Cluster(channels),
        Seed,
        NodeStart.With([("Namespaces:topics:Durability", durability), ("Cluster:Enabled", "true"), .. servers.Settings]) with { ExpectedTrouble = "cannot be written" });

    private static async Task<RedisTrio> TrioAsync() => new(await Task.WhenAll(Names.Select(static _ => RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true }))));

    private sealed class RedisTrio(RedisServerProcess[] servers) : IAsyncDisposable
    {
        public RedisServerProcess this[string name] => servers[Array.IndexOf(Names, name)];

        public (string, string)[] Settings =>
        [
            ("Redis:Endpoints", servers[0].Endpoint), ("Redis:Servers:b:Endpoints", servers[1].Endpoint), ("Redis:Servers:c:Endpoints", servers[2].Endpoint),
        ];

        public async ValueTask DisposeAsync()
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }
}
