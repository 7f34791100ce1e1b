using System.Diagnostics.Metrics;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>The queue in front of a store, without a store: what goes together, what is refused, what is told and counted.</summary>
public sealed class GroupCommitterTests : IDisposable
{
    private readonly Meter _meter = new(JournalMetrics.MeterName);
    private readonly CounterSums _counts;
    private readonly MeterListener _histograms = new();
    private readonly List<int> _writes = [];
    private readonly List<GroupCommitter> _made = [];
    private readonly List<string> _groups = [];
    private int _durations;

    public GroupCommitterTests()
    {
        _counts = new CounterSums(_meter);
        _histograms.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, _meter))
                listener.EnableMeasurementEvents(instrument);
        };
        _histograms.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (instrument.Unit == "s")
                _durations++;
            else
                _writes.Add((int)value);
        });
        _histograms.Start();
    }

    public void Dispose()
    {
        _made.ForEach(static one => one.Dispose());
        _histograms.Dispose();
        _counts.Dispose();
        _meter.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_that_waits_goes_together_in_the_order_of_the_calls_up_to_the_size_of_a_group(bool blocking)
    {
        var queue = New(new JournalLimits { GroupRecords = 4 });
        var answers = new[] { 3, 1, 1, 6, 2, 2, 1 }.Select((records, i) => queue.Add(Make.Append("s" + i, 1, records)).AsTask()).ToArray();
        queue.Close();
        await RunAsync(queue, blocking);
        Assert.Equal(["s0 s1", "s2", "s3", "s4 s5", "s6"], _groups);
        Assert.All(await Task.WhenAll(answers), static result => Assert.True(result.IsDone));
        Assert.Equal((7L, 16L), (_counts["relay.journal.appends store=test"], _counts["relay.journal.records store=test"]));
        Assert.Equal([2, 1, 1, 2, 1], _writes);
        Assert.Equal(5, _durations);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_queue_that_is_full_of_records_refuses_at_once_and_takes_as_many_as_went_out_of_it(bool blocking)
    {
        var queue = New(new JournalLimits { QueuedRecords = 4 });
        Fill(queue, Make.Append("a", 1, 9));
        AssertBusy(queue.Add(Make.Append("b", 1)), $"the store: 9 records ({Bytes(9)} bytes) are waiting already");
        var more = true;
        await RunAsync(queue, blocking, _ =>
        {
            if (more)
            {
                more = false;
                Fill(queue, Make.Append("c", 1, 3), Make.Append("d", 1, 1));
                AssertBusy(queue.Add(Make.Append("e", 1)), $"the store: 4 records ({Bytes(3) + Bytes(1)} bytes) are waiting already");
                queue.Close();
            }
        });
        Assert.Equal(["a", "c d"], _groups);
        Assert.Equal(2, _counts["relay.journal.refusals store=test outcome=Busy"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_queue_that_is_full_of_bytes_refuses_at_once_and_takes_as_many_as_went_out_of_it(bool blocking)
    {
        var queue = New(new JournalLimits { QueuedBytes = Bytes(3) });
        Fill(queue, Make.Append("a", 1, 4));
        AssertBusy(queue.Add(Make.Append("b", 1)), "are waiting already");
        var more = true;
        await RunAsync(queue, blocking, _ =>
        {
            if (more)
            {
                more = false;
                Fill(queue, Make.Append("c", 1, 2), Make.Append("d", 1, 1));
                AssertBusy(queue.Add(Make.Append("e", 1)), "are waiting already");
                Fill(queue, Make.Open("f"));
                queue.Close();
            }
        });
        Assert.Equal(["a", "c d f"], _groups);
    }

    [Fact]
    public void What_comes_after_the_close_is_refused()
    {
        var queue = New();
        queue.Close();
        var refused = queue.Add(Make.Append("a", 1)).AsTask();
        Assert.True(refused.IsCompletedSuccessfully);
        Assert.Equal(new JournalResult(JournalOutcome.Closed, default, "the store is closed"), refused.Result);
        Assert.Equal(1, _counts["relay.journal.refusals store=test outcome=Closed"]);
    }

    [Fact]
    public void What_no_journal_takes_is_thrown_even_after_the_close()
    {
        var queue = New();
        queue.Close();
        Assert.Throws<ArgumentException>(() => Fill(queue, Make.Open("")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_commit_that_fails_makes_its_whole_group_unavailable_and_no_other(bool blocking)
    {
        var queue = New(new JournalLimits { GroupRecords = 2 });
        var answers = Enumerable.Range(0, 3).Select(i => queue.Add(Make.Append("s" + i, 1)).AsTask()).ToArray();
        queue.Close();
        var fails = true;
        await RunAsync(queue, blocking, _ =>
        {
            if (fails)
            {
                fails = false;
                throw new IOException("the disk is gone");
            }
        });
        var results = await Task.WhenAll(answers);
        Assert.Equal(["s0 s1", "s2"], _groups);
        Assert.All(results[..2], static result => Assert.Equal(new JournalResult(JournalOutcome.Unavailable, default, "the store: the disk is gone"), result));
        Assert.True(results[2].IsDone);
        Assert.Equal(2, _counts["relay.journal.refusals store=test outcome=Unavailable"]);
        Assert.Equal(1, _counts["relay.journal.appends store=test"]);
        Assert.Equal([2, 1], _writes);
        Assert.Equal(2, _durations);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_that_goes_on_stands_behind_what_came_meanwhile_and_is_told_once_all_of_it_is_done(bool blocking)
    {
        var queue = New();
        var prune = queue.Add(new PruneStream { Stream = "prune" }).AsTask();
        var first = queue.Add(Make.Append("a", 1)).AsTask();
        var second = Task.FromResult(default(JournalResult));
        await RunAsync(queue, blocking, group =>
        {
            Assert.All(group, static one => Assert.False(one.HasMore));
            Assert.False(prune.IsCompleted);
            if (_groups.Count == 1)
            {
                group[^1].HasMore = true;
                second = queue.Add(Make.Append("b", 1)).AsTask();
                queue.Close();
            }
        });
        Assert.Equal(["a prune", "b prune"], _groups);
        Assert.All(await Task.WhenAll(prune, first, second), static result => Assert.True(result.IsDone));
        Assert.Equal(2, _counts["relay.journal.records store=test"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_store_refuses_is_told_and_counted_as_it_says(bool blocking)
    {
        var queue = New();
        var answer = queue.Add(Make.Append("a", 1)).AsTask();
        queue.Close();
        await RunAsync(queue, blocking, static _ => { }, new JournalResult(JournalOutcome.Fenced, new StreamState(1, 2, 3, 4, 5), "why"));
        Assert.Equal(new JournalResult(JournalOutcome.Fenced, new StreamState(1, 2, 3, 4, 5), "why"), await answer);
        Assert.Equal((1L, 0L), (_counts["relay.journal.refusals store=test outcome=Fenced"], _counts["relay.journal.appends store=test"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_ill_store_is_tried_with_nothing_until_it_is_well_and_that_is_not_counted(bool blocking)
    {
        var queue = New();
        var probes = 0;
        await RunAsync(
            queue,
            blocking,
            group =>
            {
                Assert.Empty(group);
                if (++probes == 1)
                    throw new IOException("still ill");

                queue.Close();
            },
            isIll: () => probes < 2);
        Assert.Equal(2, probes);
        Assert.Empty(_writes);
        Assert.Equal(0, _durations);
        Assert.Equal(0, _counts["relay.journal.refusals store=test outcome=Unavailable"]);
    }

    [Fact]
    public async Task A_loop_that_waits_is_woken_by_every_write_and_by_the_close()
    {
        var queue = New();
        var running = RunAsync(queue, blocking: false);
        for (var i = 0; i < 5; i++)
            Assert.True((await queue.Add(Make.Append("s" + i, 1))).IsDone);

        queue.Close();
        await running;
        Assert.Equal(["s0", "s1", "s2", "s3", "s4"], _groups);
    }

    [Fact]
    public async Task A_thread_that_waits_is_woken_by_every_write_and_by_the_close()
    {
        var queue = New();
        var thread = new Thread(() => RunAsync(queue, blocking: true).GetAwaiter().GetResult()) { IsBackground = true };
        thread.Start();
        for (var i = 0; i < 5; i++)
            Assert.True((await queue.Add(Make.Append("s" + i, 1))).IsDone);

        queue.Close();
        thread.Join();
        Assert.Equal(["s0", "s1", "s2", "s3", "s4"], _groups);
    }

    private GroupCommitter New(JournalLimits? limits = null)
    {
        var queue = new GroupCommitter(limits ?? new JournalLimits(), "the store", "test", new JournalMetrics(_meter));
        _made.Add(queue);
        return queue;
    }

    /// <summary>Runs until the queue is closed and empty; every commit notes its group's streams.</summary>
    private async Task RunAsync(GroupCommitter queue, bool blocking, Action<List<PendingWrite>>? commit = null, JournalResult result = default, Func<bool>? isIll = null)
    {
        if (blocking)
        {
            queue.RunBlocking(Commit, isIll ?? (static () => false));
            return;
        }

        await queue.RunAsync(
            group =>
            {
                Commit(group);
                return default;
            },
            isIll ?? (static () => false));

        void Commit(List<PendingWrite> group)
        {
            _groups.Add(string.Join(' ', group.Select(static one => one.Stream)));
            group.ForEach(one => one.Result = result);
            commit?.Invoke(group);
        }
    }

    private static void Fill(GroupCommitter queue, params JournalWrite[] writes)
    {
        foreach (var write in writes)
            Assert.False(queue.Add(write).AsTask().IsCompleted);
    }

    private static void AssertBusy(ValueTask<JournalResult> refused, string reason)
    {
        var result = refused.AsTask();
        Assert.True(result.IsCompletedSuccessfully);
        Assert.Equal(JournalOutcome.Busy, result.Result.Outcome);
        Assert.Contains(reason, result.Result.Reason, StringComparison.Ordinal);
    }

    private static long Bytes(int records) => Make.Append("s", 1, records).Records.Sum(static record => (long)RecordFormat.Measure(record));
}
