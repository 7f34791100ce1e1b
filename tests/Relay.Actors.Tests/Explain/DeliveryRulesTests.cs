using Relay.Actors.Explain;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Tests.Explain;

/// <summary>One event, offset 10 of topics/x, accepted at 1,000 and given to the subscribers at 1,010; connection 7, which opened at 100.</summary>
public sealed class DeliveryRulesTests
{
    private static readonly ExplainedEvent Message = new("topics/x", "task.done", At(10), 1_000);
    private static readonly FanOutEntry[] FanOut = [new FanOutEntry { Entity = "topics/x", Channel = "topics/x", Epoch = Make.Epoch, From = 8, To = 12, TimeMicros = 1_010 }];
    private static readonly ConnectionSight Nobody = new(7, 100);
    private static readonly ConnectionSight Live = Nobody with { Subscriptions = [new SubscriptionSight("topics/x", At(5), 500, null, null)] };

    [Fact]
    public void A_live_subscriber_got_it_when_everybody_did()
    {
        var verdict = Judge(Live);
        Assert.Equal((Verdicts.Written, true, 1_010L, 1_010L), (verdict.Name, verdict.Matched, verdict.QueuedMicros, verdict.WrittenMicros));
        Assert.Null(verdict.AckedMicros);
        Assert.False(verdict.ByCatchUp);
    }

    [Fact]
    public void Its_ack_counts_with_its_time()
    {
        var verdict = Judge(Live with { Acks = [new AckEntry { Connection = 7, Position = At(10), TimeMicros = 1_500 }] });
        Assert.Equal((Verdicts.Acked, 1_500L), (verdict.Name, verdict.AckedMicros));
        Assert.Equal(Verdicts.Written, Judge(Live with { Acks = [new AckEntry { Connection = 7, Position = At(11), TimeMicros = 1_500 }] }).Name);
    }

    [Fact]
    public void What_had_to_wait_was_written_when_the_wait_was_over()
    {
        var late = new LateWriteEntry { Connection = 7, FromMicros = 1_005, UntilMicros = 1_020, WrittenMicros = 99_000 };
        Assert.Equal(99_000, Judge(Live with { Late = [late] }).WrittenMicros);
        Assert.Equal(1_010, Judge(Live with { Late = [late with { FromMicros = 1_011 }] }).WrittenMicros);
    }

    [Fact]
    public void What_waits_is_queued_and_what_came_before_the_wait_is_not()
    {
        Assert.Equal(Verdicts.Queued, Judge(Live with { WaitingMicros = 1_010 }).Name);
        Assert.Null(Judge(Live with { WaitingMicros = 1_010 }).WrittenMicros);
        Assert.Equal(Verdicts.Written, Judge(Live with { WaitingMicros = 1_011 }).Name);
    }

    [Fact]
    public void What_was_left_out_names_its_policy()
    {
        Assert.Equal(Verdicts.Conflated, Judge(Live with { Happenings = [Happened(Happening.Conflated, 10, 10, 2_000)] }).Name);
        Assert.Equal((Verdicts.Dropped, 2_000L), (Judge(Live with { Happenings = [Happened(Happening.Dropped, 10, 10, 2_000)] }) is var dropped ? dropped.Name : "", dropped.AtMicros));
        Assert.Equal(Verdicts.Written, Judge(Live with { Happenings = [Happened(Happening.Dropped, 11, 11, 2_000)] }).Name);
        Assert.Equal(Verdicts.Written, Judge(Live with { Happenings = [Happened(Happening.Dropped, 10, 10, 2_000, new Epoch(5))] }).Name);
    }

    [Fact]
    public void Who_was_cut_off_lost_what_waited_and_has_what_came_before()
    {
        var cut = Live with { LostMicros = 1_010, EndCode = CloseCode.TryAgainLater, EndReason = "Slow consumer" };
        Assert.Equal(Verdicts.CutOff, Judge(cut).Name);
        Assert.Equal(Verdicts.Written, Judge(cut with { LostMicros = 1_011 }).Name);
    }

    [Theory]
    [InlineData(CloseCode.Unauthorized, Verdicts.TokenEnded)]
    [InlineData(CloseCode.Normal, Verdicts.ConnectionEnded)]
    [InlineData(CloseCode.Abnormal, Verdicts.ConnectionEnded)]
    public void Who_had_gone_names_how(int code, string expected)
    {
        Assert.Equal(expected, Judge(Nobody with { EndedMicros = 999, EndCode = code }).Name);

        // The same while it is about to go: its subscriptions are still there.
        Assert.Equal(expected, Judge(Live with { LostMicros = 1_000, EndCode = code }).Name);
    }

    [Fact]
    public void Who_left_after_it_had_it_and_who_left_before_had_not()
    {
        var left = Happened(Happening.Left, 5, 0, 1_011) with { SinceMicros = 500 };
        Assert.Equal(Verdicts.Written, Judge(Nobody with { Happenings = [left] }).Name);
        Assert.Equal(Verdicts.Unsubscribed, Judge(Nobody with { Happenings = [left with { TimeMicros = 999 }] }).Name);

        // It never was live: it left while it caught up.
        Assert.Equal(Verdicts.NotSubscribed, Judge(Nobody with { Happenings = [left with { SinceMicros = 0 }] }).Name);
    }

    [Fact]
    public void Who_came_later_did_not_get_it()
    {
        Assert.Equal(Verdicts.SubscribedLater, Judge(Live with { Subscriptions = [new SubscriptionSight("topics/x", At(12), 1_011, null, null)] }).Name);

        // In the same microsecond as it went out: the position decides.
        Assert.Equal(Verdicts.SubscribedLater, Judge(Live with { Subscriptions = [new SubscriptionSight("topics/x", At(12), 1_010, null, null)] }).Name);
        Assert.Equal(Verdicts.Written, Judge(Live with { Subscriptions = [new SubscriptionSight("topics/x", At(9), 1_010, null, null)] }).Name);
        Assert.Equal(Verdicts.ConnectedLater, Judge(new ConnectionSight(7, 1_001)).Name);
    }

    [Fact]
    public void A_subscription_that_began_in_another_life_of_the_channel_is_judged_by_time()
    {
        var old = new SubscriptionSight("topics/x", new StreamPosition(new Epoch(5), 500), 500, null, null);
        Assert.Equal(Verdicts.Written, Judge(Live with { Subscriptions = [old] }).Name);
        Assert.Equal(Verdicts.SubscribedLater, Judge(Live with { Subscriptions = [old with { LiveMicros = 1_011 }] }).Name);
    }

    [Fact]
    public void A_pattern_brings_it_as_well()
    {
        FanOutEntry[] fanOut = [FanOut[0] with { Entity = "pattern:topics/*" }];
        var verdict = DeliveryRules.Judge(Message, fanOut, Nobody with { Subscriptions = [new SubscriptionSight("pattern:topics/*", default, 500, null, null)] });
        Assert.Equal(Verdicts.Written, verdict.Name);
        Assert.Equal(Verdicts.SubscribedLater, DeliveryRules.Judge(Message, fanOut, Live).Name);
    }

    [Fact]
    public void A_filter_and_the_own_publish_are_named()
    {
        var filtered = Judge(Live with { Subscriptions = [new SubscriptionSight("topics/x", At(5), 500, null, EventFilter.Of("note", "agent.*"))] });
        Assert.Equal(Verdicts.Filtered, filtered.Name);
        Assert.Contains("note, agent.*", filtered.Reason, StringComparison.Ordinal);
        Assert.Equal(Verdicts.OwnPublish, DeliveryRules.Judge(Message with { Excluded = 7 }, FanOut, Live).Name);
        Assert.Equal(Verdicts.Written, DeliveryRules.Judge(Message with { Excluded = 8 }, FanOut, Live).Name);
    }

    [Fact]
    public void Who_came_back_was_brought_it_unless_it_had_expired_or_was_gone()
    {
        var back = Live with { Happenings = [Happened(Happening.CaughtUp, 9, 12, 5_000)] };
        var verdict = Judge(back);
        Assert.Equal((Verdicts.Written, true, 5_000L), (verdict.Name, verdict.ByCatchUp, verdict.WrittenMicros));
        Assert.Equal(Verdicts.Expired, DeliveryRules.Judge(Message with { ExpiresMicros = 4_999 }, FanOut, back).Name);
        Assert.Equal(Verdicts.Written, DeliveryRules.Judge(Message with { ExpiresMicros = 5_001 }, FanOut, back).Name);
        Assert.Equal(Verdicts.Gap, Judge(Nobody with { Happenings = [Happened(Happening.Gap, 3, 10, 5_000)] }).Name);

        // What it was brought begins behind the first offset.
        Assert.False(Judge(Live with { Happenings = [Happened(Happening.CaughtUp, 10, 12, 5_000)] }).ByCatchUp);
    }

    [Fact]
    public void Who_still_catches_up_will_get_it()
    {
        var behind = new SubscriptionSight("topics/x", At(12), 0, At(9), null);
        Assert.Equal(Verdicts.CatchingUp, Judge(Nobody with { Subscriptions = [behind] }).Name);
        Assert.Equal(Verdicts.SubscribedLater, Judge(Nobody with { Subscriptions = [behind with { Cursor = At(10) }] }).Name);
    }

    [Fact]
    public void A_refused_subscription_gives_its_reason_and_none_at_all_says_so()
    {
        var refused = Happened(Happening.SubscribeRefused, 0, 0, 600) with { Text = "Not authorized" };
        Assert.Equal((Verdicts.SubscribeRefused, "Not authorized"), (Judge(Nobody with { Happenings = [refused] }) is var verdict ? verdict.Name : "", verdict.Reason));
        Assert.Equal(Verdicts.Written, Judge(Live with { Happenings = [refused] }).Name);
        Assert.Equal(Verdicts.NotSubscribed, Judge(Nobody).Name);
    }

    private static Verdict Judge(ConnectionSight connection) => DeliveryRules.Judge(Message, FanOut, connection);

    private static StreamPosition At(long offset) => new(Make.Epoch, offset);

    private static HappeningEntry Happened(Happening what, long from, long to, long at, Epoch? epoch = null) =>
        new() { What = what, Connection = 7, Entity = "topics/x", Epoch = epoch ?? Make.Epoch, From = from, To = to, TimeMicros = at };
}
