using System.Threading.Channels;
using Relay.Cluster.Engine;

namespace Relay.Cluster.TestKit;

/// <summary>
/// What every <see cref="IClusterEngine"/> must do, simulated or real. A subclass gives each test a cluster of its own, and closes what it opened.
/// </summary>
public abstract class ClusterEngineContract
{
    protected static NodeId A { get; } = new("a", 0xa1);

    protected static NodeId B { get; } = new("b", 0xb1);

    /// <summary>Another engine of the same cluster, ready for calls.</summary>
    protected abstract Task<IClusterEngine> ConnectAsync();

    /// <summary>FLUSHALL.</summary>
    protected abstract Task ForgetAsync();

    [Fact]
    public async Task The_first_heartbeat_joins_and_brings_epoch_members_and_table()
    {
        var engine = await ConnectAsync();
        var answer = await engine.HeartbeatAsync(new Heartbeat
        {
            Node = A, Beat = 1, State = MemberState.Joining, ProgramVersion = "1.2 \"x\"", Address = "10.0.0.1:9, Zürich", Load = 7,
        });
        Assert.NotEmpty(answer.Epoch);
        Assert.True(answer.Version > 0);
        Assert.NotNull(answer.Table);
        Assert.Empty(answer.Table);
        Assert.Equal([new Member(A, 1, MemberState.Joining, "1.2 \"x\"", "10.0.0.1:9, Zürich", 7)], answer.Members);
    }

    [Fact]
    public async Task A_heartbeat_shows_others_the_newest_beat_state_and_load()
    {
        var engine = await ConnectAsync();
        await JoinAsync(engine, A);
        var epoch = await JoinAsync(engine, B);
        await engine.HeartbeatAsync(Beat(A, 2, epoch) with { State = MemberState.Leaving, Load = 3 });
        var seen = (await engine.HeartbeatAsync(Beat(B, 2, epoch))).Members.Single(static member => member.Node == A);
        Assert.Equal((2, MemberState.Leaving, 3), (seen.Beat, seen.State, seen.Load));
    }

    [Fact]
    public async Task A_heartbeat_that_comes_late_changes_nothing()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        await engine.HeartbeatAsync(Beat(A, 5, epoch));
        var late = await engine.HeartbeatAsync(Beat(A, 4, epoch) with { State = MemberState.Joining, Silent = [new SilentMember(B, 1)] });
        Assert.Equal((5, MemberState.Up), late.Members.Where(static member => member.Node == A).Select(static member => (member.Beat, member.State)).Single());
        Assert.Contains(late.Members, static member => member.Node == B);
    }

    [Fact]
    public async Task The_table_comes_only_when_the_version_is_another_and_plain_heartbeats_leave_it()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        var first = await engine.HeartbeatAsync(Beat(A, 2, epoch));
        Assert.NotNull(first.Table);
        var second = await engine.HeartbeatAsync(Beat(A, 3, epoch) with { KnownVersion = first.Version });
        Assert.Null(second.Table);
        Assert.Equal(first.Version, second.Version);
        var fence = await ClaimAsync(engine, A, epoch, 3);
        var third = await engine.HeartbeatAsync(Beat(A, 4, epoch) with { KnownVersion = first.Version });
        Assert.True(third.Version > second.Version);
        Assert.Equal([new ShardEntry(3, A, fence)], third.Table);
    }

    [Fact]
    public async Task A_free_shard_goes_to_the_first_who_claims_it()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        var first = await engine.ClaimAsync(A, epoch, [1, 2]);
        var second = await engine.ClaimAsync(B, epoch, [2, 3]);
        Assert.Equal([(1, 0L), (2, 0L)], first.Claimed.Select(static shard => (shard.Shard, shard.Previous)).Order());
        Assert.Equal(3, Assert.Single(second.Claimed).Shard);
        Assert.Equal(3, first.Claimed.Concat(second.Claimed).Select(static shard => shard.Fence).Distinct().Count());
    }

    [Fact]
    public async Task Of_many_claims_at_once_one_wins_each_shard()
    {
        var one = await ConnectAsync();
        var other = await ConnectAsync();
        var epoch = await JoinAsync(one, A);
        await JoinAsync(other, B);
        var shards = Enumerable.Range(0, 64).ToArray();
        var claims = await Task.WhenAll(shards.SelectMany(shard =>
            new[] { one.ClaimAsync(A, epoch, [shard]).AsTask(), other.ClaimAsync(B, epoch, [shard]).AsTask() }));
        Assert.Equal(shards, claims.SelectMany(static claim => claim.Claimed).Select(static shard => shard.Shard).Order());
    }

    [Fact]
    public async Task Claiming_what_one_holds_gives_a_higher_fence_and_tells_the_one_before()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        var again = Assert.Single((await engine.ClaimAsync(A, epoch, [1])).Claimed);
        Assert.True(again.Fence > fence);
        Assert.Equal(fence, again.Previous);
        Assert.Equal([1], (await engine.HeartbeatAsync(Beat(A, 2, epoch) with { Leases = [new OwnedShard(1, fence)] })).LostLeases);
        Assert.Empty((await engine.HeartbeatAsync(Beat(A, 3, epoch) with { Leases = [new OwnedShard(1, again.Fence)] })).LostLeases);
    }

    [Fact]
    public async Task Who_is_no_member_or_knows_another_epoch_claims_nothing()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        Assert.Empty((await engine.ClaimAsync(B, epoch, [1])).Claimed);
        var refused = await engine.ClaimAsync(A, "another", [1]);
        Assert.Empty(refused.Claimed);
        Assert.Equal(epoch, refused.Epoch);
    }

    [Fact]
    public async Task A_hand_over_gives_the_shard_a_higher_fence_and_may_be_repeated()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        var done = await engine.HandOverAsync(A, B, epoch, 1, fence);
        Assert.Equal(HandOverOutcome.Done, done.Outcome);
        Assert.True(done.Fence > fence);
        Assert.Equal(done, await engine.HandOverAsync(A, B, epoch, 1, fence));
        var table = (await engine.HeartbeatAsync(Beat(B, 2, epoch))).Table;
        Assert.Equal([new ShardEntry(1, B, done.Fence)], table);
        Assert.Equal([1], (await engine.HeartbeatAsync(Beat(A, 2, epoch) with { Leases = [new OwnedShard(1, fence)] })).LostLeases);
    }

    [Fact]
    public async Task A_hand_over_with_an_old_fence_or_epoch_or_from_another_is_refused()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        var old = await ClaimAsync(engine, A, epoch, 1);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        Assert.Equal(HandOverOutcome.NotOwner, (await engine.HandOverAsync(A, B, epoch, 1, old)).Outcome);
        Assert.Equal(HandOverOutcome.NotOwner, (await engine.HandOverAsync(B, A, epoch, 1, fence)).Outcome);
        Assert.Equal(HandOverOutcome.NotOwner, (await engine.HandOverAsync(A, B, "another", 1, fence)).Outcome);
        Assert.Equal(HandOverOutcome.NotOwner, (await engine.HandOverAsync(A, B, epoch, 2, fence)).Outcome);
        Assert.Equal(HandOverOutcome.Done, (await engine.HandOverAsync(A, B, epoch, 1, fence)).Outcome);
    }

    [Fact]
    public async Task A_hand_over_to_who_is_not_up_leaves_the_shard_where_it_is()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        Assert.Equal(HandOverOutcome.TargetGone, (await engine.HandOverAsync(A, B, epoch, 1, fence)).Outcome);
        await engine.HeartbeatAsync(Beat(B, 1, epoch) with { State = MemberState.Joining });
        Assert.Equal(new HandOverAnswer(HandOverOutcome.TargetGone, 0), await engine.HandOverAsync(A, B, epoch, 1, fence));
        Assert.Empty((await engine.HeartbeatAsync(Beat(A, 2, epoch) with { Leases = [new OwnedShard(1, fence)] })).LostLeases);
    }

    [Fact]
    public async Task A_released_shard_is_free_keeps_its_fence_and_gets_a_higher_one()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        await engine.ReleaseAsync(A, epoch, [new OwnedShard(1, fence - 1), new OwnedShard(2, 1)]);
        await engine.ReleaseAsync(A, "another", [new OwnedShard(1, fence)]);
        await engine.ReleaseAsync(B, epoch, [new OwnedShard(1, fence)]);
        Assert.Equal([new ShardEntry(1, A, fence)], (await engine.HeartbeatAsync(Beat(A, 2, epoch))).Table);
        await engine.ReleaseAsync(A, epoch, [new OwnedShard(1, fence)]);
        Assert.Equal([new ShardEntry(1, null, fence)], (await engine.HeartbeatAsync(Beat(A, 3, epoch))).Table);
        var next = Assert.Single((await engine.ClaimAsync(B, epoch, [1])).Claimed);
        Assert.True(next.Fence > fence);
        Assert.Equal(fence, next.Previous);
    }

    [Fact]
    public async Task Leaving_ends_the_membership_and_frees_all_shards()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        await engine.ClaimAsync(A, epoch, [1, 2]);
        await engine.LeaveAsync(A);
        await engine.LeaveAsync(A);
        var answer = await engine.HeartbeatAsync(Beat(B, 2, epoch));
        Assert.Equal(B, Assert.Single(answer.Members).Node);
        Assert.All(answer.Table!, static entry => Assert.Null(entry.Owner));
        Assert.Equal(2, (await engine.ClaimAsync(B, epoch, [1, 2])).Claimed.Count);
    }

    [Fact]
    public async Task A_silent_member_is_removed_only_while_its_last_beat_is_the_one_named()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        await JoinAsync(engine, B);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        await engine.HeartbeatAsync(Beat(A, 2, epoch));
        var wrong = await engine.HeartbeatAsync(Beat(B, 2, epoch) with { Silent = [new SilentMember(A, 1)] });
        Assert.Equal(2, wrong.Members.Count);
        var unknown = await engine.HeartbeatAsync(Beat(B, 3, "another") with { Silent = [new SilentMember(A, 2)] });
        Assert.Equal(2, unknown.Members.Count);
        var right = await engine.HeartbeatAsync(Beat(B, 4, epoch) with { Silent = [new SilentMember(A, 2)], KnownVersion = wrong.Version });
        Assert.Equal(B, Assert.Single(right.Members).Node);
        Assert.Equal([new ShardEntry(1, null, fence)], right.Table);
        Assert.Equal([1], (await engine.HeartbeatAsync(Beat(A, 3, epoch) with { Leases = [new OwnedShard(1, fence)] })).LostLeases);
    }

    [Fact]
    public async Task After_a_loss_of_memory_the_epoch_is_another_and_everything_is_lost()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        var fence = await ClaimAsync(engine, A, epoch, 1);
        await ForgetAsync();
        Assert.Empty((await engine.ClaimAsync(A, epoch, [1])).Claimed);
        var answer = await engine.HeartbeatAsync(Beat(A, 2, epoch) with { KnownVersion = 1, Leases = [new OwnedShard(1, fence)] });
        Assert.NotEqual(epoch, answer.Epoch);
        Assert.Equal([1], answer.LostLeases);
        Assert.Empty(answer.Table!);
        Assert.True(await ClaimAsync(engine, A, answer.Epoch, 1) > fence);
    }

    [Fact]
    public async Task Fences_are_above_the_highest_that_any_heartbeat_told()
    {
        var engine = await ConnectAsync();
        var epoch = await JoinAsync(engine, A);
        var before = await ClaimAsync(engine, A, epoch, 1);
        var told = before + 1_000_000_000_000;
        await engine.HeartbeatAsync(Beat(A, 2, epoch) with { HighestFence = told });
        Assert.True(await ClaimAsync(engine, A, epoch, 2) > told);
    }

    [Fact]
    public async Task Slots_follow_each_other_over_all_nodes()
    {
        var one = await ConnectAsync();
        var other = await ConnectAsync();
        var first = await one.ReserveAsync(1000, perSecond: 10);
        var second = await other.ReserveAsync(10, perSecond: 10);
        Assert.Equal(TimeSpan.FromMilliseconds(100), first.Gap);
        Assert.InRange(first.First, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
        Assert.InRange(second.First, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(101));
    }

    [Fact]
    public async Task Frames_reach_the_node_they_are_for_in_order_and_changes_are_hinted_at()
    {
        var one = await ConnectAsync();
        var other = await ConnectAsync();
        var inbox = new Inbox();
        other.Listen(B, inbox);
        await inbox.Restored.Task.WaitAsync(TimeSpan.FromSeconds(30));
        for (byte i = 0; i < 100; i++)
        {
            await one.SendAsync(A, new byte[] { 255 });
            await one.SendAsync(B, new[] { i, (byte)0, (byte)13, (byte)200 });
        }

        for (byte i = 0; i < 100; i++)
        {
            Assert.Equal([i, 0, 13, 200], await inbox.Frames.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        }

        var epoch = await JoinAsync(one, A);
        await ClaimAsync(one, A, epoch, 1);
        var version = (await one.HeartbeatAsync(Beat(A, 2, epoch))).Version;
        while (await inbox.Changes.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)) != version)
        {
        }
    }

    protected static Heartbeat Beat(NodeId node, long beat, string epoch) => new() { Node = node, Beat = beat, State = MemberState.Up, Epoch = epoch };

    protected static async Task<string> JoinAsync(IClusterEngine engine, NodeId node) => (await engine.HeartbeatAsync(Beat(node, 1, ""))).Epoch;

    protected static async Task<long> ClaimAsync(IClusterEngine engine, NodeId node, string epoch, int shard) =>
        Assert.Single((await engine.ClaimAsync(node, epoch, [shard])).Claimed).Fence;

    private sealed class Inbox : IClusterListener
    {
        public Channel<byte[]> Frames { get; } = Channel.CreateUnbounded<byte[]>();

        public Channel<long> Changes { get; } = Channel.CreateUnbounded<long>();

        public TaskCompletionSource Restored { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnFrame(ReadOnlySpan<byte> frame) => Frames.Writer.TryWrite(frame.ToArray());

        public void OnChanged(long version) => Changes.Writer.TryWrite(version);

        public void OnInboxLost()
        {
        }

        public void OnInboxRestored() => Restored.TrySetResult();
    }
}
