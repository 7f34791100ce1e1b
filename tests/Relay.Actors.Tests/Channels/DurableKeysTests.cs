using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Versions and last values of a durable channel, against a journal that answers when the test says so.</summary>
public sealed class DurableKeysTests : IDisposable
{
    private const string Channel = "topics/a";
    private readonly ScriptedJournal _journal = new();
    private int _starts;
    private RelayHarness _relay;

    public DurableKeysTests() => _relay = Start();

    public void Dispose() => _relay.Dispose();

    [Fact]
    public void A_version_counts_before_the_journal_has_it_and_the_refusal_waits_for_what_it_lost_to()
    {
        _journal.IsHeld = true;
        var first = Publish("k", "1", ExpectedVersion.NoValue);
        _relay.Settle();
        var second = Publish("k", "2", ExpectedVersion.NoValue);
        _relay.Settle();
        var third = Publish("k", "3", new ExpectedVersion(default, 1));
        _relay.Settle();
        Assert.False(second.IsCompleted);
        Assert.Empty(Values());
        _journal.Release();
        _relay.Settle();
        Assert.Null(Outcome(first).Error);
        Assert.Equal((ErrorCode.VersionMismatch, 1L), (Outcome(second).Error, Outcome(second).Position.Offset));
        Assert.False(third.IsCompleted);
        Assert.Equal([1], Values());
        _journal.Release();
        Assert.Null(Outcome(third).Error);
        Assert.Equal([2], Values());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_write_whose_fate_was_unknown_versions_are_those_of_the_journal(bool stored)
    {
        Assert.Null(Outcome(Publish("k", "1")).Error);
        _journal.IsHeld = true;
        var lost = Publish("k", "2", new ExpectedVersion(default, 1), "id2");
        _relay.Settle();
        var behind = Publish("k", "3", new ExpectedVersion(default, 1));
        _relay.Settle();
        _journal.LosesNextAnswer = stored;
        if (!stored)
            _journal.Refusals.Enqueue(JournalOutcome.Unavailable);

        TurnContext.Inline(_journal.Release);
        _journal.IsHeld = false;
        Assert.NotNull(_relay.Await(lost).Refusal);
        Assert.NotNull(_relay.Await(behind).Refusal);
        _relay.Advance(1);
        Assert.Equal([stored ? 2 : 1], Values());
        Assert.Equal(stored ? ErrorCode.VersionMismatch : null, Outcome(Publish("k", "4", new ExpectedVersion(default, 1), stored ? null : "id2")).Error);

        // Whoever tries again under its id gets the answer that was lost.
        var again = Outcome(Publish("k", "2", new ExpectedVersion(default, 1), "id2"));
        Assert.Equal((null, true, 2L), (again.Error, again.Duplicate, again.Position.Offset));
    }

    [Fact]
    public void Last_values_outlive_the_history_the_actor_and_the_node()
    {
        foreach (var key in new[] { "old", "a", "b", "c", "a" })
            Outcome(Publish(key, key));

        for (var i = 0; i < 200; i++)
            Outcome(Publish(null, "x"));

        Assert.True(_journal.Offsets(Channel).Length < 150, "The journal was not pruned");
        Assert.Equal([3, 4, 5], Values());
        var before = _relay.History(Channel, new HistoryQuery { LastPerKey = true });
        _relay.Dispose();
        _relay = Start();
        var after = _relay.History(Channel, new HistoryQuery { LastPerKey = true });
        Assert.Equal(before.Events.Select(Describe), after.Events.Select(Describe));
        Assert.Equal(ErrorCode.VersionMismatch, Outcome(Publish("b", "2", new ExpectedVersion(default, 4))).Error);
        Assert.Null(Outcome(Publish("b", "2", new ExpectedVersion(before.Position.Epoch, 3))).Error);
        Assert.Null(Outcome(Publish("old", "2", ExpectedVersion.NoValue)).Error);
        Assert.Equal([5, 206, 207], Values());
        _relay.Advance(600);
        Assert.Equal([5, 206, 207], Values());
    }

    [Fact]
    public void A_replay_by_time_reaches_back_as_far_as_the_journals_window_does()
    {
        _relay.Advance(1);
        Outcome(Publish(null, "1"));
        var first = _relay.History(Channel).Events[0].TimestampMicros;
        _relay.Advance(1);
        Outcome(Publish(null, "2"));
        _relay.Dispose();
        _relay = Start();
        Assert.True(Replay(first).Complete);
        Assert.Equal(2, Replay(first).Events.Count);
        Assert.False(Replay(first - 1_000_000).Complete);
        Assert.True(Replay(first + 1).Complete);
        Assert.Single(Replay(first + 1).Events);

        HistoryReply Replay(long from) => _relay.History(Channel, new HistoryQuery { FromMicros = from, IsPage = true });
    }

    [Fact]
    public void A_batch_is_acked_when_every_channel_has_stored_its_part_and_says_which_part_was_not()
    {
        var client = _relay.Connect(DialectKind.Relay);
        client.TakeAll();
        _journal.IsHeld = true;
        client.Send("""{"type":"publish_batch","id":"b","items":[{"channel":"topics/a","event":"e"},{"channel":"topics/b","event":"e"},{"channel":"topics/a","event":"e"}]}""");
        _relay.Settle();
        _journal.Refusals.Enqueue(JournalOutcome.Busy);
        var refused = _journal.Waiting.Peek().Batch.Stream;
        TurnContext.Inline(_journal.Release);
        _relay.Settle();
        Assert.Empty(client.TakeAll());
        _journal.Release();
        _journal.IsHeld = false;
        _relay.Settle();
        using var ack = System.Text.Json.JsonDocument.Parse(Assert.Single(client.TakeAll()));
        Assert.False(ack.RootElement.GetProperty("success").GetBoolean());
        Assert.All(ack.RootElement.GetProperty("results").EnumerateArray(), result =>
        {
            var mine = result.GetProperty("channel").GetString() == refused;
            Assert.Equal(!mine, result.GetProperty("success").GetBoolean());
            Assert.Equal(mine, result.TryGetProperty("retry_after_ms", out _));
        });
        _relay.Advance(1);
    }

    private static string Describe(Publication publication) => $"{publication.Position} {publication.Key} {publication.Event} {publication.TimestampMicros} {publication.ExpiresMicros}";

    private static PublishItem Item(string? key, string name, ExpectedVersion? ifVersion, string? id) => new() { Event = name, Key = key, IfVersion = ifVersion, IdempotencyKey = id };

    private Task<PublishReply> Publish(string? key, string name, ExpectedVersion? ifVersion = null, string? id = null) =>
        _relay.Relay.PublishAsync(Channel, [Item(key, name, ifVersion, id)], "", CancellationToken.None);

    private PublishOutcome Outcome(Task<PublishReply> publish)
    {
        var reply = _relay.Await(publish);
        Assert.Null(reply.Refusal);
        return reply.Outcomes[0];
    }

    private IEnumerable<long> Values() => _relay.History(Channel, new HistoryQuery { LastPerKey = true }).Events.Select(static one => one.Position.Offset);

    private RelayHarness Start() => new(
        ++_starts,
        settings: new RelaySettings
        {
            Namespaces = new Dictionary<string, NamespaceSettings> { ["topics"] = new() { Durability = Durability.Sql, HistoryLength = 10, DedupeIds = 100, KeyedValues = 3 } },
        },
        configure: parts => parts with { Journals = new ChannelJournals(Sql: _journal) });
}
