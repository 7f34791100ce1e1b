using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A pattern's replica among other nodes, whose part the test plays.</summary>
public sealed class SharedPatternTests : IAsyncLifetime
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly PatternTable _patterns = new();
    private readonly FakePeers _peers = new();
    private readonly TestProbe _channels;
    private readonly TestProbe _connection;
    private readonly FakeTransport _transport = new();
    private readonly FakeClient _client;
    private readonly Subscription _subscription;
    private readonly IActorRef _region;

    public SharedPatternTests()
    {
        _channels = _kit.CreateProbe("channels");
        _connection = _kit.CreateProbe("connection");
        var services = new ReplicaServices(new RelaySettings(), _kit.Time, _channels.Ref, new ChannelDirectory(), _patterns) { Peers = _peers };
        _region = ShardRegion.Start(_kit.System, "replicas", _ => Props.Create(() => new PatternReplica("agents/*", services)).WithStashCapacity(1000));
        var connection = Make.Client(1, DialectKind.Relay, _transport, time: _kit.Time);
        connection.Start(_connection.Ref);
        _client = Make.Reader(connection, _transport);
        _subscription = new Subscription(connection, "agents/*") { IsPattern = true, RequestId = new RequestId("7"u8.ToArray()) };
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void A_subscription_is_acked_when_all_nodes_know_the_pattern()
    {
        Send(new AddSubscription(_subscription));
        Assert.Single(_patterns.Entries);
        Batch(Event(1));
        Assert.Empty(_client.TakeAll());
        _connection.ExpectNoMsg();
        _peers.Replica!.Tell(new PatternKnown(_peers.Number - 1));
        _kit.RunUntilIdle();
        Assert.Empty(_client.TakeAll());
        Known();
        Assert.Contains("\"ack\"", Assert.Single(_client.TakeAll()), StringComparison.Ordinal);
        _connection.ExpectMsg<SubscriptionStarted>();
        Batch(Event(2));
        Assert.Equal(["2"], Offsets());
    }

    [Fact]
    public void A_node_that_does_not_answer_holds_a_subscription_for_two_seconds()
    {
        Send(new AddSubscription(_subscription));
        _kit.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Empty(_client.TakeAll());
        _kit.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Single(_client.TakeAll());
        Known();
        Assert.Empty(_client.TakeAll());
    }

    [Fact]
    public void Who_leaves_before_the_ack_is_answered_and_the_pattern_withdrawn()
    {
        Send(new AddSubscription(_subscription));
        Send(new RemoveSubscription(_subscription, new RequestId("8"u8.ToArray())));
        Assert.Equal(2, _client.TakeAll().Count);
        Assert.Equal([_peers.Number], _peers.Withdrawn);
        Assert.Empty(_patterns.Entries);
    }

    [Fact]
    public void What_is_missing_of_a_channel_is_fetched_and_comes_before_what_follows()
    {
        Subscribe();
        Batch(Event(4));
        Batch(Event(7), Event(8));
        Assert.Equal(["4"], Offsets());
        var query = Query();
        Assert.Equal(("agents/a", 4L), (query.Channel, query.Query.After!.Value.Offset));
        Batch(Event(9));
        Reply(query.Query, 9, true, Event(5), Event(6), Event(7), Event(8), Event(9));
        Assert.Equal(["5", "6", "7", "8", "9"], Offsets());
        Batch(Event(9), Event(10));
        Assert.Equal(["10"], Offsets());
    }

    [Fact]
    public void An_answer_that_is_older_than_an_event_of_another_owner_is_asked_for_again()
    {
        Subscribe();
        Batch(Event(4));
        Batch(Event(6));
        var query = Query();
        Batch(Event(7));
        Reply(query.Query, 6, true, Event(5), Event(6));
        Assert.Equal(["4", "5", "6"], Offsets());
        Reply(Query().Query, 7, true, Event(7));
        Assert.Equal(["7"], Offsets());
        Batch(Event(8));
        Assert.Equal(["8"], Offsets());
    }

    [Fact]
    public void What_is_gone_is_told_as_a_gap_of_its_channel()
    {
        Subscribe();
        Batch(Event(4));
        Batch(Event(8));
        Reply(Query().Query, 8, false, Event(8));
        var frames = _client.TakeAll();
        Assert.Contains("\"offset\":4", frames[0], StringComparison.Ordinal);
        Assert.StartsWith($$"""{"type":"gap","channel":"agents/a","epoch":"{{Make.Epoch}}","from":5,"to":7,""", frames[1], StringComparison.Ordinal);
        Assert.Contains("\"offset\":8", frames[2], StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_that_later_ones_have_passed_is_told_as_a_gap()
    {
        Subscribe();
        Batch(Event(4));
        _client.TakeAll();
        Batch(Event(3));
        Assert.Contains("\"from\":3,\"to\":3,", Assert.Single(_client.TakeAll()), StringComparison.Ordinal);
    }

    [Fact]
    public void When_a_link_breaks_all_channels_that_were_heard_of_are_asked()
    {
        Subscribe();
        Batch(Event(4));
        Batch(Event(2, "agents/b"));
        _client.TakeAll();
        _peers.Replica!.Tell(PatternInDoubt.Instance);
        _kit.RunUntilIdle();
        var asked = new[] { Query(), Query() };
        Assert.Equal(["agents/a", "agents/b"], asked.Select(static one => one.Channel).Order());
        Reply(asked.Single(static one => one.Channel == "agents/a").Query, 4, true);
        Reply(asked.Single(static one => one.Channel == "agents/b").Query, 3, true, Event(3, "agents/b"));
        Assert.Equal(["3"], Offsets());
    }

    [Fact]
    public void So_many_are_asked_at_once_and_the_others_when_those_have_answered()
    {
        Subscribe();
        for (var i = 0; i < PatternHealing.AskedAtOnce + 1; i++)
        {
            Batch(Event(1, $"agents/{i}"));
        }

        _peers.Replica!.Tell(PatternInDoubt.Instance);
        _kit.RunUntilIdle();
        var asked = Enumerable.Range(0, PatternHealing.AskedAtOnce).Select(_ => Query()).ToList();
        _channels.ExpectNoMsg();
        Reply(asked[0].Query, 1, true);
        Query();
        _channels.ExpectNoMsg();
    }

    [Fact]
    public void A_channel_that_cannot_answer_is_asked_again_a_second_later()
    {
        Subscribe();
        Batch(Event(4));
        Batch(Event(6));
        var query = Query().Query;
        _channels.Send(_peers.Replica!, new HistoryReply(query, default, false, []) { Refusal = "not now" });
        _kit.RunUntilIdle();
        _channels.ExpectNoMsg();
        _kit.Advance(TimeSpan.FromSeconds(1.1));
        Reply(Query().Query, 6, true, Event(5), Event(6));
        Assert.Equal(["4", "5", "6"], Offsets());
    }

    private static Publication Event(long offset, string channel = "agents/a") => Make.Event(offset, channel: channel);

    private void Subscribe()
    {
        Send(new AddSubscription(_subscription));
        Known();
        _client.TakeAll();
    }

    private void Known()
    {
        _peers.Replica!.Tell(new PatternKnown(_peers.Number));
        _kit.RunUntilIdle();
    }

    private void Send(object message)
    {
        _region.Tell(new ShardEnvelope(PatternReplica.EntityOf("agents/*"), message), _connection.Ref);
        _kit.RunUntilIdle();
    }

    private void Batch(params Publication[] events)
    {
        _patterns.Entries[0].Replica.Tell(new ChannelBatch(events, []));
        _kit.RunUntilIdle();
    }

    private (string Channel, HistoryQuery Query) Query()
    {
        var envelope = _channels.ExpectMsg<ShardEnvelope>();
        return (envelope.EntityId, (HistoryQuery)envelope.Message);
    }

    private void Reply(HistoryQuery query, long offset, bool complete, params Publication[] events)
    {
        var position = new StreamPosition(Make.Epoch, offset);
        _channels.Send(_peers.Replica!, new HistoryReply(query, position, complete, [.. events])
        {
            Start = events.Length > 0 ? events[0].Position with { Offset = events[0].Position.Offset - 1 } : position,
            Reached = position,
        });
        _kit.RunUntilIdle();
    }

    private IEnumerable<string> Offsets() => _client.TakeAll().Select(static frame => frame.Split("\"offset\":")[1].Split(',', '}')[0]);

    private sealed class FakePeers : IPatternPeers
    {
        public IActorRef? Replica { get; private set; }

        public long Number { get; private set; } = 40;

        public List<long> Withdrawn { get; } = [];

        public long Announce(ChannelPattern pattern, IActorRef replica)
        {
            Assert.Equal("agents/*", pattern.Text);
            Replica = replica;
            return ++Number;
        }

        public void Withdraw(long number) => Withdrawn.Add(number);
    }
}
