using Relay.Cluster.Engine;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Claim, hand-over and release.</summary>
public sealed class OwnershipStepsTests
{
    [Fact]
    public async Task Free_shards_are_claimed_and_those_of_others_left_out()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var first = (await a.Engine.ClaimAsync(a.Id, a.Epoch, [3, 1])).Claimed;
        Assert.Equal([(3, 0L), (1, 0L)], first.Select(static claimed => (claimed.Shard, claimed.Previous)));
        Assert.Equal([2], (await b.ClaimAsync(1, 2, 3)).Select(static owned => owned.Shard));
        Assert.Equal([], await b.ClaimAsync(1, 3));
        Assert.Equal([], await b.ClaimAsync());
        var answer = await a.HeartbeatAsync([.. first.Select(static claimed => new OwnedShard(claimed.Shard, claimed.Fence))]);
        Assert.Equal(4, answer.Version);
        Assert.Equal([a.Id, b.Id, a.Id], answer.Table!.OrderBy(static entry => entry.Shard).Select(static entry => entry.Owner));
        Assert.Empty(answer.LostLeases);
    }

    [Fact]
    public async Task A_shard_that_is_held_already_gets_a_new_fence_and_the_old_one_has_no_effect_any_more()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var old = await a.ClaimOneAsync(1);
        var claimed = Assert.Single((await a.Engine.ClaimAsync(a.Id, a.Epoch, [1])).Claimed);
        Assert.True(claimed.Fence > old);
        Assert.Equal(old, claimed.Previous);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.HandOverAsync(b, 1, old)).Outcome);
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, [new OwnedShard(1, old)]);
        Assert.Equal([1], (await a.HeartbeatAsync(new OwnedShard(1, old))).LostLeases);
        Assert.Empty((await a.HeartbeatAsync(new OwnedShard(1, claimed.Fence))).LostLeases);
    }

    [Fact]
    public async Task Who_is_no_member_or_believes_in_another_epoch_gets_nothing()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var stranger = await ClusterNode.StartAsync("s", server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        Assert.Empty((await stranger.Engine.ClaimAsync(stranger.Id, a.Epoch, [1])).Claimed);
        var refused = await a.Engine.ClaimAsync(a.Id, "another", [1]);
        Assert.Empty(refused.Claimed);
        Assert.Equal(a.Epoch, refused.Epoch);
        var fence = await a.ClaimOneAsync(1);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.Engine.HandOverAsync(a.Id, b.Id, "another", 1, fence)).Outcome);
        await a.Engine.ReleaseAsync(a.Id, "another", [new OwnedShard(1, fence)]);
        Assert.Empty((await a.HeartbeatAsync(new OwnedShard(1, fence))).LostLeases);
    }

    [Fact]
    public async Task A_hand_over_makes_the_target_the_owner_under_a_higher_fence_and_says_so_again_when_asked_again()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var fence = await a.ClaimOneAsync(1);
        var done = await a.HandOverAsync(b, 1, fence);
        Assert.Equal(HandOverOutcome.Done, done.Outcome);
        Assert.True(done.Fence > fence);
        Assert.Equal(done, await a.HandOverAsync(b, 1, fence));
        Assert.Equal([new ShardEntry(1, b.Id, done.Fence)], await a.TableAsync());
        Assert.Equal([1], (await a.HeartbeatAsync(new OwnedShard(1, fence))).LostLeases);

        // Once the target has taken a new fence the old hand-over is no longer what made it the owner.
        Assert.True(await b.ClaimOneAsync(1) > done.Fence);
        Assert.Equal(new HandOverAnswer(HandOverOutcome.NotOwner, 0), await a.HandOverAsync(b, 1, fence));
    }

    [Fact]
    public async Task A_hand_over_by_anybody_but_the_owner_under_its_fence_is_refused()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var fence = await a.ClaimOneAsync(1);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.HandOverAsync(b, 1, fence - 1)).Outcome);
        Assert.Equal(HandOverOutcome.NotOwner, (await b.HandOverAsync(b, 1, fence)).Outcome);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.HandOverAsync(b, 2, 0)).Outcome);
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, [new OwnedShard(1, fence)]);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.HandOverAsync(b, 1, fence)).Outcome);
        Assert.Equal([new ShardEntry(1, Owner: null, fence)], await a.TableAsync());
    }

    [Fact]
    public async Task A_hand_over_to_a_member_that_is_not_up_leaves_the_shard_where_it_was()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.StartAsync("b", server);
        var fence = await a.ClaimOneAsync(1);
        Assert.Equal(HandOverOutcome.TargetGone, (await a.HandOverAsync(b, 1, fence)).Outcome);
        foreach (var state in new[] { MemberState.Joining, MemberState.Leaving })
        {
            b.State = state;
            await b.HeartbeatAsync();
            Assert.Equal(new HandOverAnswer(HandOverOutcome.TargetGone, 0), await a.HandOverAsync(b, 1, fence));
        }

        Assert.Empty((await a.HeartbeatAsync(new OwnedShard(1, fence))).LostLeases);
        b.State = MemberState.Up;
        await b.HeartbeatAsync();
        Assert.Equal(HandOverOutcome.Done, (await a.HandOverAsync(b, 1, fence)).Outcome);
    }

    [Fact]
    public async Task A_release_frees_what_is_held_under_the_given_fence_and_nothing_else()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var mine = await a.ClaimAsync(1, 2);
        var theirs = Assert.Single(await b.ClaimAsync(3));
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, [mine[0], mine[1] with { Fence = mine[1].Fence + 1 }, theirs, new OwnedShard(9, 1)]);
        Assert.Equal(
            [new ShardEntry(1, Owner: null, mine[0].Fence), new ShardEntry(2, a.Id, mine[1].Fence), new ShardEntry(3, b.Id, theirs.Fence)], await a.TableAsync());
        var version = a.Version;
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, mine.Take(1).ToList());
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, []);
        Assert.Equal(version, (await a.HeartbeatAsync()).Version);
        Assert.True(await b.ClaimOneAsync(1) > mine[0].Fence);
    }

    [Fact]
    public async Task Leases_are_judged_by_the_table_also_when_it_has_not_changed()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        var held = await a.ClaimAsync([.. Enumerable.Range(0, 300)]);
        Assert.Equal(300, (await a.HeartbeatAsync(held)).Table!.Count);
        for (var i = 0; i < 2; i++)
        {
            var answer = await a.HeartbeatAsync([.. held, new OwnedShard(300, 1), held[7] with { Fence = 1 }]);
            Assert.Null(answer.Table);
            Assert.Equal([300, 7], answer.LostLeases);
        }
    }

    [Fact]
    public async Task Every_new_version_is_told_on_the_channel_of_changes()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        var log = new InboxLog { WithChanges = true };
        a.Engine.Listen(a.Id, log);
        await log.ExpectAsync("restored");
        await using var b = await ClusterNode.JoinAsync("b", server);
        // The state was made, then the member joined.
        await log.ExpectAsync("changed 0", "changed 1");
        var held = await b.ClaimAsync(1, 2, 3);
        await log.ExpectAsync("changed 2");
        await b.Engine.ReleaseAsync(b.Id, b.Epoch, [held[0]]);
        await log.ExpectAsync("changed 3");
        await a.HeartbeatAsync();
        await log.ExpectAsync("changed 4");
        await b.HandOverAsync(a, 2, held[1].Fence);
        await log.ExpectAsync("changed 5");
        await b.Engine.LeaveAsync(b.Id);
        await log.ExpectAsync("changed 6");
    }
}
