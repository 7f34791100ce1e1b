using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Who is a member, and what a heartbeat answers.</summary>
public sealed class MembershipTests
{
    [Fact]
    public async Task The_first_heartbeat_makes_the_state_and_joins()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        a.State = MemberState.Joining;
        var answer = await a.HeartbeatAsync();
        Assert.NotEmpty(answer.Epoch);
        Assert.Equal(1, answer.Version);
        Assert.Equal([new Member(a.Id, 1, MemberState.Joining, "1.2 beta", "10.0.0.1:9000 #1", 7)], answer.Members);
        Assert.Empty(answer.Table!);
        Assert.Empty(answer.LostLeases);
        Assert.Null(a.Engine.Illness);
    }

    [Fact]
    public async Task Joining_and_another_state_make_a_version_and_an_ordinary_heartbeat_does_not()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        Assert.Equal(2, b.Version);
        var seen = await a.HeartbeatAsync();
        Assert.Equal([a.Id, b.Id], seen.Members.Select(static member => member.Node));
        Assert.NotNull(seen.Table);
        var again = await a.HeartbeatAsync();
        Assert.Equal(2, again.Version);
        Assert.Null(again.Table);
        Assert.Equal(3, again.Members[0].Beat);
        b.State = MemberState.Leaving;
        Assert.Equal(3, (await b.HeartbeatAsync()).Version);
        Assert.Equal(MemberState.Leaving, (await a.HeartbeatAsync()).Members[1].State);
    }

    [Fact]
    public async Task A_heartbeat_that_comes_late_changes_nothing_and_is_answered()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await a.HeartbeatAsync();
        var late = a.Next() with { Beat = 2, State = MemberState.Leaving, Load = 99, Silent = [new SilentMember(b.Id, 1)] };
        var answer = await a.Engine.HeartbeatAsync(late);
        Assert.Equal(2, answer.Version);
        Assert.Equal([(2L, MemberState.Up, 7), (1L, MemberState.Up, 7)], answer.Members.Select(static member => (member.Beat, member.State, member.Load)));
    }

    [Fact]
    public async Task A_silent_member_is_removed_and_its_shards_are_free_with_their_fences_kept()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var mine = await a.ClaimOneAsync(1);
        var theirs = await b.ClaimAsync(2, 3);
        await a.HeartbeatAsync();
        var answer = await a.HeartbeatAsync(a.Next() with { Silent = [new SilentMember(b.Id, 1)] });
        Assert.Equal([a.Id], answer.Members.Select(static member => member.Node));
        Assert.Equal(5, answer.Version);
        Assert.Equal(
            [new ShardEntry(1, a.Id, mine), new ShardEntry(2, Owner: null, theirs[0].Fence), new ShardEntry(3, Owner: null, theirs[1].Fence)],
            answer.Table!.OrderBy(static entry => entry.Shard));

        // The one that was removed learns it, may not claim before it joins again, and gets higher fences then.
        Assert.Empty(await b.ClaimAsync(2));
        var back = await b.HeartbeatAsync(theirs);
        Assert.Equal([2, 3], back.LostLeases);
        Assert.Equal(6, back.Version);
        Assert.True(await b.ClaimOneAsync(2) > theirs[1].Fence);
    }

    [Fact]
    public async Task A_member_that_has_shown_another_sign_of_life_is_not_removed()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await b.HeartbeatAsync();
        await a.HeartbeatAsync();
        var answer = await a.HeartbeatAsync(a.Next() with { Silent = [new SilentMember(b.Id, 1), new SilentMember(new("nobody", 1), 1), new SilentMember(a.Id, a.Beat)] });
        Assert.Equal([a.Id, b.Id], answer.Members.Select(static member => member.Node));
        Assert.Equal(2, answer.Version);
    }

    [Fact]
    public async Task Who_believes_in_another_epoch_removes_nobody_and_has_lost_everything()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var held = await a.ClaimAsync(4, 5);
        var answer = await a.Engine.HeartbeatAsync(a.Next(held) with { Epoch = "another", KnownVersion = 3, Silent = [new SilentMember(b.Id, 1)] });
        Assert.Equal(2, answer.Members.Count);
        Assert.Equal([4, 5], answer.LostLeases);
        Assert.Equal(2, answer.Table!.Count);
    }

    [Fact]
    public async Task Leaving_frees_everything_and_has_no_effect_the_second_time()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await a.ClaimAsync(1, 2);
        await b.ClaimAsync(3);
        await a.Engine.LeaveAsync(a.Id);
        var after = await b.HeartbeatAsync();
        Assert.Equal([b.Id], after.Members.Select(static member => member.Node));
        Assert.Equal([null, null, b.Id], after.Table!.OrderBy(static entry => entry.Shard).Select(static entry => entry.Owner));
        await a.Engine.LeaveAsync(a.Id);
        Assert.Equal(after.Version, (await b.HeartbeatAsync()).Version);
        Assert.Equal(2, (await b.ClaimAsync(1, 2)).Count);
        await b.Engine.LeaveAsync(b.Id);
        Assert.Empty((await a.Engine.HeartbeatAsync(b.Next() with { Node = new("c", 1) })).LostLeases);
    }

    [Fact]
    public async Task Two_runs_of_one_name_are_two_members()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        var fence = await a.ClaimOneAsync(1);
        var again = a.Id with { Incarnation = a.Id.Incarnation + 1 };
        var answer = await a.Engine.HeartbeatAsync(a.Next(new OwnedShard(1, fence)) with { Node = again, Beat = 1 });
        Assert.Equal([a.Id, again], answer.Members.Select(static member => member.Node));
        Assert.Equal([1], answer.LostLeases);
        Assert.Empty((await a.Engine.ClaimAsync(again, a.Epoch, [1])).Claimed);
    }

    [Fact]
    public async Task Clusters_of_other_prefixes_know_nothing_of_each_other()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var other = await ClusterNode.StartAsync("b", Contracts.Options(server.Endpoint), ClusterNode.Silent with { Prefix = "other" });
        await a.ClaimAsync(1);
        Assert.Single((await other.HeartbeatAsync()).Members);
        Assert.Single(await other.ClaimAsync(1));
        await using var redis = await Contracts.ReadyAsync(server);
        var keys = (await redis.SendAsync("KEYS", "*")).Items.ToArray().Select(static key => key.AsString()!).Order(StringComparer.Ordinal);
        Assert.Equal("{other}:state {relay}:state", string.Join(' ', keys));
    }

    [Fact]
    public async Task A_node_that_is_told_of_another_number_of_shards_does_not_join_a_cluster_that_lives()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var other = await ClusterNode.StartAsync("b", Contracts.Options(server.Endpoint), ClusterNode.Silent with { Shards = 128 });
        var refusal = await Assert.ThrowsAsync<ClusterEngineException>(() => other.HeartbeatAsync());
        Assert.False(refusal.IsRetryable);
        Assert.Contains("set Cluster:Shards to 256", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([a.Id], (await a.HeartbeatAsync()).Members.Select(static member => member.Node));
        await a.Engine.LeaveAsync(a.Id);
        Assert.Equal([other.Id], (await other.HeartbeatAsync()).Members.Select(static member => member.Node));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a{b")]
    [InlineData("a b")]
    public async Task A_prefix_that_would_break_the_hash_tag_is_refused(string prefix)
    {
        await using var redis = new RedisClient(Contracts.Options("127.0.0.1:1"), new RedisServices());
        Assert.Throws<ArgumentException>(() => new RedisClusterEngine(redis, new RedisServices(), new RedisClusterOptions { Prefix = prefix }));
    }
}
