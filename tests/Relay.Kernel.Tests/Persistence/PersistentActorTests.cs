using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests.Persistence;

/// <summary>The rules of persistent actors, on one thread with a journal that answers when the test says so.</summary>
public sealed class PersistentActorTests : IAsyncDisposable
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly ScriptedJournal _journal = new();
    private readonly TestProbe _test;
    private readonly TestProbe _client;

    public PersistentActorTests()
    {
        _test = _kit.CreateProbe("test");
        _client = _kit.CreateProbe("client");
    }

    public ValueTask DisposeAsync() => _kit.DisposeAsync();

    private IActorRef Start(long fence = 0, int page = 256, int stash = 1000)
    {
        var services = new PersistenceServices(_journal, _journal, new IntegerSerializer()) { ReplayPage = page };
        var test = _test.Ref;
        return _kit.ActorOf(Props.Create(() => new Account(services, test, fence: fence)).WithStashCapacity(stash));
    }

    private IActorRef StartNew()
    {
        var account = Start();
        _test.ExpectMsg("recovered");
        return account;
    }

    private IActorRef StopAndStart(IActorRef account, long fence = 0, int page = 256)
    {
        _test.Watch(account);
        account.Tell(PoisonPill.Instance);
        _test.ExpectTerminated(account);
        return Start(fence, page);
    }

    [Fact]
    public void Handlers_run_when_events_are_stored_and_not_before()
    {
        var account = StartNew();
        _journal.IsHeld = true;
        _client.Send(account, new Add(5));
        _client.ExpectNoMsg();
        Assert.Equal([1L], _journal.Appends[0].Records.Select(static record => record.Offset));

        _journal.Release();

        _client.ExpectMsg(new Answered(5, 1));
    }

    [Fact]
    public void A_command_never_sees_a_state_without_the_events_before_it()
    {
        var account = StartNew();
        _journal.IsHeld = true;
        _client.Send(account, new Add(1));
        _client.Send(account, new Ask());
        _client.Send(account, new Add(2));
        _client.Send(account, new Ask());
        _client.ExpectNoMsg();

        _journal.Release();
        _client.ExpectMsg(new Answered(1, 1));
        _client.ExpectMsg(new Answered(1, 1));
        _client.ExpectNoMsg();
        _journal.Release();
        _client.ExpectMsg(new Answered(3, 2));
        _client.ExpectMsg(new Answered(3, 2));
    }

    [Fact]
    public void Many_waiting_commands_keep_their_order()
    {
        var account = StartNew();
        _journal.IsHeld = true;
        for (var i = 1; i <= 50; i++)
            _client.Send(account, new Add(i));
        _kit.RunUntilIdle();
        for (var i = 0; i < 50; i++)
        {
            _journal.Release();
            _kit.RunUntilIdle();
        }

        Assert.Equal(Enumerable.Range(1, 50).Select(static i => new Answered(i * (i + 1) / 2, i)), _client.ReceiveN<Answered>(50));
    }

    [Fact]
    public void Events_of_one_command_are_one_batch_and_their_handlers_run_in_order()
    {
        var account = StartNew();
        _client.Send(account, new AddAll(1, 2, 3));

        Assert.Equal([new Answered(1, 1), new Answered(3, 2), new Answered(6, 3)], _client.ReceiveN<Answered>(3));
        Assert.Equal(3, Assert.Single(_journal.Appends).Records.Length);
    }

    [Fact]
    public void A_handler_may_persist_more_before_the_next_command()
    {
        var account = StartNew();
        _client.Send(account, new AddThenAdd(1, 10));
        _client.Send(account, new Ask());

        Assert.Equal([new Answered(1, 1), new Answered(11, 2), new Answered(11, 2)], _client.ReceiveN<Answered>(3));
    }

    [Fact]
    public void Deferred_handlers_keep_their_place_among_events()
    {
        var account = StartNew();
        _journal.IsHeld = true;
        _client.Send(account, new AddAndDefer(4));
        _client.ExpectMsg("before");
        _client.ExpectNoMsg();

        _journal.Release();

        _client.ExpectMsg(new Answered(4, 1));
        _client.ExpectMsg("after");
    }

    [Theory]
    [InlineData(256)]
    [InlineData(2)]
    public void A_new_incarnation_is_told_all_events_in_order_before_its_first_command(int page)
    {
        var account = StartNew();
        _client.Send(account, new AddAll(1, 2, 3, 4, 5));
        _client.ReceiveN<Answered>(5);
        account = StopAndStart(account, page: page);
        _client.Send(account, new Ask());

        Assert.Equal([1, 2, 3, 4, 5], _test.ReceiveN<int>(5));
        _test.ExpectMsg("recovered");
        _client.ExpectMsg(new Answered(15, 5));
        _client.Send(account, new Add(1));
        _client.ExpectMsg(new Answered(16, 6));
    }

    [Fact]
    public void Commands_told_during_recovery_wait_in_their_order()
    {
        _journal.OpenGate = new TaskCompletionSource();
        var account = Start();
        _client.Send(account, new Add(1));
        _client.Send(account, new Add(2));
        _client.ExpectNoMsg();

        _journal.OpenGate.SetResult();

        Assert.Equal([new Answered(1, 1), new Answered(3, 2)], _client.ReceiveN<Answered>(2));
    }

    [Fact]
    public void Recovery_begins_behind_the_snapshot()
    {
        var account = StartNew();
        _client.Send(account, new AddAll(1, 2, 3));
        account.Tell(new Snap());
        _test.ExpectMsg(new SaveSnapshotSuccess(3));
        _client.Send(account, new Add(4));
        account.Tell(new Forget(3));
        _test.ExpectMsg(new DeleteMessagesSuccess(3));
        Assert.Equal([4L], _journal.Offsets("account"));

        StopAndStart(account);

        _test.ExpectMsg(new SnapshotOffer(3, 6));
        _test.ExpectMsg(4);
        _test.ExpectMsg("recovered");
    }

    [Fact]
    public async Task A_snapshot_beyond_the_head_or_of_another_life_is_not_offered()
    {
        var account = StartNew();
        _client.Send(account, new AddAll(1, 2));
        account.Tell(new Snap());
        _test.ExpectMsg(new SaveSnapshotSuccess(2));
        var snapshot = await _journal.LoadSnapshotAsync("account");
        Assert.NotNull(snapshot);

        foreach (var wrong in new[] { snapshot with { SequenceNr = 3 }, snapshot with { Epoch = snapshot.Epoch + 1 } })
        {
            await _journal.SaveSnapshotAsync(wrong);
            account = StopAndStart(account);
            Assert.Equal([1, 2], _test.ReceiveN<int>(2));
            _test.ExpectMsg("recovered");
        }
    }

    [Theory]
    [InlineData(JournalOutcome.Unavailable)]
    [InlineData(JournalOutcome.Fenced)]
    [InlineData(JournalOutcome.Conflict)]
    public void A_failed_write_stops_the_actor_without_running_its_handlers(JournalOutcome outcome)
    {
        var account = StartNew();
        _test.Watch(account);
        _journal.Refusals.Enqueue(outcome);
        _client.Send(account, new AddAll(7, 8));

        _test.ExpectMsg($"failure of 7 at 1: {outcome}");
        _test.ExpectMsg($"failure of 8 at 2: {outcome}");
        _test.ExpectTerminated(account);
        _client.ExpectNoMsg();
    }

    [Fact]
    public void A_busy_journal_rejects_and_the_actor_goes_on()
    {
        var account = StartNew();
        _journal.Refusals.Enqueue(JournalOutcome.Busy);
        _client.Send(account, new Add(7));
        _client.Send(account, new Add(8));

        _test.ExpectMsg("rejected 7 at 1: Busy");
        _client.ExpectMsg(new Answered(8, 1));
    }

    [Fact]
    public void An_event_that_cannot_be_serialized_is_rejected_and_the_actor_goes_on()
    {
        var account = StartNew();
        account.Tell(new AddUnstorable());
        _client.Send(account, new Add(1));

        _test.ExpectMsg("rejected not a number at 1: InvalidCastException");
        _client.ExpectMsg(new Answered(1, 1));
        Assert.Single(_journal.Appends);
    }

    [Fact]
    public void An_older_owner_cannot_write_once_a_newer_one_recovered()
    {
        var old = Start(fence: 1);
        _test.ExpectMsg("recovered");
        _client.Send(old, new Add(1));
        _client.ExpectMsg(new Answered(1, 1));
        Start(fence: 2);
        _test.ExpectMsg(1);
        _test.ExpectMsg("recovered");

        _client.Send(old, new Add(10));

        _test.ExpectMsg("failure of 10 at 2: Fenced");
        Assert.Equal([1L], _journal.Offsets("account"));
    }

    [Fact]
    public void A_journal_that_cannot_be_read_stops_the_actor()
    {
        var account = StartNew();
        _client.Send(account, new Add(1));
        _client.ExpectMsg(new Answered(1, 1));
        _journal.ReadFault = new JournalException("damaged", isRetryable: false);
        var next = StopAndStart(account);
        _test.Watch(next);

        _test.ExpectMsg("recovery failed: JournalException");
        _test.ExpectTerminated(next);
    }

    [Fact]
    public void A_restart_recovers_and_drops_answers_for_the_instance_before()
    {
        var account = StartNew();
        _client.Send(account, new Add(1));
        _client.ExpectMsg(new Answered(1, 1));
        account.Tell(new Crash());
        _client.Send(account, new Ask());

        _test.ExpectMsg(1);
        _test.ExpectMsg("recovered");
        _client.ExpectMsg(new Answered(1, 1));
    }

    [Fact]
    public void Commands_that_wait_for_an_event_become_dead_letters_at_a_stop()
    {
        var account = StartNew();
        var dead = new List<object>();
        using var subscription = _kit.System.EventStream.Subscribe<DeadLetter>(letter => dead.Add(letter.Message));
        _journal.IsHeld = true;
        _client.Send(account, new Add(1));
        _client.Send(account, new Ask());
        _kit.RunUntilIdle();
        _test.Watch(account);
        account.Tell(PoisonPill.Instance);

        _test.ExpectTerminated(account);
        Assert.Equal([new Ask()], dead);
    }

    [Fact]
    public void Commands_beyond_the_stash_become_dead_letters()
    {
        _journal.OpenGate = new TaskCompletionSource();
        var dead = new List<object>();
        using var subscription = _kit.System.EventStream.Subscribe<DeadLetter>(letter => dead.Add(letter.Message));
        var account = Start(stash: 2);
        for (var i = 1; i <= 3; i++)
            _client.Send(account, new Add(i));
        _kit.RunUntilIdle();
        _journal.OpenGate.SetResult();

        Assert.Equal([new Answered(1, 1), new Answered(3, 2)], _client.ReceiveN<Answered>(2));
        Assert.Equal([new Add(3)], dead);
    }

    [Fact]
    public void Become_replaces_the_behaviour_for_commands_only()
    {
        var account = StartNew();
        account.Tell("become");
        _client.Send(account, "hello");

        _client.ExpectMsg("become: hello");
    }

    [Fact]
    public void The_same_seed_gives_the_same_schedule()
    {
        Assert.Equal(Trace(3), Trace(3));

        static ulong Trace(int seed)
        {
            var kit = TestKitSystem.Deterministic(seed);
            var journal = new ScriptedJournal();
            var test = kit.CreateProbe("test");
            var services = new PersistenceServices(journal, journal, new IntegerSerializer());
            for (var n = 0; n < 5; n++)
            {
                var id = "account" + n;
                var account = kit.ActorOf(Props.Create(() => new Account(services, test.Ref, id)));
                for (var i = 0; i < 10; i++)
                    test.Send(account, new Add(i));
            }

            kit.RunUntilIdle();
            return kit.Dispatcher!.TraceHash;
        }
    }
}
