using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Tests.Support;

namespace Relay.Storage.Tests.Journals;

/// <summary>What every journal does, whatever it writes to. Each store runs all of it; see <see cref="DurableJournalContract"/> for those that outlive the process.</summary>
public abstract class JournalContract : IAsyncLifetime
{
    protected IJournal Journal { get; private set; } = null!;

    protected ISnapshotStore Snapshots => (ISnapshotStore)Journal;

    public async Task InitializeAsync() => Journal = await OpenJournalAsync(new JournalLimits());

    public virtual async Task DisposeAsync() => await Journal.DisposeAsync();

    /// <summary>A journal over the test's own data, the same at every call; the one before was disposed.</summary>
    private protected abstract Task<IJournal> OpenJournalAsync(JournalLimits limits);

    private protected async Task ReopenAsync(JournalLimits? limits = null)
    {
        await Journal.DisposeAsync();
        Journal = await OpenJournalAsync(limits ?? new JournalLimits());
    }

    [Fact]
    public async Task A_new_stream_gets_the_epoch_of_who_opens_it_and_keeps_it()
    {
        var made = await Journal.OpenAsync(Make.Open("room/1", epoch: 7)).DoneAsync();
        var again = await Journal.OpenAsync(Make.Open("room/1", epoch: 8)).DoneAsync();

        Assert.Equal(new StreamState(7, 0, 1, 0, 0), made.State);
        Assert.Equal(made.State, again.State);
    }

    [Fact]
    public async Task Records_come_back_as_they_were_in_order()
    {
        var full = new JournalRecord
        {
            Offset = 1, TimeMicros = 1_700_000_000_123_456, Id = "id-ü", Scope = "publisher", Key = "käy", Flags = 0xFFEEDDCC, Payload = new byte[] { 0, 1, 2, 255, 0 },
        };
        var bare = new JournalRecord { Offset = 2, TimeMicros = 1_700_000_000_123_457 };
        await Journal.OpenAsync(Make.Open("room/1"));
        var result = await Journal.AppendAsync(new AppendBatch { Stream = "room/1", Epoch = Make.Epoch, Records = [full, bare] }).DoneAsync();

        var records = await Journal.AllAsync("room/1");

        Assert.Equal(new StreamState(Make.Epoch, 2, 1, 0, bare.TimeMicros), result.State);
        Assert.Equal(2, records.Length);
        Assert.Equal(full.Payload.ToArray(), records[0].Payload.ToArray());
        Assert.Equal(full with { Payload = default }, records[0] with { Payload = default });
        Assert.Equal(bare, records[1] with { Payload = default });
        Assert.True(records[1].Payload.IsEmpty);
    }

    [Fact]
    public async Task Appends_in_flight_take_effect_in_the_order_of_the_calls()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        var appends = Enumerable.Range(0, 200).Select(i => Journal.AppendAsync(Make.Append("room/1", (3 * i) + 1, 3)).AsTask()).ToArray();

        var results = await Task.WhenAll(appends);

        Assert.All(results, static result => Assert.Equal(JournalOutcome.Done, result.Outcome));
        Assert.Equal(Enumerable.Range(1, 600).Select(static i => (long)i), (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task Streams_do_not_mix()
    {
        string[] streams = ["a", "b", "a/b", "ä"];
        await Task.WhenAll(streams.Select(stream => Journal.OpenAsync(Make.Open(stream)).AsTask()));
        await Task.WhenAll(streams.SelectMany((stream, n) => Enumerable.Range(1, n + 1).Select(i => Journal.AppendAsync(Make.Append(stream, i)).DoneAsync())));

        for (var n = 0; n < streams.Length; n++)
            Assert.Equal(n + 1, (await Journal.AllAsync(streams[n])).Length);
    }

    [Fact]
    public async Task An_append_to_a_stream_that_nobody_opened_is_a_conflict()
    {
        var result = await Journal.AppendAsync(Make.Append("room/1", 1));

        Assert.Equal(JournalOutcome.Conflict, result.Outcome);
        Assert.False(result.State.Exists);
        Assert.Empty(await Journal.AllAsync("room/1"));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(3)]
    [InlineData(1)]
    public async Task An_append_that_does_not_follow_the_head_is_a_conflict_and_stores_nothing(long first)
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 3)).DoneAsync();

        var result = await Journal.AppendAsync(Make.Append("room/1", first, 2, record: static offset => Make.Record(offset) with { Flags = 9 }));

        Assert.Equal(JournalOutcome.Conflict, result.Outcome);
        Assert.Equal(3, result.State.Head);
        Assert.All(await Journal.AllAsync("room/1"), static record => Assert.Equal(0u, record.Flags));
    }

    [Fact]
    public async Task A_refused_append_refuses_those_behind_it_that_build_on_it()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        var wrong = Journal.AppendAsync(Make.Append("room/1", 1, epoch: 99));
        var next = Journal.AppendAsync(Make.Append("room/1", 2));

        Assert.Equal(JournalOutcome.Conflict, (await wrong).Outcome);
        Assert.Equal(JournalOutcome.Conflict, (await next).Outcome);
        Assert.Empty(await Journal.AllAsync("room/1"));
    }

    [Fact]
    public async Task A_lower_fence_is_refused_and_a_higher_one_is_remembered()
    {
        await Journal.OpenAsync(Make.Open("room/1", fence: 5)).DoneAsync();
        await Journal.AppendAsync(Make.Append("room/1", 1, fence: 5)).DoneAsync();
        var taken = await Journal.OpenAsync(Make.Open("room/1", fence: 6)).DoneAsync();
        Assert.Equal((1L, 6L), (taken.State.Head, taken.State.Fence));

        var stale = await Journal.AppendAsync(Make.Append("room/1", 2, fence: 5));
        var staleOpen = await Journal.OpenAsync(Make.Open("room/1", fence: 5));
        var stalePrune = await Journal.PruneAsync(new PruneStream { Stream = "room/1", Fence = 5, KeepRecords = 0 });
        var staleRenew = await Journal.RenewAsync(new RenewStream { Stream = "room/1", Fence = 5, Epoch = 3 });
        await Journal.AppendAsync(Make.Append("room/1", 2, fence: 7)).DoneAsync();
        var late = await Journal.AppendAsync(Make.Append("room/1", 3, fence: 6));

        Assert.All(new[] { stale, staleOpen, stalePrune, staleRenew, late }, static result => Assert.Equal(JournalOutcome.Fenced, result.Outcome));
        Assert.Equal([1, 2], (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task The_fence_holds_against_appends_that_were_handed_over_with_the_new_owners_opening()
    {
        await Journal.OpenAsync(Make.Open("room/1", fence: 1)).DoneAsync();
        var before = Journal.AppendAsync(Make.Append("room/1", 1, fence: 1));
        var open = Journal.OpenAsync(Make.Open("room/1", fence: 2));
        var after = Journal.AppendAsync(Make.Append("room/1", 2, fence: 1));

        Assert.Equal(JournalOutcome.Done, (await before).Outcome);
        Assert.Equal(1, (await open).State.Head);
        Assert.Equal(JournalOutcome.Fenced, (await after).Outcome);
    }

    [Fact]
    public async Task A_repeated_append_is_stored_once()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 3)).DoneAsync();
        await Journal.AppendAsync(Make.Append("room/1", 4, 2)).DoneAsync();

        var last = await Journal.AppendAsync(Make.Append("room/1", 4, 2));
        var earlier = await Journal.AppendAsync(Make.Append("room/1", 1, 3));

        Assert.Equal(JournalOutcome.Repeated, last.Outcome);
        Assert.Equal(JournalOutcome.Repeated, earlier.Outcome);
        Assert.True(last.IsDone);
        Assert.Equal([1, 2, 3, 4, 5], (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task A_repeat_within_one_group_is_stored_once()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        var both = await Task.WhenAll(Journal.AppendAsync(Make.Append("room/1", 1, 2)).AsTask(), Journal.AppendAsync(Make.Append("room/1", 1, 2)).AsTask());

        Assert.Equal([JournalOutcome.Done, JournalOutcome.Repeated], both.Select(static result => result.Outcome));
        Assert.Equal([1, 2], (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task A_renewed_stream_begins_again_in_its_new_epoch_only()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 3, record: static offset => Make.Record(offset) with { Id = "i" + offset, Key = "k" })).DoneAsync();

        var renewed = await Journal.RenewAsync(new RenewStream { Stream = "room/1", Epoch = 77 }).DoneAsync();

        Assert.Equal(new StreamState(77, 0, 1, 0, 0), renewed.State);
        Assert.Equal(JournalOutcome.Conflict, (await Journal.AppendAsync(Make.Append("room/1", 4))).Outcome);
        Assert.Empty(await Journal.AllAsync("room/1"));
        Assert.Empty(await Journal.ReadIdsAsync("room/1", 0, 100));
        Assert.Empty(await Journal.ReadLastValuesAsync("room/1", 100));
        await Journal.AppendAsync(Make.Append("room/1", 1, epoch: 77)).DoneAsync();
        Assert.Equal([1], (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task A_removed_stream_is_gone_and_begins_anew_when_it_is_opened()
    {
        await Journal.OpenAsync(Make.Open("room/1", fence: 4));
        await Journal.AppendAsync(Make.Append("room/1", 1, 3, fence: 4, record: static offset => Make.Record(offset) with { Id = "i" + offset, Key = "k" })).DoneAsync();
        await Snapshots.SaveSnapshotAsync(new Snapshot("room/1", Make.Epoch, 3, 0, new byte[] { 1 })).DoneAsync();

        Assert.Equal(JournalOutcome.Fenced, (await Journal.RemoveAsync(new RemoveStream { Stream = "room/1", Fence = 3 })).Outcome);
        var together = await Task.WhenAll(
            Journal.RemoveAsync(new RemoveStream { Stream = "room/1", Fence = 4 }).DoneAsync(),
            Journal.OpenAsync(Make.Open("room/1", fence: 5, epoch: 9)).DoneAsync(),
            Journal.AppendAsync(Make.Append("room/1", 1, fence: 5, epoch: 9)).DoneAsync());

        Assert.Equal(new StreamState(9, 1, 1, 5, Make.Seconds(1)), together[2].State);
        Assert.Equal([1], (await Journal.AllAsync("room/1")).Offsets());
        Assert.Empty(await Journal.ReadIdsAsync("room/1", 0, 10));
        Assert.Empty(await Journal.ReadLastValuesAsync("room/1", 10));
        Assert.Null(await Snapshots.LoadSnapshotAsync("room/1"));

        await Journal.RemoveAsync(new RemoveStream { Stream = "room/1", Fence = 5 }).DoneAsync();
        await Journal.RemoveAsync(new RemoveStream { Stream = "nobody" }).DoneAsync();
        Assert.Equal(JournalOutcome.Conflict, (await Journal.AppendAsync(Make.Append("room/1", 2, fence: 5, epoch: 9))).Outcome);
        Assert.Empty(await Journal.ListAsync("", 10));
    }

    [Fact]
    public async Task Reading_by_offset_by_count_and_by_time_gives_the_right_part()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 500)).DoneAsync();
        var read = new ReadRecords { Stream = "room/1" };

        Assert.Equal([11, 12, 13], (await Journal.ReadAsync(read with { AfterOffset = 10, Limit = 3 })).Offsets());
        Assert.Equal([498, 499, 500], (await Journal.ReadAsync(read with { Limit = 3, Newest = true })).Offsets());
        Assert.Equal([450, 451], (await Journal.ReadAsync(read with { SinceMicros = Make.Seconds(450), Limit = 2 })).Offsets());
        Assert.Equal([451, 452], (await Journal.ReadAsync(read with { SinceMicros = Make.Seconds(450) + 1, Limit = 2 })).Offsets());
        Assert.Equal([499, 500], (await Journal.ReadAsync(read with { SinceMicros = Make.Seconds(499), Limit = 20, Newest = true })).Offsets());
        Assert.Equal([401, 402], (await Journal.ReadAsync(read with { SinceMicros = Make.Seconds(300), AfterOffset = 400, Limit = 2 })).Offsets());
        Assert.Empty(await Journal.ReadAsync(read with { SinceMicros = Make.Seconds(501) }));
        Assert.Empty(await Journal.ReadAsync(read with { AfterOffset = 500 }));
        Assert.Empty(await Journal.ReadAsync(read with { Stream = "nobody" }));
    }

    [Fact]
    public async Task Pruning_by_length_and_by_age_moves_the_window_and_not_the_head()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 100)).DoneAsync();

        var byLength = await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 40 }).DoneAsync();
        Assert.Equal((100L, 61L), (byLength.State.Head, byLength.State.First));
        var byAge = await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 40, KeepSinceMicros = Make.Seconds(91) }).DoneAsync();
        Assert.Equal((100L, 91L), (byAge.State.Head, byAge.State.First));
        Assert.Equal(10, (await Journal.AllAsync("room/1")).Length);
        Assert.Equal([91, 92], (await Journal.ReadAsync(new ReadRecords { Stream = "room/1", Limit = 2 })).Offsets());

        var all = await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 0 }).DoneAsync();
        Assert.Equal((100L, 101L), (all.State.Head, all.State.First));
        Assert.Empty(await Journal.AllAsync("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 101)).DoneAsync();
        Assert.Equal([101], (await Journal.AllAsync("room/1")).Offsets());
        Assert.Equal(101, (await Journal.OpenAsync(Make.Open("room/1")).DoneAsync()).State.First);
    }

    [Fact]
    public async Task Known_ids_outlive_their_records_by_number_and_by_age()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 30, record: static offset =>
            offset % 3 == 0 ? Make.Record(offset) with { Id = "id" + offset, Scope = offset % 2 == 0 ? "even" : null } : Make.Record(offset))).DoneAsync();

        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 2, KeepIds = 6 }).DoneAsync();
        var byNumber = await Journal.ReadIdsAsync("room/1", 0, 100);
        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 2, KeepIds = 6, KeepIdsSinceMicros = Make.Seconds(24) }).DoneAsync();
        var byAge = await Journal.ReadIdsAsync("room/1", 0, 100);

        Assert.Equal([15, 18, 21, 24, 27, 30], byNumber.Select(static id => id.Offset));
        Assert.Equal(new KnownId("even", "id18", 18, Make.Seconds(18)), byNumber[1]);
        Assert.Equal(new KnownId("", "id21", 21, Make.Seconds(21)), byNumber[2]);
        Assert.Equal([24, 27, 30], byAge.Select(static id => id.Offset));
        Assert.Equal([27, 30], (await Journal.ReadIdsAsync("room/1", 0, 2)).Select(static id => id.Offset));
        Assert.Equal([30], (await Journal.ReadIdsAsync("room/1", Make.Seconds(28), 9)).Select(static id => id.Offset));
        Assert.Equal([29, 30], (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task Last_values_outlive_their_neighbours()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 20, record: static offset => Make.Record(offset) with { Key = offset <= 10 ? "k" + (offset % 5) : null })).DoneAsync();

        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 3, KeepKeys = 3 }).DoneAsync();
        var values = await Journal.ReadLastValuesAsync("room/1", 100);

        Assert.Equal([8, 9, 10], values.Offsets());
        Assert.Equal(["k3", "k4", "k0"], values.Select(static value => value.Key));
        Assert.Equal(Make.Payload(9), values[1].Payload.ToArray());
        Assert.Equal([9, 10], (await Journal.ReadLastValuesAsync("room/1", 2)).Offsets());
        Assert.Equal([18, 19, 20], (await Journal.AllAsync("room/1")).Offsets());

        await Journal.AppendAsync(Make.Append("room/1", 21, record: static offset => Make.Record(offset) with { Key = "k4" })).DoneAsync();
        Assert.Equal([8, 10, 21], (await Journal.ReadLastValuesAsync("room/1", 100)).Offsets());
    }

    [Fact]
    public async Task Last_values_are_those_of_the_newest_keys_also_where_known_ids_keep_older_records_of_forgotten_ones()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 20, record: static offset =>
            Make.Record(offset) with { Key = offset <= 10 ? "k" + (offset % 5) : null, Id = offset <= 5 ? "i" + offset : null })).DoneAsync();

        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 3, KeepKeys = 3, KeepIds = 100 }).DoneAsync();
        Assert.Equal([8, 9, 10], (await Journal.ReadLastValuesAsync("room/1", 3)).Offsets());
        Assert.Equal(5, (await Journal.ReadIdsAsync("room/1", 0, 100)).Length);

        await Journal.AppendAsync(Make.Append("room/1", 21, record: static offset => Make.Record(offset) with { Key = "k1" })).DoneAsync();
        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 1, KeepKeys = 3, KeepIds = 100 }).DoneAsync();
        var values = await Journal.ReadLastValuesAsync("room/1", 3);
        Assert.Equal([9, 10, 21], values.Offsets());
        Assert.Equal(Make.Payload(9), values[0].Payload.ToArray());

        await Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 1 }).DoneAsync();
        Assert.Equal([21], (await Journal.ReadLastValuesAsync("room/1", 100)).Offsets());
    }

    [Fact]
    public async Task Pruning_goes_on_under_traffic_and_loses_nothing_of_the_window()
    {
        const int Rounds = 40;
        const int PerRound = 250;
        await Journal.OpenAsync(Make.Open("room/1"));
        var writes = new List<Task<JournalResult>>();
        for (var round = 0; round < Rounds; round++)
        {
            writes.Add(Journal.AppendAsync(Make.Append("room/1", (round * PerRound) + 1, PerRound)).DoneAsync());
            writes.Add(Journal.PruneAsync(new PruneStream { Stream = "room/1", KeepRecords = 300 }).DoneAsync());
        }

        await Task.WhenAll(writes);

        var expected = Enumerable.Range((Rounds * PerRound) - 299, 300).Select(static i => (long)i);
        Assert.Equal(expected, (await Journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task A_list_of_streams_goes_on_behind_the_last_name()
    {
        foreach (var name in new[] { "list/c", "list/a", "list/ä", "list/b" })
            await Journal.OpenAsync(Make.Open(name)).DoneAsync();
        await Journal.AppendAsync(Make.Append("list/b", 1, 2)).DoneAsync();

        var first = await Journal.ListAsync("list/", 2);
        var rest = await Journal.ListAsync(first[^1].Stream, 10);

        Assert.Equal(["list/a", "list/b"], first.Select(static entry => entry.Stream));
        Assert.Equal(new StreamState(Make.Epoch, 2, 1, 0, Make.Seconds(2)), first[1].State);
        Assert.Equal(["list/c", "list/ä"], rest.Select(static entry => entry.Stream));
    }

    [Fact]
    public async Task Recovery_gives_head_window_ids_and_last_values_at_once()
    {
        await Journal.OpenAsync(Make.Open("room/1", fence: 1));
        await Journal.AppendAsync(Make.Append("room/1", 1, 50, fence: 1, record: static offset => Make.Record(offset) with { Id = "i" + offset, Key = "k" + (offset % 2) })).DoneAsync();

        var recovery = await Journal.RecoverAsync(new RecoverStream
        {
            Open = Make.Open("room/1", fence: 2), Records = 10, RecordsSinceMicros = Make.Seconds(45), Ids = 7, IdsSinceMicros = 0, Keys = 10,
        });

        Assert.Equal(new StreamState(Make.Epoch, 50, 1, 2, Make.Seconds(50)), recovery.Opened.State);
        Assert.Equal([45, 46, 47, 48, 49, 50], recovery.Records.Offsets());
        Assert.Equal([44, 45, 46, 47, 48, 49, 50], recovery.Ids.Select(static id => id.Offset));
        Assert.Equal([49, 50], recovery.LastValues.Offsets());
        Assert.Equal(JournalOutcome.Fenced, (await Journal.RecoverAsync(new RecoverStream { Open = Make.Open("room/1", fence: 1) })).Opened.Outcome);
    }

    [Theory]
    [InlineData(50, 0, 100, 0, "1-50")]
    [InlineData(50, 0, 7, 0, "44-50")]
    [InlineData(50, 0, 100, 48, "48-50")]
    [InlineData(10, 0, 100, 0, "1-50")]
    [InlineData(10, 0, 10, 0, "41-50")]
    [InlineData(10, 0, 20, 35, "35-50")]
    [InlineData(50, 60, 100, 0, "1-50")]
    [InlineData(0, 0, 3, 0, "48-50")]
    [InlineData(50, 0, 0, 0, "")]
    public async Task Recovery_gives_the_known_ids_within_the_window_and_before_it(int records, int recordsSince, int ids, int idsSince, string expected)
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 50, record: static offset => Make.Record(offset) with { Id = "i" + offset, Scope = "s" })).DoneAsync();
        var recovery = await Journal.RecoverAsync(new RecoverStream
        {
            Open = Make.Open("room/1"), Records = records, RecordsSinceMicros = Make.Seconds(recordsSince), Ids = ids, IdsSinceMicros = Make.Seconds(idsSince),
        });
        var offsets = recovery.Ids.Select(static id => id.Offset).ToArray();
        Assert.Equal(expected, offsets.Length == 0 ? "" : $"{offsets[0]}-{offsets[^1]}");
        Assert.Equal(offsets.Length == 0 ? 0 : offsets[^1] - offsets[0] + 1, offsets.Length);
        Assert.All(recovery.Ids, static id => Assert.Equal(new KnownId("s", "i" + id.Offset, id.Offset, Make.Seconds(id.Offset)), id));
    }

    [Fact]
    public async Task Snapshots_keep_the_newest_of_a_life()
    {
        var snapshot = new Snapshot("actor/1", 5, 10, 123, new byte[] { 1, 2, 3 });
        await Snapshots.SaveSnapshotAsync(snapshot).DoneAsync();
        await Snapshots.SaveSnapshotAsync(snapshot with { SequenceNr = 9, Payload = new byte[] { 9 } }).DoneAsync();

        var loaded = await Snapshots.LoadSnapshotAsync("actor/1");
        Assert.NotNull(loaded);
        Assert.Equal((5ul, 10L, 123L), (loaded.Epoch, loaded.SequenceNr, loaded.TimeMicros));
        Assert.Equal([1, 2, 3], loaded.Payload.ToArray());

        await Snapshots.SaveSnapshotAsync(snapshot with { Epoch = 6, SequenceNr = 1 }).DoneAsync();
        Assert.Equal(1, (await Snapshots.LoadSnapshotAsync("actor/1"))?.SequenceNr);
        await Snapshots.DeleteSnapshotAsync("actor/1").DoneAsync();
        Assert.Null(await Snapshots.LoadSnapshotAsync("actor/1"));
    }

    [Fact]
    public async Task What_no_journal_could_take_is_thrown_at_once()
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.AppendAsync(new AppendBatch { Stream = "s", Epoch = 1, Records = [] }));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.AppendAsync(new AppendBatch { Stream = "s", Epoch = 1, Records = [Make.Record(1), Make.Record(3)] }));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.AppendAsync(Make.Append("s", 0)));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.OpenAsync(Make.Open("")));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.OpenAsync(Make.Open("a\0b")));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.OpenAsync(Make.Open("s", epoch: 0)));
    }

    [Fact]
    public async Task A_closed_journal_refuses()
    {
        await Journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        await Journal.DisposeAsync();

        Assert.Equal(JournalOutcome.Closed, (await Journal.AppendAsync(Make.Append("room/1", 1))).Outcome);
    }
}
