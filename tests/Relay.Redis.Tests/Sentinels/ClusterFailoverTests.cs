using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Tests.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Redis.Tests.Sentinels;

/// <summary>The engine of a cluster whose primary is replaced by the Sentinels.</summary>
public sealed class ClusterFailoverTests(ITestOutputHelper output)
{
    private static readonly RedisClusterOptions Options = new() { StepTimeout = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task Nodes_go_on_in_another_epoch_when_the_primary_was_killed_and_stay_in_it_when_it_comes_back()
    {
        await using var setup = await SentinelSetup.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", SentinelOptions.Of(setup.Endpoints), Options);
        await using var b = await ClusterNode.StartAsync("b", SentinelOptions.Of(setup.Endpoints), Options);
        var inbox = new InboxLog();
        b.Engine.Listen(b.Id, inbox);
        await inbox.ExpectAsync("restored");
        await a.HeartbeatAsync();
        await b.HeartbeatAsync();
        var held = await a.ClaimAsync(1, 2);
        var (epoch, former) = (a.Epoch, await setup.PrimaryAsync());

        var began = TimeProvider.System.GetTimestamp();
        await former.KillAsync();
        await inbox.ExpectAsync("lost");
        await BeatAsync(a);
        output.WriteLine($"the first heartbeat {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.00} s after the kill");
        await inbox.ExpectAsync("restored");
        output.WriteLine($"the inbox {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.00} s after the kill");
        await BeatAsync(b);
        Assert.NotEqual(epoch, a.Epoch, StringComparer.Ordinal);
        Assert.True(await ClaimAsync(a, 1) > held.Max(static owned => owned.Fence));
        await Eventually.UntilAsync(
            async () =>
            {
                await a.Engine.SendAsync(b.Id, "x"u8.ToArray());
                return true;
            },
            "frames");
        Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());

        // What it remembers is of the epoch before; it is a replica before anybody could ask it.
        await former.StartAgainAsync();
        await Eventually.Until(() => former.Log.Contains("MASTER <-> REPLICA sync: Finished with success", StringComparison.Ordinal));
        await BeatAsync(a);
        await BeatAsync(b);
        Assert.Equal(a.Epoch, b.Epoch, StringComparer.Ordinal);
        Assert.NotEqual(epoch, a.Epoch, StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_successor_without_the_last_second_is_another_epoch_and_gives_higher_fences()
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings { Replicas = 1, Divisible = true });
        var former = setup.Servers[0];
        await using var side = new StaleSentinel(SentinelSetup.Name, former.Port);
        await using var a = await ClusterNode.StartAsync("a", SentinelOptions.Of(side.Endpoint), Options);
        await using var b = await ClusterNode.StartAsync("b", SentinelOptions.Of(side.Endpoint), Options);
        await a.HeartbeatAsync();
        var known = await a.ClaimOneAsync(1);
        await using (var admin = await Contracts.ReadyAsync(former))
            await Eventually.UntilAsync(async () => (await admin.SendAsync("WAIT", 1, 1000)).AsInteger() == 1, "replicated");

        // From here on the replica learns nothing: not that there is another node, not that a shard got other owners.
        setup.Cut!.Cut();
        await b.HeartbeatAsync();
        Assert.Equal(HandOverOutcome.Done, (await a.HandOverAsync(b, 1, known)).Outcome);
        var forgotten = await b.ClaimOneAsync(2);
        var epoch = b.Epoch;
        var primary = await setup.FailedOverAsync(former);
        await side.AnnounceAsync(primary.Port);

        // The announcement is on its way while the former primary still answers.
        await Eventually.UntilAsync(async () => (await b.HeartbeatAsync()).Epoch != epoch, "another epoch");
        Assert.Equal([new ShardEntry(1, a.Id, known)], await b.TableAsync());
        Assert.True(await ClaimAsync(b, 2) > forgotten);
        await Eventually.UntilAsync(async () => (await a.HeartbeatAsync()).Epoch == b.Epoch, "the same epoch");
    }

    private static Task BeatAsync(ClusterNode node) => Eventually.UntilAsync(
        async () =>
        {
            await node.HeartbeatAsync();
            return true;
        },
        "a heartbeat");

    // On a busy machine there may be another failover between a heartbeat and a claim; then the claim is for an epoch that is over.
    private static async Task<long> ClaimAsync(ClusterNode node, int shard)
    {
        var fence = 0L;
        await Eventually.UntilAsync(
            async () =>
            {
                await node.HeartbeatAsync();
                fence = (await node.ClaimAsync(shard)) is [var owned] ? owned.Fence : 0;
                return fence > 0;
            },
            "a claim");
        return fence;
    }
}
