using static Relay.History.Tests.HistoryText;

namespace Relay.History.Tests;

/// <summary>One wrong thing at a time, and its right neighbour.</summary>
public sealed class CheckerTests
{
    [Fact]
    public void A_history_in_which_all_is_well_has_no_findings_and_is_counted()
    {
        var report = HistoryChecker.Check([Live(0), .. TwoPublished, Seen("a", 1), Seen("b", 2), Complete(2), .. TwoStored]);
        Assert.Empty(report.Findings);
        Assert.Equal((2, 2, 0, 2L, 2), (report.Published, report.Acknowledged, report.Duplicates, report.Deliveries, report.Stored));
    }

    [Fact]
    public void An_acknowledged_event_that_is_not_stored_is_lost() =>
        Assert.Equal([FindingKind.Lost], Kinds([.. TwoPublished, Journal(1), Stored("a", 1)]));

    [Fact]
    public void An_acknowledged_event_is_lost_when_the_final_content_has_another_epoch() =>
        Assert.Equal([FindingKind.Lost], Kinds([Invoked("a"), Acked("a", 1), Journal(0, epoch: "e2")]));

    [Fact]
    public void What_retention_dropped_is_not_lost() => Assert.Empty(Kinds([.. TwoPublished, Journal(2, first: 2), Stored("b", 2)]));

    [Fact]
    public void An_acknowledged_event_that_a_subscriber_without_a_gap_never_saw_is_lost_in_silence() =>
        Assert.Equal([FindingKind.Lost, FindingKind.SilentGap], Kinds([Live(0), .. TwoPublished, Seen("b", 2), .. TwoStored]));

    [Fact]
    public void The_tail_that_a_subscriber_claims_to_have_and_never_saw_is_lost() =>
        Assert.Equal([FindingKind.Lost, FindingKind.SilentGap], Kinds([Live(0), .. TwoPublished, Seen("a", 1), Complete(2), .. TwoStored]));

    [Fact]
    public void What_came_behind_the_last_event_before_a_lost_connection_is_not_held_against_the_relay() =>
        Assert.Empty(Kinds([Live(0), .. TwoPublished, Seen("a", 1), Gone(), .. TwoStored]));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_gap_notice_excuses_what_it_names_before_the_jump_or_behind_it(bool before)
    {
        HistoryEntry[] heard = before ? [Gap(1, 1), Seen("b", 2)] : [Seen("b", 2), Gap(1, 1)];
        Assert.Empty(Kinds([Live(0), .. TwoPublished, .. heard, .. TwoStored]));
    }

    [Fact]
    public void A_gap_notice_excuses_nothing_else() =>
        Assert.Equal([FindingKind.Lost, FindingKind.SilentGap], Kinds([Live(0), .. TwoPublished, Invoked("c"), Acked("c", 3), Gap(2, 2), Seen("c", 3)]));

    /// <summary>A channel in memory forgets its publish ids with its owner: whoever repeats a publish then is told a place in another epoch.</summary>
    [Fact]
    public void Where_a_channel_may_forget_an_event_may_come_again_in_another_epoch_and_only_there()
    {
        HistoryEntry[] again = [Invoked("a"), Acked("a", 1), Invoked("a"), Acked("a", 1, epoch: "e2")];
        Assert.Equal([FindingKind.Repeated], Kinds(again));
        Assert.Empty(HistoryChecker.Check(again, static _ => true).Findings);
        Assert.Equal(2, HistoryChecker.Check([.. again, Invoked("a"), Acked("a", 2, epoch: "e2")], static _ => true).Count(FindingKind.Repeated));
    }

    [Fact]
    public void A_resume_must_bring_what_was_missed() =>
        Assert.Equal([FindingKind.Lost, FindingKind.SilentGap], Kinds([Live(0), Gone(), .. TwoPublished, Resumed(0, 2), Seen("b", 2)]));

    [Fact]
    public void A_resume_that_says_it_did_not_recover_need_not() => Assert.Empty(Kinds([Live(0), Gone(), .. TwoPublished, Resumed(0, 2, recovered: false), Complete(2)]));

    [Fact]
    public void A_resume_that_does_not_say_whether_it_recovered_counts_as_one_that_did() =>
        Assert.Equal([FindingKind.Lost, FindingKind.SilentGap], Kinds([Live(0), Gone(), .. TwoPublished, Resumed(0, 2, recovered: null), Complete(2)]));

    [Fact]
    public void A_resume_into_another_epoch_must_be_told() =>
        Assert.Equal([FindingKind.SilentGap], Kinds([Live(0), Gone(), Resumed(0, 0, epoch: "e2")]));

    [Fact]
    public void An_event_of_another_epoch_must_be_told()
    {
        HistoryEntry[] publish = [Invoked("a"), Acked("a", 1, epoch: "e2")];
        Assert.Equal([FindingKind.SilentGap], Kinds([Live(0), .. publish, Seen("a", 1, epoch: "e2")]));
        Assert.Empty(Kinds([Live(0), .. publish, Gap(1, 0, "e2"), Seen("a", 1, epoch: "e2")]));
    }

    [Fact]
    public void The_same_event_twice_in_one_subscription_is_repeated() =>
        Assert.Equal([FindingKind.Repeated], Kinds([Live(0), .. TwoPublished, Seen("a", 1), Seen("b", 2), Seen("b", 2), .. TwoStored]));

    [Fact]
    public void A_resume_that_brings_what_the_client_had_repeats() =>
        Assert.Equal([FindingKind.Repeated], Kinds([Live(0), .. TwoPublished, Seen("a", 1), Gone(), Resumed(1, 2), Seen("a", 1), Seen("b", 2), .. TwoStored]));

    [Fact]
    public void A_client_that_asks_for_old_events_again_gets_them_again() =>
        Assert.Empty(Kinds([Live(0), .. TwoPublished, Seen("a", 1), Seen("b", 2), Gone(), Resumed(0, 2), Seen("a", 1), Seen("b", 2), .. TwoStored]));

    [Fact]
    public void One_id_at_two_places_is_repeated() =>
        Assert.Equal([FindingKind.Repeated], Kinds([Invoked("a"), Acked("a", 1), Invoked("a"), Acked("a", 2, duplicate: true), Journal(2), Stored("a", 1), Stored("a", 2)])
            .Where(static kind => kind != FindingKind.Lost));

    [Fact]
    public void One_id_acknowledged_as_new_twice_is_repeated() =>
        Assert.Equal([FindingKind.Repeated], Kinds([Invoked("a"), Acked("a", 1), Invoked("a"), Acked("a", 1), Journal(1), Stored("a", 1)]));

    [Fact]
    public void A_retry_acknowledged_as_a_duplicate_is_right() =>
        Assert.Empty(Kinds([Invoked("a"), Acked("a", 1), Invoked("a"), Acked("a", 1, duplicate: true), Journal(1), Stored("a", 1)]));

    [Fact]
    public void Two_events_the_wrong_way_round_are_reordered() =>
        Assert.Equal([FindingKind.Reordered], Kinds([Live(0), .. TwoPublished, Seen("b", 2), Seen("a", 1), .. TwoStored]));

    [Fact]
    public void A_publish_placed_before_one_that_was_acknowledged_before_it_began_is_reordered() =>
        Assert.Equal([FindingKind.Reordered], Kinds([Invoked("a"), Acked("a", 2), Invoked("b"), Acked("b", 1), Journal(2), Stored("b", 1), Stored("a", 2)]));

    [Fact]
    public void Publishes_in_flight_together_may_come_in_either_order() =>
        Assert.Empty(Kinds([Invoked("a"), Invoked("b"), Acked("a", 2), Acked("b", 1), Journal(2), Stored("b", 1), Stored("a", 2)]));

    [Fact]
    public void What_nobody_published_is_a_phantom()
    {
        Assert.Equal([FindingKind.Phantom], Kinds(Live(0), Seen("a", 1)));
        Assert.Equal([FindingKind.Phantom], Kinds(Journal(1), Stored("a", 1)));
        Assert.Equal([FindingKind.Phantom], Kinds(Acked("a", 1)));
        Assert.Equal([FindingKind.Phantom], Kinds(Live(0), Seen("a", 1), Invoked("a")));
    }

    [Fact]
    public void What_was_refused_for_good_is_a_phantom_when_it_comes_all_the_same()
    {
        Assert.Equal([FindingKind.Phantom], Kinds(Invoked("a"), Refused("a", retryable: false), Journal(1), Stored("a", 1)));
        Assert.Empty(Kinds(Invoked("a"), Refused("a", retryable: true), Journal(1), Stored("a", 1)));
        Assert.Empty(Kinds(Invoked("a"), Refused("a", retryable: false), Invoked("a"), Journal(1), Stored("a", 1)));
    }

    [Fact]
    public void An_event_without_a_subscription_is_a_phantom() => Assert.Equal([FindingKind.Phantom], Kinds(Invoked("a"), Acked("a", 1), Seen("a", 1)));

    [Fact]
    public void Two_events_at_one_place_conflict()
    {
        HistoryEntry[] invoked = [Invoked("a"), Invoked("b"), Live(0, "s1"), Live(0, "s2")];
        Assert.Equal([FindingKind.Conflicting], Kinds([.. invoked, Acked("a", 1), Acked("b", 1)]));
        Assert.Equal([FindingKind.Conflicting], Kinds([.. invoked, Seen("a", 1, "s1"), Seen("b", 1, "s2")]));
        Assert.Equal([FindingKind.Conflicting], Kinds([.. invoked, Seen("a", 1, "s1"), Journal(1), Stored("b", 1)]));
    }

    [Fact]
    public void A_body_that_was_changed_on_the_way_conflicts()
    {
        Assert.Equal([FindingKind.Conflicting], Kinds(Invoked("a"), Acked("a", 1), Live(0), Seen("a", 1) with { Body = "{}" }));
        Assert.Equal([FindingKind.Conflicting], Kinds(Invoked("a"), Live(0), Seen("a", 1) with { Body = "{}" }));
    }

    [Fact]
    public void A_hole_in_the_final_content_is_a_silent_gap()
    {
        Assert.Equal([FindingKind.SilentGap], Kinds(Invoked("a"), Journal(2), Stored("a", 2)));
        Assert.Equal([FindingKind.SilentGap], Kinds(Invoked("a"), Journal(2), Stored("a", 1)));
    }

    [Fact]
    public void Content_stored_twice_or_backwards_is_found()
    {
        Assert.Equal([FindingKind.Repeated], Kinds(Invoked("a"), Journal(1), Stored("a", 1), Stored("a", 1)));
        Assert.Contains(FindingKind.Reordered, Kinds(Invoked("a"), Invoked("b"), Journal(2), Stored("b", 2), Stored("a", 1)));
        Assert.Contains(FindingKind.Conflicting, Kinds(Invoked("a"), Journal(1), Stored("a", 1, "e2")));
    }

    [Fact]
    public void A_claim_to_have_everything_needs_a_subscription() => Assert.Equal([FindingKind.SilentGap], Kinds(Live(0), Gone(), Complete(0)));

    [Fact]
    public void A_jump_of_any_width_is_one_finding() =>
        Assert.Equal(FindingKind.SilentGap, Assert.Single(HistoryChecker.Check([Invoked("a"), Live(0), Seen("a", long.MaxValue - 1)]).Findings).Kind);

    [Fact]
    public void Channels_are_apart()
    {
        HistoryEntry[] other = [.. TwoPublished.Select(static entry => entry with { Channel = "topics/u" })];
        Assert.Empty(Kinds([.. TwoPublished, .. other]));
    }

    [Fact]
    public void A_history_that_uses_one_id_for_two_events_or_has_no_head_is_refused()
    {
        Assert.Throws<InvalidDataException>(() => HistoryChecker.Check([Invoked("a"), Invoked("a") with { Body = "{}" }]));
        Assert.Throws<InvalidDataException>(() => HistoryChecker.Check([Stored("a", 1)]));
        Assert.Throws<InvalidDataException>(() => HistoryChecker.Check([Journal(0), Journal(0)]));
    }
}
