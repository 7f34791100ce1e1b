using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests.Persistence;

/// <summary>The edges of persistent actors: what is written exactly, and what is told when something of it fails.</summary>
public sealed class PersistenceRulesTests : IAsyncDisposable
{
    private static readonly JournalResult Refused = new(JournalOutcome.Fenced, default, "it has another owner");

    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly ScriptedJournal _script = new();
    private readonly WatchedJournal _journal;
    private readonly TestProbe _test;

    public PersistenceRulesTests()
    {
        _journal = new WatchedJournal(_script, _script);
        _test = _kit.CreateProbe("test");
    }

    public ValueTask DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public void What_is_written_carries_stream_fence_epoch_place_and_time()
    {
        var puppet = StartNew();
        _kit.Advance(TimeSpan.FromSeconds(2));
        Do(puppet, static one => one.StoreAll([5, 6], _ => { }));
        _kit.RunUntilIdle();
        var now = (_kit.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var open = Assert.IsType<OpenStream>(_journal.Writes[0]);
        var append = Assert.IsType<AppendBatch>(_journal.Writes[1]);
        Assert.Equal(("puppet", 3L, 1ul), (open.Stream, open.Fence, open.EpochIfNew & 1));
        Assert.Equal(("puppet", 3L, open.EpochIfNew), (append.Stream, append.Fence, append.Epoch));
        Assert.Equal([(1L, now), (2L, now)], append.Records.Select(static one => (one.Offset, one.TimeMicros)));
        Do(puppet, static one => one.Save(11));
        _test.ExpectMsg(new SaveSnapshotSuccess(2));
        var saved = Assert.Single(_journal.Saved);
        Assert.Equal(("puppet", open.EpochIfNew, 2L, now), (saved.PersistenceId, saved.Epoch, saved.SequenceNr, saved.TimeMicros));
        Do(puppet, static one => one.Tell(one.SnapshotSequenceNr));
        _test.ExpectMsg(2L);
    }

    [Fact]
    public void A_snapshot_that_is_refused_fails_or_cannot_be_serialized_is_told_with_the_cause()
    {
        var puppet = StartNew();
        _journal.Answer = static () => Refused;
        Do(puppet, static one => one.Save(1));
        Assert.Equal("it has another owner", Failed().Message);
        _journal.Answer = static () => throw new JournalException("gone", isRetryable: true);
        Do(puppet, static one => one.Save(1));
        Assert.Equal("gone", Failed().Message);
        Do(puppet, static one => one.Save("not a number"));
        Assert.IsType<InvalidCastException>(Failed());
        Assert.Equal(2, _journal.Saved.Count);

        Exception Failed()
        {
            var failure = _test.ExpectMsg<SaveSnapshotFailure>();
            Assert.Equal(0, failure.SequenceNr);
            return failure.Cause;
        }
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 0)]
    [InlineData(9, 0)]
    [InlineData(0, 3)]
    public void Dropping_events_keeps_those_behind_them(long upTo, long kept)
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2, 3], _ => { }));
        Do(puppet, one => one.Drop(upTo));
        _test.ExpectMsg(new DeleteMessagesSuccess(upTo));
        var prune = Assert.IsType<PruneStream>(_journal.Writes[^1]);
        Assert.Equal(("puppet", 3L, kept), (prune.Stream, prune.Fence, prune.KeepRecords));
    }

    [Fact]
    public void Events_that_cannot_be_dropped_are_told_with_the_cause()
    {
        var puppet = StartNew();
        _journal.Answer = static () => Refused;
        Do(puppet, static one => one.Drop(7));
        var refused = _test.ExpectMsg<DeleteMessagesFailure>();
        Assert.Equal((7L, "it has another owner"), (refused.ToSequenceNr, refused.Cause.Message));
        _journal.Answer = static () => throw new JournalException("gone", isRetryable: true);
        Do(puppet, static one => one.Drop(8));
        var failed = _test.ExpectMsg<DeleteMessagesFailure>();
        Assert.Equal((8L, "gone"), (failed.ToSequenceNr, failed.Cause.Message));
    }

    [Fact]
    public void Events_that_are_gone_are_not_told_and_the_sequence_goes_on_behind_them()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2, 3], _ => { }));
        Do(puppet, static one => one.Drop(3));
        _test.ExpectMsg(new DeleteMessagesSuccess(3));
        puppet = StopAndStart(puppet);
        _test.ExpectMsg("recovered");
        Do(puppet, static one => one.Store(4, _ => one.Tell(one.LastSequenceNr)));
        _test.ExpectMsg(4L);
    }

    [Fact]
    public void What_stands_behind_the_head_that_was_told_at_the_opening_is_not_replayed()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2], _ => { }));
        _kit.RunUntilIdle();
        _journal.Late = [new JournalRecord { Offset = 3, TimeMicros = 0, Payload = "9"u8.ToArray() }];
        puppet = StopAndStart(puppet);
        Assert.Equal([1, 2], _test.ReceiveN<int>(2));
        _test.ExpectMsg("recovered");
        Do(puppet, static one => one.Tell(one.LastSequenceNr));
        _test.ExpectMsg(2L);
    }

    [Fact]
    public void Replay_reads_on_behind_the_last_event_it_told_and_no_further_than_the_head()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2, 3, 4], _ => { }));
        StopAndStart(puppet, page: 2);
        Assert.Equal([1, 2, 3, 4], _test.ReceiveN<int>(4));
        _test.ExpectMsg("recovered");
        Assert.Equal([("puppet", 0L, 2), ("puppet", 2L, 2)], _journal.Reads.Select(static read => (read.Stream, read.AfterOffset, read.Limit)));
    }

    [Fact]
    public void A_stream_without_events_is_not_read()
    {
        StartNew();
        Assert.Empty(_journal.Reads);
    }

    [Fact]
    public void A_snapshot_of_the_newest_event_is_all_that_is_told()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2], _ => { }));
        Do(puppet, static one => one.Save(3));
        _test.ExpectMsg(new SaveSnapshotSuccess(2));
        puppet = StopAndStart(puppet);
        _test.ExpectMsg(new SnapshotOffer(2, 3));
        _test.ExpectMsg("recovered");
        Assert.Empty(_journal.Reads);
        Do(puppet, static one => one.Tell((one.LastSequenceNr, one.SnapshotSequenceNr)));
        _test.ExpectMsg((2L, 2L));
    }

    [Fact]
    public void An_event_that_cannot_be_read_or_handled_stops_the_actor_and_is_named()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2], _ => { }));
        _kit.RunUntilIdle();
        var next = StopAndStart(puppet, onRecover: static (_, message) =>
        {
            if (message is 2)
                throw new InvalidOperationException("not two");
        });
        _test.Watch(next);
        _test.ExpectMsg(1);
        _test.ExpectMsg("recovery failed at 2: not two");
        _test.ExpectTerminated(next);
        _script.Spoil("puppet");
        next = Start();
        _test.Watch(next);
        Assert.StartsWith("recovery failed at nothing", _test.ExpectMsg<string>(), StringComparison.Ordinal);
        _test.ExpectTerminated(next);
    }

    [Fact]
    public void A_snapshot_that_cannot_be_handled_stops_the_actor_before_its_events()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2], _ => { }));
        Do(puppet, static one => one.Save(3));
        Do(puppet, static one => one.Store(4, _ => { }));
        _test.ExpectMsg(new SaveSnapshotSuccess(2));
        var next = StopAndStart(puppet, onRecover: static (_, _) => throw new InvalidOperationException("no"));
        _test.Watch(next);
        _test.ExpectMsg($"recovery failed at {new SnapshotOffer(2, 3)}: no");
        _test.ExpectTerminated(next);
        _test.ExpectNoMsg();
        Assert.Empty(_journal.Reads);
    }

    [Fact]
    public void A_stream_that_cannot_be_opened_or_whose_snapshot_cannot_be_loaded_stops_the_actor()
    {
        _journal.OpenAnswer = static () => Refused;
        AssertFails("it has another owner");
        _journal.OpenAnswer = static () => new JournalResult(JournalOutcome.Closed, default);
        AssertFails("The journal answered Closed");
        _journal.OpenAnswer = static () => throw new JournalException("gone", isRetryable: true);
        AssertFails("gone");
        Assert.Empty(_journal.Calls);
        _journal.OpenAnswer = null;
        _journal.LoadFault = new JournalException("torn", isRetryable: false);
        AssertFails("torn");

        void AssertFails(string reason)
        {
            var puppet = Start();
            _test.Watch(puppet);
            _test.ExpectMsg("recovery failed at nothing: " + reason);
            _test.ExpectTerminated(puppet);
        }
    }

    [Fact]
    public void An_append_that_ends_in_an_exception_is_a_failure_with_that_cause()
    {
        var puppet = StartNew();
        _test.Watch(puppet);
        _script.IsHeld = true;
        Do(puppet, static one => one.Store(7, _ => one.Tell("handled")));
        _kit.RunUntilIdle();
        _script.Waiting.Dequeue().Answer.SetException(new JournalException("gone", isRetryable: true));
        _test.ExpectMsg("failure of 7 at 1: gone");
        _test.ExpectTerminated(puppet);
    }

    [Fact]
    public void Rejected_events_are_told_the_places_they_would_have_had_and_deferred_handlers_run_all_the_same()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.Store(1, _ => { }));
        _kit.RunUntilIdle();
        _script.Refusals.Enqueue(JournalOutcome.Busy);
        Do(puppet, static one =>
        {
            one.Store(7, _ => one.Tell("handled"));
            one.Defer("between", one.Tell);
            one.Store(8, _ => one.Tell("handled"));
        });
        _test.ExpectMsg("rejected 7 at 2: scripted");
        _test.ExpectMsg("between");
        _test.ExpectMsg("rejected 8 at 3: scripted");
        Do(puppet, static one => one.Store(9, _ => one.Tell(one.LastSequenceNr)));
        _test.ExpectMsg(2L);
    }

    [Fact]
    public void A_repeated_append_counts_as_stored()
    {
        var puppet = StartNew();
        _script.Refusals.Enqueue(JournalOutcome.Repeated);
        Do(puppet, static one => one.Store(7, value => one.Tell(value)));
        _test.ExpectMsg(7);
    }

    [Fact]
    public void A_handler_that_defers_runs_it_behind_the_handlers_of_its_batch_without_storing_anything()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.StoreAll([1, 2], value =>
        {
            one.Tell(value);
            one.Defer("behind " + value, one.Tell);
        }));
        _test.ExpectMsg(1);
        _test.ExpectMsg(2);
        _test.ExpectMsg("behind 1");
        _test.ExpectMsg("behind 2");
        Assert.Single(_script.Appends);
        Do(puppet, static one => one.Tell("next"));
        _test.ExpectMsg("next");
    }

    [Fact]
    public void Recovery_completed_may_persist_and_nothing_before_it_may()
    {
        var first = true;
        var puppet = Start(onRecover: (one, message) =>
        {
            one.Tell(one.IsAtWork);
            if (first && message is RecoveryCompleted)
            {
                first = false;
                one.Store(5, value => one.Tell("stored " + value));
            }
        });
        _test.ExpectMsg(true);
        _test.ExpectMsg("recovered");
        _test.ExpectMsg("stored 5");
        StopAndStart(puppet, onRecover: static (one, message) =>
        {
            one.Tell(one.IsAtWork);
            one.Store(6, static _ => { });
        });
        _test.ExpectMsg(false);
        _test.ExpectMsg("recovery failed at 5: puppet: events are persisted by commands, not while recovering or stopping");
        Start(onRecover: static (one, _) => one.Defer("too early", one.Tell));
        _test.ExpectMsg("recovery failed at 5: puppet: events are persisted by commands, not while recovering or stopping");
    }

    [Fact]
    public void Behaviours_are_put_on_top_of_each_other_replaced_and_taken_off()
    {
        var puppet = StartNew();
        Do(puppet, static one => one.BehaveAsBefore());
        Do(puppet, one => one.BehaveOnTop(Say(one, "a")));
        puppet.Tell("x");
        _test.ExpectMsg("a: x");
        Do(puppet, one => one.BehaveOnTop(Say(one, "b")));
        puppet.Tell("x");
        _test.ExpectMsg("b: x");
        Do(puppet, one => one.Behave(Say(one, "c")));
        puppet.Tell("x");
        _test.ExpectMsg("c: x");
        Do(puppet, static one => Assert.Throws<ArgumentNullException>(() => one.Behave(null!)));
        puppet.Tell("x");
        _test.ExpectMsg("c: x");
        Do(puppet, static one => one.BehaveAsBefore());
        puppet.Tell("x");
        _test.ExpectMsg("a: x");
        Do(puppet, static one => one.BehaveAsBefore());
        puppet.Tell("x");
        _test.ExpectMsg("x");

        static Action<object> Say(Puppet one, string name) => message =>
        {
            if (message is Action<Puppet> command)
                command(one);
            else
                one.Tell($"{name}: {message}");
        };
    }

    [Fact]
    public void What_is_missing_is_said_at_once()
    {
        var puppet = StartNew();
        Do(puppet, static one =>
        {
            Assert.Throws<ArgumentNullException>(() => one.Store(1, null!));
            Assert.Throws<ArgumentNullException>(() => one.StoreAll(null!, static _ => { }));
            Assert.Throws<ArgumentNullException>(() => one.Defer("x", null!));
            Assert.Throws<ArgumentNullException>(() => one.Behave(null!));
            Assert.Throws<ArgumentNullException>(() => one.BehaveOnTop(null!));
            one.Tell("all said");
        });
        _test.ExpectMsg("all said");
    }

    [Fact]
    public void What_a_journal_answers_is_done_or_may_be_tried_again_or_neither()
    {
        Assert.Equal(
            [JournalOutcome.Done, JournalOutcome.Repeated],
            Enum.GetValues<JournalOutcome>().Where(static outcome => new JournalResult(outcome, default).IsDone));
        Assert.Equal(
            [JournalOutcome.Busy, JournalOutcome.Unavailable],
            Enum.GetValues<JournalOutcome>().Where(static outcome => new JournalResult(outcome, default).IsRetryable));
        Assert.Equal((false, true), (default(StreamState).Exists, new StreamState(1, 0, 1, 0, 0).Exists));
        Assert.Equal("The journal answered Busy", new PersistException(new JournalResult(JournalOutcome.Busy, default)).Message);
        Assert.Equal(Refused, new PersistException(Refused).Result);
    }

    private static void Do(IActorRef puppet, Action<Puppet> command) => puppet.Tell(command);

    private IActorRef Start(int page = 256, Action<Puppet, object>? onRecover = null)
    {
        var services = new PersistenceServices(_journal, _journal, new IntegerSerializer()) { ReplayPage = page };
        var test = _test.Ref;
        return _kit.ActorOf(Props.Create(() => new Puppet(services, test, onRecover)));
    }

    private IActorRef StartNew()
    {
        var puppet = Start();
        _test.ExpectMsg("recovered");
        return puppet;
    }

    private IActorRef StopAndStart(IActorRef puppet, int page = 256, Action<Puppet, object>? onRecover = null)
    {
        _kit.RunUntilIdle();
        _test.Watch(puppet);
        puppet.Tell(PoisonPill.Instance);
        _test.ExpectTerminated(puppet);
        return Start(page, onRecover);
    }
}
