using Relay.Cluster.Engine;
using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Rules;

/// <summary>One node's rules, one call at a time. Lease 4 s, margin 1 s, heartbeat 1 s.</summary>
public sealed class OwnershipTests
{
    private const int Shards = 4;
    private static readonly NodeId Self = new("self", 1);
    private static readonly NodeId Other = new("other", 1);
    private readonly Ownership _rules = new(Self, Shards, new ClusterTimes());
    private readonly List<Decision.BeginMove> _begun = [];
    private long _version = 1;
    private ShardEntry[] _table = [];
    private Member[] _members = [];

    [Fact]
    public void Trust_lasts_a_lease_less_the_margin_from_the_sending_of_an_answered_heartbeat()
    {
        Own();
        var sent = Sent(_rules.Tick(10_000));
        Answer(sent, at: 10_900);
        Assert.True(_rules.MayAct(0, 12_999));
        Assert.False(_rules.MayAct(0, 13_000));
    }

    [Fact]
    public void A_heartbeat_without_an_answer_prolongs_nothing_and_is_sent_again_soon()
    {
        Own();
        var until = TrustedUntil();
        Sent(_rules.Tick(10_000));
        _rules.HeartbeatFailed(10_100);
        Assert.Empty(_rules.Tick(10_249).OfType<Decision.SendHeartbeat>());
        Sent(_rules.Tick(10_250));
        Assert.Equal(until, TrustedUntil());
    }

    [Fact]
    public void Without_trust_everything_is_suspended_and_an_answer_resumes_what_is_still_held()
    {
        Own();
        var late = _rules.Tick(20_000);
        Assert.IsType<Decision.SuspendAll>(late[0]);
        var beat = Sent(late);
        Assert.Equal(Shards, beat.Leases.Count);
        _table[1] = new ShardEntry(1, Other, 999);
        _version++;
        var decisions = Answer(beat, at: 20_010, lost: [1]);
        Assert.Equal([new Decision.Stop(1, StopReason.Lost), new Decision.ResumeAll()], decisions);
        Assert.True(_rules.MayAct(0, 20_010));
        Assert.False(_rules.MayAct(1, 20_010));
        Assert.Equal(0, _rules.FenceOf(1));
    }

    [Fact]
    public void Another_epoch_ends_everything_and_nothing_is_claimed_for_a_lease()
    {
        Own();
        var beat = Sent(_rules.Tick(10_000));
        _table = [];
        var decisions = _rules.HeartbeatAnswered(10_010, Now(beat) with { Epoch = "second", LostLeases = [0, 1, 2, 3] });
        Assert.Equal(Shards, decisions.OfType<Decision.Stop>().Count(static stop => stop.Reason == StopReason.StoreForgot));
        Assert.Equal(MemberState.Joining, _rules.State);
        for (var now = 10_100; now < 14_010; now += 100)
        {
            foreach (var decision in _rules.Tick(now))
            {
                var next = Assert.IsType<Decision.SendHeartbeat>(decision).Beat;
                Assert.Equal(MemberState.Joining, next.State);
                _rules.HeartbeatAnswered(now, Now(next) with { Epoch = "second" });
            }
        }

        var up = Sent(_rules.Tick(14_300));
        Assert.Equal(MemberState.Up, up.State);
        Assert.Equal(103, up.HighestFence);
    }

    [Fact]
    public void A_member_is_called_silent_after_a_lease_of_answers_that_show_the_same_beat()
    {
        Own();
        _members = [new Member(Other, 7, MemberState.Up, "", "", 0)];
        var silentAt = 0;
        for (var now = 10_000; now < 20_000 && silentAt == 0; now += 100)
        {
            foreach (var beat in _rules.Tick(now).OfType<Decision.SendHeartbeat>().Select(static send => send.Beat))
            {
                if (beat.Silent.Count > 0)
                {
                    Assert.Equal(new SilentMember(Other, 7), Assert.Single(beat.Silent));
                    silentAt = now;
                }

                Answer(beat, now);
            }
        }

        Assert.InRange(silentAt, 14_000, 14_500);
    }

    [Fact]
    public void Who_could_not_reach_the_store_calls_nobody_silent()
    {
        Own();
        _members = [new Member(Other, 7, MemberState.Up, "", "", 0)];
        Answer(Sent(_rules.Tick(10_000)), at: 10_000);
        var beat = Sent(_rules.Tick(60_000));
        Assert.Empty(beat.Silent);
        Answer(beat, at: 60_000);
        Assert.Empty(Sent(_rules.Tick(61_000)).Silent);
    }

    [Fact]
    public void A_planned_move_stops_serving_before_the_store_is_asked_and_ends_with_the_answer()
    {
        var move = BeginMove();
        Assert.True(_rules.MayAct(move.Shard, 12_000));
        Assert.IsType<Decision.Drain>(Assert.Single(_rules.PrepareAgreed(move.Shard, move.Move)));
        Assert.False(_rules.MayAct(move.Shard, 12_000));
        var over = Assert.IsType<Decision.HandOver>(Assert.Single(_rules.StateMoved(move.Shard, move.Move)));
        Assert.Equal((Other, 100 + move.Shard), (over.To, over.Fence));
        var end = _rules.HandOverAnswered(12_000, move.Shard, move.Move, new HandOverAnswer(HandOverOutcome.Done, 500));
        Assert.Equal([new Decision.Stop(move.Shard, StopReason.Moved)], end);
        Assert.Equal(Other, _rules.Table.Owner(move.Shard));
    }

    [Fact]
    public void A_hand_over_in_doubt_is_asked_again_and_a_refusal_then_needs_a_new_fence_before_the_shard_is_served()
    {
        var move = BeginMove();
        _rules.PrepareAgreed(move.Shard, move.Move);
        _rules.StateMoved(move.Shard, move.Move);
        _rules.HandOverFailed(11_500, move.Shard, move.Move);
        Assert.Contains(_rules.Tick(11_750), static decision => decision is Decision.HandOver);
        var refused = _rules.HandOverAnswered(11_760, move.Shard, move.Move, new HandOverAnswer(HandOverOutcome.TargetGone, 0));
        Assert.Equal([new Decision.AbortMove(move.Shard, move.Move, Other, Serves: false)], refused);
        Assert.False(_rules.MayAct(move.Shard, 11_760));
        var claim = Assert.Single(_rules.Tick(11_800).OfType<Decision.Claim>());
        Assert.Equal([move.Shard], claim.Shards);
        var resumed = _rules.ClaimAnswered(11_810, new ClaimAnswer("first", [new ClaimedShard(move.Shard, 600, 100 + move.Shard)]));
        Assert.Equal([new Decision.Resume(move.Shard, 600)], resumed);
        Assert.True(_rules.MayAct(move.Shard, 11_810));
    }

    [Fact]
    public void A_move_that_was_refused_without_doubt_serves_on_and_waits_before_it_is_tried_again()
    {
        var move = BeginMove();
        _rules.PrepareAgreed(move.Shard, move.Move);
        Assert.Equal([new Decision.AbortMove(move.Shard, move.Move, Other, Serves: true)], _rules.MoveFailed(11_500, move.Shard, move.Move));
        Assert.True(_rules.MayAct(move.Shard, 11_500));
        Assert.DoesNotContain(_rules.Tick(11_600), decision => decision is Decision.BeginMove begin && begin.Shard == move.Shard);
        Assert.Empty(_rules.PrepareAgreed(move.Shard, move.Move));
    }

    [Fact]
    public void A_free_shard_is_claimed_at_once_by_who_ranks_highest_and_half_a_second_later_by_the_next()
    {
        Own();
        _members = [new Member(Other, 1, MemberState.Up, "", "", 0)];
        var placement = new Placement([Self, Other], Shards);
        Answer(Sent(_rules.Tick(10_000)), at: 10_000);
        _table = [.. _table.Select(static entry => entry with { Owner = null })];
        _version++;
        Answer(Sent(_rules.Tick(11_000)), at: 11_000);
        var first = _rules.Tick(11_050).OfType<Decision.Claim>().SelectMany(static claim => claim.Shards).ToArray();
        Assert.Equal(Enumerable.Range(0, Shards).Where(shard => placement.Owner(shard) == Self), first);
        _rules.ClaimAnswered(11_060, new ClaimAnswer("first", [.. first.Select(static shard => new ClaimedShard(shard, 700 + shard, 100 + shard))]));
        Assert.Empty(_rules.Tick(11_499).OfType<Decision.Claim>());
        var second = _rules.Tick(11_500).OfType<Decision.Claim>().SelectMany(static claim => claim.Shards).ToArray();
        Assert.Equal(Enumerable.Range(0, Shards).Except(first), second);
        Assert.NotEmpty(second);
    }

    [Fact]
    public void A_refused_write_ends_the_shard_and_the_store_is_told_of_the_higher_fence()
    {
        Own();
        Assert.Equal([new Decision.Stop(2, StopReason.Lost)], _rules.FenceRefused(9_000, 2, 5_000));
        Assert.Empty(_rules.FenceRefused(9_000, 1, 50));
        Assert.Equal(5_000, Sent(_rules.Tick(10_000)).HighestFence);
    }

    [Fact]
    public void A_shard_that_came_and_went_while_a_heartbeat_was_under_way_is_given_up_for_the_table()
    {
        Own();
        _rules.FenceRefused(9_000, 2, 5_000);
        var decisions = _rules.Tick(9_300);
        Assert.Equal([2], Assert.Single(decisions.OfType<Decision.Claim>()).Shards);
        var beat = Sent(decisions);
        Assert.DoesNotContain(beat.Leases, static lease => lease.Shard == 2);
        Assert.Equal([new Decision.Start(2, 5_001)], _rules.ClaimAnswered(9_310, new ClaimAnswer("first", [new ClaimedShard(2, 5_001, 102)])));
        _table[2] = new ShardEntry(2, Other, 6_000);
        _version++;
        Assert.Equal([new Decision.Stop(2, StopReason.Lost)], Answer(beat, at: 9_320));
    }

    /// <summary>Others hand shards over to whom the store takes for one that stays: a node that was gone before it had said so took the state of a shard with it.</summary>
    [Fact]
    public void A_node_leaves_only_when_the_store_knows_that_it_is_about_to()
    {
        Answer(Sent(_rules.Tick(0)), at: 0);
        var beat = Sent(_rules.Tick(1_000));
        _rules.Leave(1_005);
        Answer(beat, at: 1_010);
        Assert.Empty(_rules.Tick(1_050));
        var told = Sent(_rules.Tick(1_250));
        Assert.Equal(MemberState.Leaving, told.State);
        Answer(told, at: 1_260);
        Assert.Equal([new Decision.LeaveCluster()], _rules.Tick(1_300));
    }

    // Fences are 100 + shard. The last heartbeat is at 8.0 s.
    private void Own()
    {
        Answer(Sent(_rules.Tick(0)), at: 0);
        for (var now = 1_000; now <= 4_000; now += 1_000)
        {
            Answer(Sent(_rules.Tick(now)), now);
        }

        var claim = Assert.Single(_rules.Tick(4_100).OfType<Decision.Claim>());
        var started = _rules.ClaimAnswered(4_110, new ClaimAnswer("first", [.. claim.Shards.Select(static shard => new ClaimedShard(shard, 100 + shard, 0))]));
        Assert.Equal(Enumerable.Range(0, Shards).Select(static shard => new Decision.Start(shard, 100 + shard)), started);
        _table = [.. Enumerable.Range(0, Shards).Select(static shard => new ShardEntry(shard, Self, 100 + shard))];
        _version++;
        for (var now = 5_000; now <= 8_000; now += 1_000)
        {
            Answer(Sent(_rules.Tick(now)), now);
        }
    }

    private Decision.BeginMove BeginMove()
    {
        Own();
        _members = [new Member(Other, 1, MemberState.Up, "", "", 0)];
        Answer(Sent(_rules.Tick(10_000)), at: 10_000);
        Answer(Sent(_rules.Tick(11_000)), at: 11_000);
        Assert.True(_rules.MovesUnderWay > 0);
        return _begun[0];
    }

    private Heartbeat Sent(IReadOnlyList<Decision> decisions)
    {
        _begun.AddRange(decisions.OfType<Decision.BeginMove>());
        return Assert.Single(decisions.OfType<Decision.SendHeartbeat>()).Beat;
    }

    private IReadOnlyList<Decision> Answer(Heartbeat beat, long at, int[]? lost = null) =>
        _rules.HeartbeatAnswered(at, Now(beat) with { LostLeases = lost ?? [] });

    private HeartbeatAnswer Now(Heartbeat beat) => new()
    {
        Epoch = "first",
        Version = _version,
        Members = [.. _members, new Member(Self, beat.Beat, beat.State, "", "", 0)],
        Table = _table,
    };

    private long TrustedUntil() => Enumerable.Range(0, 100_000).First(now => now > 8_000 && !_rules.MayAct(0, now));
}
