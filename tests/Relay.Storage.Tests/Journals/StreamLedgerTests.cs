using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Tests.Support;

namespace Relay.Storage.Tests.Journals;

/// <summary>Who may write and what follows what, as plain data.</summary>
public sealed class StreamLedgerTests
{
    [Fact]
    public void A_new_ledger_is_a_stream_that_nobody_opened()
    {
        var ledger = new StreamLedger();
        Assert.Equal(new StreamState(0, 0, 1, 0, 0), ledger.State);
        Assert.Equal(("", 0L, false, false), (ledger.Name, ledger.Id, ledger.IsDirty, ledger.IsDoubtful));
    }

    [Fact]
    public void Opening_gives_an_epoch_once_and_writes_only_what_changed()
    {
        var ledger = new StreamLedger();
        Assert.Equal(new JournalResult(JournalOutcome.Done, new StreamState(7, 0, 1, 0, 0)), ledger.Open(Make.Open("s", epoch: 7)));
        Assert.True(ledger.IsDirty);
        ledger.IsDirty = false;
        Assert.Equal(7ul, ledger.Open(Make.Open("s", epoch: 8)).State.Epoch);
        Assert.False(ledger.IsDirty);
        Assert.Equal(3, ledger.Open(Make.Open("s", fence: 3)).State.Fence);
        Assert.True(ledger.IsDirty);
    }

    [Fact]
    public void A_lower_fence_is_told_both_numbers_and_changes_nothing()
    {
        var ledger = Running(head: 2, fence: 5);
        var before = ledger.State;
        var open = ledger.Open(Make.Open("s", fence: 4, epoch: 9));
        Assert.Equal(Verdict.Refuse, ledger.Judge(Make.Append("s", 3, fence: 4), out var append));
        Assert.False(ledger.TryRule(new PruneStream { Stream = "s", Fence = 4 }, out var prune));
        Assert.All(new[] { open, append, prune }, refusal =>
        {
            Assert.Equal((JournalOutcome.Fenced, before), (refusal.Outcome, refusal.State));
            Assert.Equal("fence 4 is lower than 5, which the stream has seen: it has another owner", refusal.Reason);
        });
        Assert.Equal((before, false), (ledger.State, ledger.IsDirty));
    }

    [Fact]
    public void A_fence_as_high_as_the_one_seen_may_do_everything()
    {
        var ledger = Running(head: 2, fence: 5);
        Assert.True(ledger.Open(Make.Open("s", fence: 5)).IsDone);
        Assert.Equal(Verdict.Accept, ledger.Judge(Make.Append("s", 3, fence: 5), out _));
        Assert.True(ledger.TryRule(new PruneStream { Stream = "s", Fence = 5 }, out var refusal));
        Assert.Equal(default, refusal);
        Assert.False(ledger.IsDirty);
    }

    [Fact]
    public void A_higher_fence_is_remembered_by_every_write()
    {
        var ledger = Running(head: 2, fence: 5);
        Assert.True(ledger.TryRule(new PruneStream { Stream = "s", Fence = 6 }, out _));
        Assert.Equal((6L, true), (ledger.Fence, ledger.IsDirty));
        Assert.Equal(new StreamState(Make.Epoch, 4, 1, 7, Make.Seconds(4)), ledger.Accept(Make.Append("s", 3, 2, fence: 7)).State);
    }

    [Theory]
    [InlineData(3, 2, Verdict.Accept)]
    [InlineData(4, 1, Verdict.Refuse)]
    [InlineData(2, 1, Verdict.Compare)]
    [InlineData(1, 2, Verdict.Compare)]
    [InlineData(1, 1, Verdict.Compare)]
    [InlineData(2, 2, Verdict.Refuse)]
    internal void An_append_follows_the_head_or_may_be_a_repeat_or_is_refused(long first, int count, Verdict expected)
    {
        var ledger = Running(head: 2, fence: 0);
        Assert.Equal(expected, ledger.Judge(Make.Append("s", first, count), out var refusal));
        Assert.Equal(expected == Verdict.Accept ? null : $"the stream's head is 2, the append begins with {first}", refusal.Reason);
        Assert.Equal(expected == Verdict.Accept ? JournalOutcome.Done : JournalOutcome.Conflict, refusal.Outcome);
    }

    [Fact]
    public void An_append_of_another_epoch_is_a_conflict_that_names_both()
    {
        Assert.Equal(Verdict.Refuse, Running(head: 2, fence: 0).Judge(Make.Append("s", 3, epoch: 9), out var refusal));
        Assert.Equal((JournalOutcome.Conflict, $"the stream is in epoch {Make.Epoch}, the append in 9"), (refusal.Outcome, refusal.Reason));
    }

    [Fact]
    public void A_doubtful_stream_shows_no_state_takes_no_append_and_gets_another_epoch_with_its_records()
    {
        var ledger = Running(head: 2, fence: 1);
        ledger.IsDoubtful = true;
        Assert.Equal(default, ledger.State);
        Assert.Equal(Verdict.Refuse, ledger.Judge(Make.Append("s", 3, fence: 1), out var refusal));
        Assert.Equal((JournalOutcome.Conflict, "the stream was not opened"), (refusal.Outcome, refusal.Reason));
        Assert.Equal(new StreamState(9, 2, 1, 1, Make.Seconds(2)), ledger.Open(Make.Open("s", fence: 1, epoch: 9)).State);
        Assert.Equal((false, true), (ledger.IsDoubtful, ledger.IsDirty));
    }

    [Fact]
    public void A_stream_that_nobody_opened_takes_no_append_whatever_its_epoch()
    {
        Assert.Equal(Verdict.Refuse, new StreamLedger().Judge(Make.Append("s", 1, epoch: 0), out var refusal));
        Assert.Equal("the stream was not opened", refusal.Reason);
    }

    [Fact]
    public void A_new_life_begins_at_nothing_and_keeps_the_fence()
    {
        var ledger = Running(head: 2, fence: 5);
        ledger.First = 2;
        ledger.IsDoubtful = true;
        Assert.Equal(new JournalResult(JournalOutcome.Done, new StreamState(9, 0, 1, 5, 0)), ledger.Renew(9));
        Assert.Equal((false, true), (ledger.IsDoubtful, ledger.IsDirty));
    }

    [Fact]
    public void A_removed_stream_is_one_that_nobody_opened_and_its_fence_is_gone()
    {
        var ledger = Running(head: 2, fence: 5);
        ledger.First = 2;
        ledger.IsDoubtful = true;
        Assert.Equal(new JournalResult(JournalOutcome.Done, new StreamState(0, 0, 1, 0, 0)), ledger.Remove());
        Assert.Equal((false, true), (ledger.IsDoubtful, ledger.IsDirty));
    }

    [Fact]
    public void The_window_only_moves_forward()
    {
        var ledger = Running(head: 5, fence: 0);
        ledger.MoveFirst(1);
        Assert.False(ledger.IsDirty);
        ledger.MoveFirst(3);
        Assert.Equal((3L, true), (ledger.First, ledger.IsDirty));
        ledger.MoveFirst(2);
        Assert.Equal(3, ledger.First);
    }

    private static StreamLedger Running(long head, long fence) => new() { Epoch = Make.Epoch, Head = head, Fence = fence, LastMicros = Make.Seconds(head) };
}
