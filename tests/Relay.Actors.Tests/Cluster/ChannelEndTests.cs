using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Fanout;
using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests.Cluster;

/// <summary>What becomes of those who wait for a channel whose shard goes, as planned or not.</summary>
public sealed class ChannelEndTests : IAsyncLifetime
{
    private const string Durable = "topics/x";
    private const string InMemory = "global";

    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly ScriptedJournal _journal = new();
    private readonly FakeArchive _archive = new();
    private readonly Ownership _ownership = new();
    private readonly DistributedShards _shards;
    private readonly TestProbe _publisher;
    private readonly TestProbe _replica;
    private int _emptied;

    public ChannelEndTests()
    {
        (_publisher, _replica) = (_kit.CreateProbe("publisher"), _kit.CreateProbe("replica"));
        var settings = new RelaySettings
        {
            Namespaces = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal) { [ChannelName.Topics] = new() { Durability = Durability.Sql } },
        };
        var journals = new ChannelJournals(Sql: _journal);
        var services = new ChannelServices(settings, _kit.Time, new Random(1), _archive, new KeyFigures(), ActorRefs.Nobody, new PatternTable())
        {
            Journals = journals,
            JournalReports = new JournalReports(journals.Metrics, new RecordingLog(), _kit.Time),
            Ownership = _ownership,
        };
        _shards = ShardRegion.StartDistributed(
            _kit.System, "channels", _ => Props.Create(() => new ChannelActor(services)), shardCount: 1, new ShardRegionOptions(), ShardRefusals.Instance);
        _shards.Serve(0);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    /// <summary>It had put the publish aside while it read its journal, and ended in the turn in which it took it up again: nobody ever answered.</summary>
    [Fact]
    public void A_channel_that_still_starts_when_its_shard_goes_answers_first()
    {
        _journal.OpenGate = new TaskCompletionSource();
        Publish("p1");
        Join(_replica);
        Evict(Rest.Instance);
        Assert.Equal(0, _emptied);
        _journal.IsHeld = true;
        Run(_journal.OpenGate.SetResult);
        Assert.Equal((0, 1), (_emptied, _journal.Waiting.Count));
        Run(_journal.Release);
        _replica.ExpectMsg<ReplicaJoined>();
        Assert.Equal(1, Assert.Single(_replica.ExpectMsg<ChannelBatch>().Replies).Outcomes[0].Position.Offset);
        Assert.Equal(1, _emptied);
    }

    /// <summary>Who had been put aside was forgotten with the channel, and waited for ever.</summary>
    [Fact]
    public void A_channel_that_is_lost_while_it_starts_refuses_who_may_be_refused_and_the_others_wait_for_the_next_owner()
    {
        _journal.OpenGate = new TaskCompletionSource();
        Publish("p1");
        Join(_replica);
        Evict(ShardLost.Instance);
        Assert.NotNull(_publisher.ExpectMsg<PublishReply>().Refusal);
        Assert.Equal(1, _emptied);
        var next = _kit.CreateProbe();
        _shards.SendTo(0, next.Ref);
        Assert.IsType<ReplicaJoin>(next.ExpectMsg<ShardEnvelope>().Message);
    }

    /// <summary>It waited for the journal, which does not answer owners of yesterday; so its shard never ended, and this node never found the next owner.</summary>
    [Fact]
    public void A_channel_that_ends_as_planned_ends_at_once_when_its_shard_is_lost_meanwhile()
    {
        _journal.OpenGate = new TaskCompletionSource();
        Join(_replica);
        Evict(Rest.Instance);
        Evict(ShardLost.Instance);
        Assert.Equal(1, _emptied);
    }

    [Fact]
    public void What_comes_before_the_news_that_the_shard_is_lost_is_refused()
    {
        _ownership.MayActOnIt = false;
        Publish("p1", InMemory);
        Assert.NotNull(_publisher.ExpectMsg<PublishReply>().Refusal);
        Evict(Rest.Instance);
        Assert.Equal(0, _archive.Count);
    }

    /// <summary>A node that had been asleep told clients which had gone on elsewhere that their place was lost.</summary>
    [Fact]
    public void A_node_that_may_not_act_says_nothing_of_the_history_until_it_may_again()
    {
        var asked = new HistoryQuery { Resume = new StreamPosition(new Epoch(7), 80) };
        _ownership.MayActOnIt = false;
        Run(() => _replica.Send(_shards.Region, new ShardEnvelope(InMemory, asked)));
        Join(_replica, InMemory);
        _kit.Time.Advance(TimeSpan.FromSeconds(2));
        _replica.ExpectNoMsg();
        _ownership.MayActOnIt = true;
        _kit.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(asked, _replica.ExpectMsg<HistoryReply>().Query);
        _replica.ExpectMsg<ReplicaJoined>();
    }

    [Fact]
    public void A_node_that_may_not_act_leaves_the_questions_to_the_next_owner()
    {
        _ownership.MayActOnIt = false;
        Run(() => _replica.Send(_shards.Region, new ShardEnvelope(InMemory, new HistoryQuery())));
        Join(_replica, InMemory);
        Evict(ShardLost.Instance);
        var next = _kit.CreateProbe();
        _shards.SendTo(0, next.Ref);
        Assert.IsType<HistoryQuery>(next.ExpectMsg<ShardEnvelope>().Message);
        Assert.IsType<ReplicaJoin>(next.ExpectMsg<ShardEnvelope>().Message);
        _replica.ExpectNoMsg();
    }

    [Fact]
    public void A_node_that_may_not_act_refuses_who_asks_for_the_history_over_http()
    {
        _ownership.MayActOnIt = false;
        Run(() => _replica.Send(_shards.Region, new ShardEnvelope(InMemory, new HistoryQuery { MayBeRefused = true })));
        Assert.NotNull(_replica.ExpectMsg<HistoryReply>().Refusal);
    }

    /// <summary>An unused channel whose place somebody knows keeps it, also over a second move in which nobody asks for it.</summary>
    [Fact]
    public void A_channel_that_was_shown_goes_on_when_it_moves_twice()
    {
        var first = Position();
        Evict(Rest.Instance);
        _shards.Serve(0);
        _shards.Region.Tell(new ShardEnvelope(InMemory, new ReplicaLeave(_replica.Ref)), _replica.Ref);
        _replica.ExpectMsg<ReplicaLeft>();
        Evict(Rest.Instance);
        _shards.Serve(0);
        Assert.Equal(first, Position());
    }

    private void Publish(string id, string channel = Durable)
    {
        var item = new PublishItem { Event = "e", IdempotencyKey = id };
        Run(() => _publisher.Send(_shards.Region, new PublishBatch { Channel = channel, Items = [item], WantsReply = true }));
    }

    private void Join(TestProbe replica, string channel = Durable) => Run(() => replica.Send(_shards.Region, new ShardEnvelope(channel, new ReplicaJoin(replica.Ref))));

    private StreamPosition Position()
    {
        _publisher.Send(_shards.Region, new ShardEnvelope(InMemory, new HistoryQuery()));
        return _publisher.ExpectMsg<HistoryReply>().Position;
    }

    private void Evict(object stopMessage) => Run(() => _shards.Evict(0, stopMessage, () => _emptied++));

    private void Run(Action act) => TurnContext.Inline(() =>
    {
        act();
        _kit.RunUntilIdle();
    });

    private sealed class Ownership : IShardOwnership
    {
        public bool MayActOnIt { get; set; } = true;

        public bool MayAct => true;

        public long Version => 1;

        public bool MayActOn(string channel) => MayActOnIt;

        public bool Owns(string channel) => true;

        public long FenceOf(string channel) => 1;

        public bool HasJustBegun(string channel) => false;

        public bool IsMember(string node) => true;

        public void Fenced(string channel, long seen)
        {
            // Nobody else is there.
        }
    }
}
