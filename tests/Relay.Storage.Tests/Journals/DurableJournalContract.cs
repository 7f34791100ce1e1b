using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Tests.Support;

namespace Relay.Storage.Tests.Journals;

/// <summary>What journals do that keep records outside of the process.</summary>
public abstract class DurableJournalContract : JournalContract
{
    /// <summary>Changes one byte in the middle of a stored record, behind the journal's back.</summary>
    protected abstract Task DamageAsync(string stream, long offset);

    /// <summary>Keeps the store from answering writes until the result is disposed, so that a queue can fill.</summary>
    protected abstract Task<IAsyncDisposable> HoldAsync();

    [Fact]
    public async Task Everything_done_is_there_after_opening_again()
    {
        await Journal.OpenAsync(Make.Open("room/1", fence: 3));
        await Journal.AppendAsync(Make.Append("room/1", 1, 100, fence: 3, record: static offset => Make.Record(offset) with { Id = "i" + offset, Key = "k" + (offset % 3) })).DoneAsync();
        await Journal.PruneAsync(new PruneStream { Stream = "room/1", Fence = 3, KeepRecords = 10, KeepIds = 20, KeepKeys = 3 }).DoneAsync();
        await Snapshots.SaveSnapshotAsync(new Snapshot("room/1", Make.Epoch, 90, 1, new byte[] { 4 })).DoneAsync();

        await ReopenAsync();

        Assert.Equal(JournalOutcome.Fenced, (await Journal.OpenAsync(Make.Open("room/1", fence: 2))).Outcome);
        var opened = await Journal.OpenAsync(Make.Open("room/1", fence: 3, epoch: 99)).DoneAsync();
        Assert.Equal(new StreamState(Make.Epoch, 100, 91, 3, Make.Seconds(100)), opened.State);
        Assert.Equal(Enumerable.Range(91, 10).Select(static i => (long)i), (await Journal.AllAsync("room/1")).Offsets());
        Assert.Equal(20, (await Journal.ReadIdsAsync("room/1", 0, 1000)).Length);
        Assert.Equal([98, 99, 100], (await Journal.ReadLastValuesAsync("room/1", 10)).Offsets());
        Assert.Equal(90, (await Snapshots.LoadSnapshotAsync("room/1"))?.SequenceNr);
        await Journal.AppendAsync(Make.Append("room/1", 101, fence: 3)).DoneAsync();
    }

    [Fact]
    public async Task What_is_queued_when_the_journal_is_closed_is_written()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        var appends = Enumerable.Range(1, 300).Select(i => Journal.AppendAsync(Make.Append("room/1", i)).DoneAsync()).ToArray();

        await ReopenAsync();

        await Task.WhenAll(appends);
        Assert.Equal(300, (await Journal.AllAsync("room/1")).Length);
    }

    [Fact]
    public async Task A_damaged_record_is_never_served()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 5)).DoneAsync();
        await DamageAsync("room/1", 3);

        var error = await Assert.ThrowsAsync<JournalException>(async () => await Journal.AllAsync("room/1"));

        Assert.Contains("record 3 of stream 'room/1' is damaged", error.Message, StringComparison.Ordinal);
        Assert.Contains("Way out", error.Message, StringComparison.Ordinal);
        Assert.False(error.IsRetryable);
        Assert.Equal([4, 5], (await Journal.ReadAsync(new ReadRecords { Stream = "room/1", AfterOffset = 3 })).Offsets());
    }

    [Fact]
    public async Task A_full_queue_refuses_with_a_retryable_answer_and_goes_on_afterwards()
    {
        await ReopenAsync(new JournalLimits { QueuedRecords = 100, GroupRecords = 10 });
        await Journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        var hold = await HoldAsync();
        var appends = Enumerable.Range(1, 200).Select(i => Journal.AppendAsync(Make.Append("room/1", i)).AsTask()).ToArray();
        var busy = await await Task.WhenAny(appends);
        await hold.DisposeAsync();
        var results = await Task.WhenAll(appends);

        Assert.Equal(JournalOutcome.Busy, busy.Outcome);
        Assert.True(busy.IsRetryable);
        Assert.NotNull(busy.Reason);
        var stored = results.Count(static result => result.IsDone);
        Assert.InRange(stored, 100, 199);
        Assert.All(results[..stored], static result => Assert.Equal(JournalOutcome.Done, result.Outcome));

        // The writer may have taken a first group out of the full queue meanwhile: what was queued then does not follow any more.
        Assert.All(results[stored..], static result => Assert.True(result.Outcome is JournalOutcome.Busy or JournalOutcome.Conflict, result.ToString()));
        await Journal.AppendAsync(Make.Append("room/1", stored + 1)).DoneAsync();
        Assert.Equal(stored + 1, (await Journal.AllAsync("room/1")).Length);
    }
}
