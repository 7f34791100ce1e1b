using System.Diagnostics.Metrics;
using System.Text;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;
using Relay.Protocol;
using Relay.Testing;

namespace Relay.Actors.Tests;

/// <summary>guarantees.md 1 to 5 of a channel whose namespace is durable, against a journal that answers when the test says so.</summary>
public sealed class DurableChannelTests : IDisposable
{
    private const string Channel = "topics/a";
    private readonly ScriptedJournal _journal = new();
    private readonly Meter _meter = new(JournalMetrics.MeterName);
    private readonly CounterSums _counts;
    private RelayHarness _relay;
    private int _starts;

    public DurableChannelTests()
    {
        _counts = new CounterSums(_meter);
        _relay = Start();
    }

    public void Dispose()
    {
        _relay.Dispose();
        _counts.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void Nothing_is_acked_delivered_or_told_before_the_journal_has_confirmed_it()
    {
        var client = Subscribe();
        _journal.IsHeld = true;
        client.Send(Publish("p1"));
        _relay.Settle();
        Assert.Empty(client.TakeAll());
        Assert.Empty(_relay.History(Channel).Events);
        _journal.Release();
        _relay.Settle();
        var frames = client.TakeAll();
        Assert.Contains("\"event\":\"task.created\"", frames[0], StringComparison.Ordinal);
        Assert.Contains("\"id\":\"p1\",\"success\":true", frames[1], StringComparison.Ordinal);
        Assert.Single(_relay.History(Channel).Events);
    }

    [Fact]
    public void Confirmations_that_come_in_the_wrong_order_change_nothing_for_subscribers()
    {
        var client = Subscribe();
        _journal.IsHeld = true;
        for (var i = 0; i < 5; i++)
        {
            client.Send(Publish("p" + i));
            _relay.Settle();
        }

        Assert.Equal(5, _journal.Waiting.Count);
        _journal.ReleaseBackwards();
        _relay.Settle();
        Assert.Equal([1, 2, 3, 4, 5], Offsets(client.TakeAll()));
    }

    [Fact]
    public void A_repeat_of_a_publish_that_is_not_confirmed_yet_is_acked_with_it()
    {
        var client = Subscribe();
        _journal.IsHeld = true;
        client.Send(Publish("p1"));
        _relay.Settle();
        client.Send(Publish("p1"));
        _relay.Settle();
        Assert.Empty(client.TakeAll());
        _journal.Release();
        _relay.Settle();
        var frames = client.TakeAll();
        Assert.Equal(3, frames.Count);
        Assert.Contains("\"duplicate\":false", frames[1], StringComparison.Ordinal);
        Assert.Contains("\"duplicate\":true", frames[2], StringComparison.Ordinal);
        Assert.Single(_journal.Records(Channel));
    }

    [Fact]
    public void A_write_that_fails_is_refused_with_a_way_out_and_the_next_one_goes_on_from_what_is_stored()
    {
        var client = Subscribe();
        Assert.Null(_relay.Publish(Channel, "e", "1").Refusal);
        _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        client.Send(Publish("p1"));
        _relay.Settle();
        client.TakeAll().Clear();
        client.Send(Publish("p2"));
        _relay.Settle();
        var refused = Assert.Single(client.TakeAll());
        Assert.Contains("\"success\":false,\"code\":\"UNAVAILABLE\"", refused, StringComparison.Ordinal);
        Assert.Contains("retry_after_ms", refused, StringComparison.Ordinal);
        _relay.Advance(1);
        client.Send(Publish("p1"));
        _relay.Settle();
        Assert.Equal([2], Offsets(client.TakeAll()));
        Assert.Equal([1, 2], _journal.Offsets(Channel));
    }

    [Fact]
    public void What_was_stored_though_its_answer_was_lost_is_delivered_once_and_its_repeat_is_known()
    {
        var client = Subscribe();
        _journal.LosesNextAnswer = true;
        client.Send(Publish("p1"));
        _relay.Settle();
        Assert.Contains("UNAVAILABLE", Assert.Single(client.TakeAll()), StringComparison.Ordinal);
        _relay.Advance(1);
        Assert.Equal([1], Offsets(client.TakeAll()));
        client.Send(Publish("p1"));
        _relay.Settle();
        Assert.Contains("\"offset\":1,\"duplicate\":true", Assert.Single(client.TakeAll()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_accepted_in_the_turn_in_which_a_write_before_it_fails_is_never_stored(bool stored)
    {
        var client = Subscribe();
        _journal.IsHeld = true;
        client.Send(Publish("p1"));
        _relay.Settle();

        // Both stand in the channel's mailbox when its turn begins: the publish, then the answer to the write before it.
        var second = _relay.Relay.PublishAsync(Channel, [new PublishItem { Event = "e" }], "", CancellationToken.None);
        _journal.LosesNextAnswer = stored;
        if (!stored)
        {
            _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        }

        TurnContext.Inline(_journal.Release);
        _journal.IsHeld = false;
        Assert.NotNull(_relay.Await(second).Refusal);
        _relay.Advance(1);
        _relay.Publish(Channel, "e");
        Assert.Equal(stored ? [1, 2] : [1], _journal.Offsets(Channel));
        Assert.Equal(stored ? [1, 2] : [1], Offsets(client.TakeAll()));
    }

    [Fact]
    public void A_record_that_this_version_cannot_read_is_the_reason_of_every_refusal_and_nothing_hangs()
    {
        _relay.Publish(Channel, "e");
        _relay.Dispose();
        _journal.Spoil(Channel);
        _relay = Start();
        _relay.ExpectsFailures = true;
        Assert.Contains("run the version that wrote it", _relay.Publish(Channel, "e").Refusal, StringComparison.Ordinal);
        _relay.Advance(10);
        Assert.Contains("run the version that wrote it", _relay.Publish(Channel, "e").Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_node_goes_on_where_the_journal_ends()
    {
        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(i, _relay.Publish(Channel, "e", $"{i}", "s", "id" + i).Outcomes[0].Position.Offset);
        }

        var before = _relay.History(Channel);
        _relay.Dispose();
        _relay = Start();
        var after = _relay.History(Channel);
        Assert.Equal(before.Position, after.Position);
        Assert.Equal(before.Events.Select(Describe), after.Events.Select(Describe));
        Assert.True(_relay.Publish(Channel, "e", "3", "s", "id3").Outcomes[0].Duplicate);
        Assert.Equal(6, _relay.Publish(Channel, "e", "6").Outcomes[0].Position.Offset);
        var client = _relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Send($$"""{"type":"subscribe","channel":"{{Channel}}","id":"s","since":{"epoch":"{{before.Position.Epoch}}","offset":3} }""");
        _relay.Settle();
        var frames = client.TakeAll();
        Assert.Contains("\"recovered\":true", frames[0], StringComparison.Ordinal);
        Assert.Equal([4, 5, 6], Offsets(frames[1..]));
    }

    [Fact]
    public void While_the_journal_cannot_be_read_publishes_subscriptions_and_histories_are_refused_and_may_be_tried_again()
    {
        _journal.OpenGate = new TaskCompletionSource();
        var client = _relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Send(SubscribeFrame);
        _relay.Settle();
        Assert.Empty(client.TakeAll());
        FailToOpen();
        AssertRefused(Assert.Single(client.TakeAll()), "s");
        Assert.Equal("the disk is gone", _relay.Publish(Channel, "e").Refusal);
        Assert.Equal("the disk is gone", _relay.History(Channel).Refusal);
        client.Send($$"""{"type":"history","channel":"{{Channel}}","id":"h"}""");
        _relay.Settle();
        AssertRefused(Assert.Single(client.TakeAll()), "h");
        Assert.Single(_relay.Log.Lines, static line => line.Contains("cannot begin from its journal: the disk is gone", StringComparison.Ordinal));

        // It was refused, so it is not subscribed: no ack comes by itself, and it gets no events.
        _relay.Advance(1);
        Assert.Null(_relay.Publish(Channel, "e").Refusal);
        Assert.Empty(client.TakeAll());
        client.Send(SubscribeFrame);
        _relay.Settle();
        Assert.Contains("\"success\":true", Assert.Single(client.TakeAll()), StringComparison.Ordinal);
        _relay.Publish(Channel, "e");
        Assert.Equal([2], Offsets(client.TakeAll()));
        Assert.Equal(1, _counts["relay.journal.recoveries outcome=failed"]);
        Assert.Equal(1, _counts["relay.journal.recoveries outcome=done"]);
    }

    [Fact]
    public void A_subscription_that_comes_while_the_journal_cannot_be_read_is_refused_by_the_next_try()
    {
        _journal.OpenGate = new TaskCompletionSource();
        var first = _relay.Connect(DialectKind.Relay);
        var second = _relay.Connect(DialectKind.Relay);
        first.Send(SubscribeFrame);
        _relay.Settle();
        FailToOpen(again: true);
        first.TakeAll();
        second.TakeAll();
        second.Send(SubscribeFrame);
        _relay.Settle();
        Assert.Empty(second.TakeAll());
        _relay.Advance(1);
        FailToOpen();
        AssertRefused(Assert.Single(second.TakeAll()), "s");
        Assert.Empty(first.TakeAll());
    }

    [Fact]
    public void A_client_without_words_for_a_refusal_waits_until_the_journal_can_be_read()
    {
        _journal.OpenGate = new TaskCompletionSource();
        var client = _relay.Connect(DialectKind.Context);
        client.TakeAll();
        client.Send($$"""{"type":"subscribe","channel":"{{Channel}}","id":"s"}""");
        _relay.Settle();
        FailToOpen();
        Assert.Empty(client.TakeAll());
        _relay.Advance(1);
        Assert.Contains("\"success\":true", Assert.Single(client.TakeAll()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_that_lost_acknowledged_events_gets_another_epoch_and_offsets_are_not_given_twice()
    {
        Subscribe();
        var first = _relay.Publish(Channel, "e", "1").Outcomes[0].Position;
        _relay.Publish(Channel, "e", "2");
        _relay.ExpectsFailures = true;
        _journal.Forget(Channel, 0);
        Assert.NotNull(_relay.Publish(Channel, "e", "3").Refusal);
        _relay.Advance(1);
        var next = _relay.Publish(Channel, "e", "4").Outcomes[0].Position;
        Assert.NotEqual(first.Epoch, next.Epoch);
        Assert.Equal(1, next.Offset);
        Assert.Equal(1, _counts["relay.journal.renewed"]);
        Assert.Single(_relay.Log.Lines, static line => line.Contains("has lost what was acknowledged", StringComparison.Ordinal));
    }

    [Fact]
    public void A_source_learns_that_a_channel_could_not_store_its_part_and_may_bring_it_again()
    {
        _journal.Refusals.Enqueue(JournalOutcome.Busy);
        BridgeItem[] items = [new([Channel], new PublishItem { Event = "e", IdempotencyKey = "x" })];
        var refused = _relay.Relay.BridgeAsync(items, CancellationToken.None);
        _relay.Settle();
        Assert.IsType<BridgeRefusedException>(refused.Exception!.InnerException);
        _relay.Advance(1);
        _relay.Await(_relay.Relay.BridgeAsync(items, CancellationToken.None));
        Assert.Equal([1], _journal.Offsets(Channel));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_message_whose_handling_fails_is_told_as_such_and_never_counts_as_stored(bool isHeld)
    {
        _relay.ExpectsFailures = true;
        _relay.Publish(Channel, "e", "0");
        _journal.IsHeld = isHeld;
        var before = _relay.Relay.DeliverAsync([Item("before")], CancellationToken.None);
        _relay.Settle();

        // An event without a name cannot be written: it fails between its place in the sequence and its record.
        var failing = _relay.Relay.DeliverAsync([Item("a"), Item("b") with { Item = Item("b").Item with { Event = null! } }, Item("c")], CancellationToken.None);
        _relay.Settle();
        var open = Assert.IsType<BridgeUnfinishedException>(failing.Exception!.InnerException).Open;
        Assert.Equal([(0, true), (1, true), (2, true)], open.Select(static one => (one.Index, one.IsItsOwn)));
        if (isHeld)
        {
            _journal.IsHeld = false;
            _journal.Release();
            _relay.Settle();
        }

        Assert.True(before.IsCompletedSuccessfully);
        _relay.Advance(1);
        foreach (var id in new[] { "a", "b", "c" })
        {
            _relay.Await(_relay.Relay.DeliverAsync([Item(id)], CancellationToken.None));
        }

        Assert.Equal([1, 2, 3, 4, 5], _journal.Offsets(Channel));
        Assert.Equal(["before", "a", "b", "c"], _journal.Records(Channel).Skip(1).Select(static one => one.Id));

        static BridgeItem Item(string id) => new([Channel], new PublishItem { Event = "e", IdempotencyKey = id });
    }

    [Fact]
    public void A_channel_that_nobody_listens_to_rests_only_when_its_publishers_are_answered()
    {
        _relay.Publish(Channel, "e", "1");
        _journal.IsHeld = true;
        var late = _relay.Relay.PublishAsync(Channel, [new PublishItem { Event = "e" }], "", CancellationToken.None);
        _relay.Settle();
        _relay.Advance(5);
        Assert.False(late.IsCompleted);
        _journal.Release();
        _journal.IsHeld = false;
        Assert.Equal(2, _relay.Await(late).Outcomes[0].Position.Offset);
        _relay.Advance(300);
        Assert.Equal(3, _relay.Publish(Channel, "e").Outcomes[0].Position.Offset);
    }

    [Fact]
    public void Events_without_a_place_in_the_sequence_are_not_stored()
    {
        var reply = _relay.Await(_relay.Relay.PublishAsync(
            Channel, [new PublishItem { Event = "typing", Transient = true }, new PublishItem { Event = "e" }], "", CancellationToken.None));
        Assert.Equal([0, 1], reply.Outcomes.Select(static outcome => outcome.Position.Offset));
        Assert.Single(_journal.Records(Channel));
    }

    [Fact]
    public void Who_asks_for_the_same_in_one_turn_gets_the_same_events_and_later_ones_what_came_since()
    {
        _relay.Publish(Channel, "a");
        _relay.Publish(Channel, "b");
        var query = new HistoryQuery { Resume = _relay.History(Channel).Position with { Offset = 1 }, Page = new PageBounds(256, 48 * 1024) };
        _relay.Dispose();
        _journal.OpenGate = new TaskCompletionSource();
        _relay = Start();

        // All of them wait for the journal, so that they are answered in one turn.
        var first = _relay.Relay.HistoryAsync(Channel, query, CancellationToken.None);
        var second = _relay.Relay.HistoryAsync(Channel, query with { }, CancellationToken.None);
        var other = _relay.Relay.HistoryAsync(Channel, query with { Resume = query.Resume!.Value with { Offset = 0 } }, CancellationToken.None);
        _relay.Settle();
        var gate = _journal.OpenGate;
        _journal.OpenGate = null;
        TurnContext.Inline(gate.SetResult);
        Assert.Equal(["b"], _relay.Await(first).Events.Select(static publication => publication.Event));
        Assert.Same(_relay.Await(first).Events, _relay.Await(second).Events);
        Assert.Equal(2, _relay.Await(other).Events.Count);
        _relay.Publish(Channel, "c");
        Assert.Equal(["b", "c"], _relay.History(Channel, query).Events.Select(static publication => publication.Event));
        Assert.Single(_relay.Await(first).Events);
    }

    private static string Describe(Publication publication) =>
        $"{publication.Position} {publication.Event} {Encoding.UTF8.GetString(publication.Data.Span)} {publication.TimestampMicros} {publication.IdempotencyKey}";

    private const string SubscribeFrame = $$"""{"type":"subscribe","channel":"{{Channel}}","id":"s"}""";

    // The channel waits at the gate: it fails there, and with it the try.
    private void FailToOpen(bool again = false)
    {
        _relay.ExpectsFailures = true;
        var gate = _journal.OpenGate!;
        _journal.OpenGate = again ? new TaskCompletionSource() : null;
        TurnContext.Inline(() => gate.SetException(new JournalException("the disk is gone", isRetryable: true)));
        _relay.Settle();
    }

    private static void AssertRefused(string frame, string id)
    {
        Assert.Contains($"\"id\":\"{id}\",\"success\":false,\"code\":\"UNAVAILABLE\"", frame, StringComparison.Ordinal);
        Assert.Contains("the disk is gone", frame, StringComparison.Ordinal);
        Assert.Contains("\"retry_after_ms\":1000", frame, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_channel_that_a_cluster_wrote_last_is_taken_over_by_a_node_that_is_alone()
    {
        var taken = await _journal.OpenAsync(new OpenStream { Stream = Channel, Fence = 1_763_000_000_000_000, EpochIfNew = 7 });
        await _journal.AppendAsync(new AppendBatch
        {
            Stream = Channel, Fence = 1_763_000_000_000_000, Epoch = 7, Records = [PublicationRecord.Write(
                new Publication { Channel = Channel, Event = "e", Position = new StreamPosition(new Epoch(7), 1), TimestampMicros = taken.State.LastMicros + 1 }, "")],
        });
        var reply = _relay.Publish(Channel, "e", "2");
        Assert.Null(reply.Refusal);
        Assert.Equal(new StreamPosition(new Epoch(7), 2), reply.Outcomes[0].Position);
    }

    private static string Publish(string id) => $$"""{"type":"publish","channel":"{{Channel}}","event":"task.created","data":{"n":1},"id":"{{id}}"}""";

    private static List<long> Offsets(IEnumerable<string> frames) =>
    [
        .. frames.Where(static frame => frame.Contains("\"event\":", StringComparison.Ordinal))
            .Select(static frame => System.Text.Json.JsonDocument.Parse(frame).RootElement.GetProperty("offset").GetInt64()),
    ];

    // Each with a randomness of its own, as nodes have: what one offers as an epoch must not be what another one did.
    private RelayHarness Start() => new(
        ++_starts,
        settings: new RelaySettings { Namespaces = new Dictionary<string, NamespaceSettings> { ["topics"] = new() { Durability = Durability.Sql } } },
        configure: parts => parts with { Journals = new ChannelJournals(Sql: _journal) { Metrics = new JournalMetrics(_meter) } });

    private FakeClient Subscribe()
    {
        var client = _relay.Connect(DialectKind.Relay);
        client.Send($$"""{"type":"subscribe","channel":"{{Channel}}","id":"s"}""");
        _relay.Settle();
        client.TakeAll();
        return client;
    }
}
