using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A replica between a channel and a connection that the test plays, for what a single node does not do by itself: the channel's owner changes.</summary>
public sealed class ChannelReplicaTests : IAsyncLifetime
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly ChannelDirectory _directory = new();
    private readonly TestProbe _channels;
    private readonly TestProbe _publisher;
    private readonly FakeTransport _transport = new();
    private readonly FakeClient _client;
    private readonly TestProbe _connection;
    private readonly IActorRef _region;
    private TestProbe _owner;

    public ChannelReplicaTests()
    {
        _channels = _kit.CreateProbe("channels");
        _publisher = _kit.CreateProbe("publisher");
        _connection = _kit.CreateProbe("connection");
        _owner = _kit.CreateProbe("owner-1");
        var services = new ReplicaServices(new RelaySettings(), _kit.Time, _channels.Ref, _directory, new PatternTable());
        _region = ShardRegion.Start(_kit.System, "replicas", _ => Props.Create(() => new ChannelReplica(services)));
        var connection = Make.Client(1, DialectKind.Relay, _transport, time: _kit.Time);
        connection.Start(_connection.Ref);
        _client = Make.Reader(connection, _transport);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void The_count_is_told_before_the_connection_hears_that_it_is_subscribed()
    {
        var replica = Join(0);
        Assert.Equal(new ReplicaCount(replica, 1), _channels.ExpectMsg<ShardEnvelope>().Message);
        _connection.ExpectMsg<SubscriptionStarted>();
        Assert.Equal(1, _directory.Counts(DialectKind.Relay)["topics/x"]);
    }

    [Fact]
    public void After_a_change_of_owner_what_was_accepted_meanwhile_comes_first_and_once()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 4);
        var query = Query();
        Assert.Equal(new StreamPosition(Make.Epoch, 2), query.After);

        // Live events and the answer for a publisher come before the missing ones: they wait.
        Batch(replica, [Make.Event(5)], Answer());
        Assert.Empty(_client.TakeAll());
        _publisher.ExpectNoMsg();
        Reply(replica, query, 5, true, Make.Event(3), Make.Event(4), Make.Event(5));
        Assert.Equal(["3", "4", "5"], Offsets());
        _publisher.ExpectMsg<PublishReply>();
        Batch(replica, [Make.Event(6)]);
        Assert.Equal(["6"], Offsets());
    }

    /// <summary>
    /// A durable channel that had to begin from its journal again delivers what was stored and never shown. Of more than its history holds it has only the newest: subscribers were
    /// not told of the rest.
    /// </summary>
    [Fact]
    public void What_comes_behind_a_hole_is_not_shown_before_the_hole_was_fetched_or_told()
    {
        var replica = Joined(2);
        Batch(replica, [Make.Event(5)], Answer());
        Assert.Empty(_client.TakeAll());
        _publisher.ExpectNoMsg();
        var query = Query();
        Assert.Equal(new StreamPosition(Make.Epoch, 2), query.After);
        Reply(replica, query, 5, false, Make.Event(4), Make.Event(5));
        var frames = _client.TakeAll();
        Assert.Contains("\"from\":3,\"to\":3", frames[0], StringComparison.Ordinal);
        Assert.Equal(["4", "5"], frames.Skip(1).Select(static frame => frame.Split("\"offset\":")[1].TrimEnd('}')));
        _publisher.ExpectMsg<PublishReply>();
        Batch(replica, [Make.Event(6)]);
        Assert.Equal(["6"], Offsets());
    }

    [Fact]
    public void Much_that_was_missed_at_a_change_of_owner_comes_in_pages_and_once()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 4);
        var query = Query();
        Batch(replica, [Make.Event(5)], Answer());
        _owner.Send(replica, new HistoryReply(query, new StreamPosition(Make.Epoch, 5), true, [Make.Event(3)])
        {
            Start = new StreamPosition(Make.Epoch, 2),
            Reached = new StreamPosition(Make.Epoch, 3),
        });
        _kit.RunUntilIdle();
        var next = Query();
        Assert.Equal(new StreamPosition(Make.Epoch, 3), next.After);
        Assert.Equal(["3"], Offsets());
        _publisher.ExpectNoMsg();
        Batch(replica, [Make.Event(6)]);
        Reply(replica, next, 6, true, Make.Event(4), Make.Event(5), Make.Event(6));
        Assert.Equal(["4", "5", "6"], Offsets());
        _publisher.ExpectMsg<PublishReply>();
    }

    [Fact]
    public void What_cannot_be_brought_any_more_is_told_as_a_gap()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 9);
        Reply(replica, Query(), 9, false, Make.Event(8), Make.Event(9));
        var frames = _client.TakeAll();
        Assert.StartsWith($$"""{"type":"gap","channel":"topics/x","epoch":"{{Make.Epoch}}","from":3,"to":7,""", frames[0]);
        Assert.Equal(3, frames.Count);
    }

    [Fact]
    public void A_new_life_of_the_channel_is_told_as_a_gap_from_its_beginning()
    {
        var replica = Joined(2);
        var other = new Epoch(99);
        ChangeOwner(replica, 3, other);
        Reply(replica, Query(), 3, false, other, Make.Event(3, epoch: other));
        var frames = _client.TakeAll();
        Assert.StartsWith($$"""{"type":"gap","channel":"topics/x","epoch":"{{other}}","from":1,"to":2,""", frames[0]);
        Assert.Contains($"\"epoch\":\"{other}\",\"offset\":3", frames[1]);
    }

    [Fact]
    public void A_new_owner_at_the_same_position_changes_nothing()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 2);
        _channels.ExpectMsg<ShardEnvelope>(static one => one.Message is ReplicaCount);
        Batch(replica, [Make.Event(2), Make.Event(3)]);
        Assert.Equal(["3"], Offsets());
    }

    [Fact]
    public void Who_subscribes_while_it_heals_starts_behind_what_was_missing()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 3);
        var query = Query();
        var transport = new FakeTransport();
        var other = Make.Client(2, DialectKind.Relay, transport, time: _kit.Time);
        Subscribe(new Subscription(other, "topics/x") { RequestId = new RequestId("7"u8.ToArray()) });
        Reply(replica, query, 3, true, Make.Event(3));
        Assert.Equal(["3"], Offsets());
        Assert.Contains("\"offset\":3", Assert.Single(Make.Reader(other, transport).TakeAll()));
    }

    [Fact]
    public void A_stale_answer_heals_nothing()
    {
        var replica = Joined(2);
        ChangeOwner(replica, 4);
        var first = Query();
        ChangeOwner(replica, 5);
        var second = Query();
        Reply(replica, first, 4, true, Make.Event(3), Make.Event(4));
        Assert.Empty(_client.TakeAll());
        Reply(replica, second, 5, true, Make.Event(3), Make.Event(4), Make.Event(5));
        Assert.Equal(["3", "4", "5"], Offsets());
    }

    [Fact]
    public void An_owner_that_dies_while_the_replica_leaves_does_not_hold_it()
    {
        var replica = Joined(2);
        _connection.Watch(replica);
        Send(new RemoveSubscription(_last!, RequestId.None));
        Assert.IsType<ReplicaLeave>(_channels.ExpectMsg<ShardEnvelope>().Message);
        _kit.System.Stop(_owner.Ref);
        _connection.ExpectTerminated(replica);
        Assert.Empty(_directory.Counts(DialectKind.Relay));
    }

    [Fact]
    public void A_question_to_a_channel_nobody_listens_to_leaves_no_replica_behind()
    {
        Send(new PresenceQuery(_client.Connection, new RequestId("1"u8.ToArray())));
        Assert.Contains("\"count\":0", Assert.Single(_client.TakeAll()));
        Send(new RemoveSubscription(new Subscription(_client.Connection, "topics/x"), RequestId.None));
        Assert.Equal(0, _kit.Await(_region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, TimeSpan.FromSeconds(1))).Entities);
    }

    private Subscription? _last;

    private IActorRef Joined(long offset)
    {
        var replica = Join(offset);
        _channels.ExpectMsg<ShardEnvelope>(static one => one.Message is ReplicaCount);
        _connection.ExpectMsg<SubscriptionStarted>();
        return replica;
    }

    private IActorRef Join(long offset)
    {
        Subscribe(new Subscription(_client.Connection, "topics/x"));
        var replica = ((ReplicaJoin)_channels.ExpectMsg<ShardEnvelope>().Message).Replica;
        _owner.Send(replica, new ReplicaJoined(new StreamPosition(Make.Epoch, offset)));
        _kit.RunUntilIdle();
        return replica;
    }

    private void ChangeOwner(IActorRef replica, long offset, Epoch? epoch = null)
    {
        _kit.System.Stop(_owner.Ref);
        _kit.RunUntilIdle();
        Assert.Same(replica, ((ReplicaJoin)_channels.FishForMessage<ShardEnvelope>(static one => one.Message is ReplicaJoin).Message).Replica);
        _owner = _kit.CreateProbe();
        _owner.Send(replica, new ReplicaJoined(new StreamPosition(epoch ?? Make.Epoch, offset)));
        _kit.RunUntilIdle();
    }

    private void Subscribe(Subscription subscription)
    {
        _last = subscription;
        Send(new AddSubscription(subscription));
    }

    private void Send(object message)
    {
        _region.Tell(new ShardEnvelope("topics/x", message), _connection.Ref);
        _kit.RunUntilIdle();
    }

    private HistoryQuery Query() => (HistoryQuery)_channels.FishForMessage<ShardEnvelope>(static one => one.Message is HistoryQuery).Message;

    private void Reply(IActorRef replica, HistoryQuery query, long offset, bool complete, params Publication[] events) =>
        Reply(replica, query, offset, complete, Make.Epoch, events);

    private void Reply(IActorRef replica, HistoryQuery query, long offset, bool complete, Epoch epoch, params Publication[] events)
    {
        var position = new StreamPosition(epoch, offset);
        _owner.Send(replica, new HistoryReply(query, position, complete, [.. events])
        {
            Start = events.Length > 0 ? events[0].Position with { Offset = events[0].Position.Offset - 1 } : position,
            Reached = position,
        });
        _kit.RunUntilIdle();
    }

    private void Batch(IActorRef replica, Publication[] events, params PublishReply[] replies)
    {
        _owner.Send(replica, new ChannelBatch(events, replies));
        _kit.RunUntilIdle();
    }

    private PublishReply Answer() => new(new PublishBatch { Channel = "topics/x", Items = [] }, [], 1, _publisher.Ref);

    private IEnumerable<string> Offsets() => _client.TakeAll().Select(static frame => frame.Split("\"offset\":")[1].TrimEnd('}'));
}
