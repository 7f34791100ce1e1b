using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Servers;
using Relay.Redis.Tests.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Servers;

/// <summary>Nodes over three real servers of which one fails in the middle of traffic, in every way that is noticed differently.</summary>
public sealed class SeveralServersTests
{
    // Much more than is under way at once.
    private const int Messages = 5_000;

    private static readonly RedisClusterOptions Quick = new() { EchoPeriod = TimeSpan.FromMilliseconds(250), EchoesMissed = 6, StepTimeout = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task Whichever_server_is_killed_traffic_goes_on_meanwhile_and_nothing_is_lost_or_repeated()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var pair = await LinkedPair.StartAsync(trio.Options(), trio.Options(), Quick);
        foreach (var name in ServerTrio.Names)
        {
            await pair.FurtherAsync(Messages);
            await trio[name].KillAsync();
            await pair.FurtherAsync(Messages);
            await Eventually.Until(
                () => name == RedisServers.MainName ? pair.A.Engine.Illness is not null : pair.A.Engine.Detour?.Contains($"'{name}'", StringComparison.Ordinal) == true, Contracts.Patience);
            await trio[name].StartAgainAsync();
            await ServerTrio.OpenAsync(pair.A.Engine);
            await ServerTrio.OpenAsync(pair.B.Engine);
        }

        await pair.EndAsync();
    }

    [Fact]
    public async Task While_a_server_is_frozen_traffic_goes_on_over_the_others()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var pair = await LinkedPair.StartAsync(trio.Options(), trio.Options(), Quick);
        var frozen = trio[ServerTrio.Preferred(pair.A.Id, pair.B.Id)];
        await pair.FurtherAsync(Messages);
        frozen.Freeze();
        await pair.FurtherAsync(Messages);
        frozen.Thaw();
        await ServerTrio.OpenAsync(pair.A.Engine);
        await pair.EndAsync();
    }

    /// <summary>No echo is sent here but the first, so nothing but the link can notice: the server counts b as one that heard.</summary>
    [Fact]
    public async Task A_way_that_takes_everything_and_brings_nothing_is_left_because_the_link_hears_nothing()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var main = new DeafProxy(trio["main"].Port);
        await using var b = new DeafProxy(trio["b"].Port);
        await using var c = new DeafProxy(trio["c"].Port);
        var proxies = new Dictionary<string, DeafProxy>(StringComparer.Ordinal) { ["main"] = main, ["b"] = b, ["c"] = c };
        await using var pair = await LinkedPair.StartAsync(trio.Options(), trio.Options(name => proxies[name].Endpoint), ClusterNode.Silent);
        await pair.FurtherAsync(Messages);
        proxies[ServerTrio.Preferred(pair.A.Id, pair.B.Id)].Deafen();
        await pair.FurtherAsync(Messages);
        await pair.EndAsync();
    }

    [Fact]
    public async Task A_main_server_that_does_not_share_carries_no_frames_and_tells_of_changes()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var admin = await Contracts.ReadyAsync(trio["main"]);
        await using var a = await ClusterNode.StartAsync("a", trio.Options(mainShares: false));
        await using var b = await ClusterNode.StartAsync("b", trio.Options(mainShares: false));
        var inbox = new InboxLog { WithChanges = true };
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        await Eventually.UntilAsync(async () => (await admin.SendAsync("PUBSUB", "NUMSUB", "{relay}:changes")).Items[1].AsInteger() == 1, "a hears changes", Contracts.Patience);
        await b.HeartbeatAsync();
        await inbox.ExpectAsync("changed 0", "changed 1");
        await trio["main"].KillAsync();
        await b.Engine.SendAsync(a.Id, "x"u8.ToArray());
        Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());
    }

    [Fact]
    public async Task A_node_that_was_told_of_other_servers_is_refused_while_there_are_others_and_not_when_it_is_alone()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", trio.Options());
        await a.HeartbeatAsync();
        await using var b = await ClusterNode.StartAsync("b", [.. trio.Options().Take(2)]);
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => b.HeartbeatAsync());
        Assert.Contains("over the servers \"b c main\" and this node is told of \"b main\": set Redis:Servers alike", error.Message, StringComparison.Ordinal);
        Assert.False(error.IsRetryable);
        Assert.Contains("RING", b.Engine.Illness, StringComparison.Ordinal);

        // Listed otherwise it is the same ring.
        await using var c = await ClusterNode.StartAsync("c", [trio.Options()[0], trio.Options()[2], trio.Options()[1]]);
        await c.HeartbeatAsync();
        await c.Engine.LeaveAsync(c.Id);
        await a.Engine.LeaveAsync(a.Id);
        await b.HeartbeatAsync();
    }

    [Fact]
    public async Task Members_that_told_of_no_ring_count_as_told_of_one_server()
    {
        await using var trio = await ServerTrio.StartAsync();
        await using var admin = await Contracts.ReadyAsync(trio["main"]);
        await using var former = await ClusterNode.JoinAsync("f", trio["main"]);
        await admin.SendAsync("HDEL", "{relay}:state", "ring");
        await using var several = await ClusterNode.StartAsync("s", trio.Options());
        await using var one = await ClusterNode.StartAsync("o", trio["main"]);
        await Assert.ThrowsAsync<ClusterEngineException>(() => several.HeartbeatAsync());
        await one.HeartbeatAsync();
    }
}
