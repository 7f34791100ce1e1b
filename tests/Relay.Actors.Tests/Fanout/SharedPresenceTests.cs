using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A channel's replica among other nodes: the test plays the channel's owners, who say who is present elsewhere.</summary>
public sealed class SharedPresenceTests : IAsyncLifetime
{
    private const string Node = "n1#0";

    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly TestProbe _channels;
    private readonly TestProbe _connection;
    private readonly IActorRef _region;
    private TestProbe _owner;
    private IActorRef? _replica;

    public SharedPresenceTests()
    {
        _channels = _kit.CreateProbe("channels");
        _connection = _kit.CreateProbe("connection");
        _owner = _kit.CreateProbe("owner-1");
        var services = new ReplicaServices(new RelaySettings(), _kit.Time, _channels.Ref, new ChannelDirectory(), new PatternTable()) { Node = Node };
        _region = ShardRegion.Start(_kit.System, "replicas", _ => Props.Create(() => new ChannelReplica(services)));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void Who_is_to_be_present_is_acked_when_the_others_are_known_and_told_of_who_comes_behind()
    {
        var client = new Client(_kit, 1, _connection);
        Add(client);
        Join();
        Assert.Empty(client.Take());
        var watch = Report();
        Assert.Equal((true, true, true, 0), (watch.Begins, watch.Ends, watch.Watches, watch.Joined.Count));
        Assert.Equal((Node, null), (watch.Node, watch.Others));
        News(Whole("n2", Member("ws_2")));
        Assert.Contains("\"ack\"", Assert.Single(client.Take()), StringComparison.Ordinal);
        var joined = Report();
        Assert.False(joined.Begins);
        Assert.Equal(["ws_1"], joined.Joined.Select(static one => one.ClientId));
        News(new PresenceStatement { Node = "n2", Joined = [Member("ws_3", "bob")], Left = [Member("ws_2")] });
        var told = client.Take();
        Assert.Contains("""{"type":"leave","channel":"topics/x","client_id":"ws_2",""", told[0], StringComparison.Ordinal);
        Assert.Contains("""{"type":"join","channel":"topics/x","client_id":"ws_3","user_id":"bob",""", told[1], StringComparison.Ordinal);
        Ask(client);
        Assert.Contains("\"count\":2,\"users\":1", Assert.Single(client.Take()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_channel_without_members_says_nothing_of_presence_and_asks_the_owner_when_it_is_asked()
    {
        var client = new Client(_kit, 1, _connection, PresenceWish.None);
        Add(client);
        Join();
        client.Take();
        Assert.IsType<ReplicaCount>(Next());
        _channels.ExpectNoMsg();
        Ask(client);
        var query = Assert.IsType<PresentElsewhere>(Next());
        Assert.Empty(client.Take());
        _owner.Send(_replica!, new PresentElsewhereReply(query, [Member("ws_2", "ann")], 5, 3));
        _kit.RunUntilIdle();
        var answer = Assert.Single(client.Take());
        Assert.Contains("\"client_id\":\"ws_2\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"count\":5,\"users\":3", answer, StringComparison.Ordinal);
        Ask(client);
        _owner.Send(_replica!, new PresentElsewhereReply((PresentElsewhere)Next(), [], 0, 0) { Refusal = "nobody answers" });
        _kit.RunUntilIdle();
        Assert.Contains("\"code\":\"UNAVAILABLE\"", Assert.Single(client.Take()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_where_nobody_listens_waits_for_the_owners_answer_and_leaves_no_replica_behind()
    {
        var asked = _region.Ask<PresenceList>(new ShardEnvelope("topics/x", new PresenceListQuery()), TimeSpan.FromSeconds(5));
        _kit.RunUntilIdle();
        var query = (PresentElsewhere)Next();
        Assert.Equal(1, Replicas());
        _channels.Reply(new PresentElsewhereReply(query, [Member("ws_2")], 1, 0));
        Assert.Equal(1, _kit.Await(asked).Count);
        Assert.Equal(0, Replicas());
    }

    [Fact]
    public void A_new_owner_is_told_everything_again_and_its_word_is_the_difference()
    {
        var client = Present(Member("ws_2"), Member("ws_3", "bob"));
        ChangeOwner();
        var report = Report();
        Assert.Equal((true, true, true), (report.Begins, report.Ends, report.Watches));
        Assert.Equal(["ws_1"], report.Joined.Select(static one => one.ClientId));
        Assert.Equal(["n2"], report.Others!);
        Ask(client);
        Assert.Contains("\"count\":3", Assert.Single(client.Take()), StringComparison.Ordinal);
        News(Whole("n2", Member("ws_2"), Member("ws_4")));
        var told = client.Take();
        Assert.Equal(2, told.Count);
        Assert.Contains("\"leave\"", told[0], StringComparison.Ordinal);
        Assert.Contains("ws_3", told[0], StringComparison.Ordinal);
        Assert.Contains("ws_4", told[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_owner_that_knows_the_same_makes_nobody_come_or_go()
    {
        var client = Present(Member("ws_2"), Member("ws_3", "bob"));
        ChangeOwner();
        Report();
        News(Whole("n2", Member("ws_3", "bob"), Member("ws_2")));
        Assert.Empty(client.Take());
    }

    [Fact]
    public void Who_leaves_between_two_owners_is_not_told_to_the_new_one_as_present()
    {
        var client = Present(Member("ws_2"));
        var other = new Client(_kit, 7, _connection);
        Add(other);
        Assert.Equal(["ws_7"], Report().Joined.Select(static one => one.ClientId));
        _kit.System.Stop(_owner.Ref);
        _kit.RunUntilIdle();
        Send(new RemoveSubscription(client.Subscription, RequestId.None));
        Assert.Contains("\"leave\"", other.Take()[^1], StringComparison.Ordinal);
        Rejoin();
        Assert.Equal(["ws_7"], Report().Joined.Select(static one => one.ClientId));
    }

    [Fact]
    public void When_the_last_member_leaves_the_owner_is_told_to_say_no_more()
    {
        var client = Present(Member("ws_2"));
        var listener = new Client(_kit, 7, _connection, PresenceWish.None);
        Add(listener);
        listener.Take();
        Send(new RemoveSubscription(client.Subscription, RequestId.None));
        var report = Report();
        Assert.Equal((true, true, false, 0), (report.Begins, report.Ends, report.Watches, report.Joined.Count));

        // Who asks now gets no old answer.
        Ask(listener);
        Assert.IsType<PresentElsewhere>(Fish<PresentElsewhere>());
        Assert.Empty(listener.Take());
    }

    [Fact]
    public void What_a_former_owner_says_is_not_heard_any_more()
    {
        var client = Present(Member("ws_2"));
        var former = _kit.CreateProbe("former");
        former.Send(_replica!, new PresenceNews(new PresenceStatement { Node = "n2", Left = [Member("ws_2")] }));
        _kit.RunUntilIdle();
        Assert.Empty(client.Take());
    }

    [Fact]
    public void A_user_on_two_nodes_comes_once_and_goes_once_for_those_who_ask_by_user()
    {
        var client = new Client(_kit, 1, _connection, PresenceWish.Users);
        Add(client);
        Join();
        News(Whole("n2"));
        client.Take();
        News(new PresenceStatement { Node = "n2", Joined = [Member("ws_2", "ann")] });
        News(new PresenceStatement { Node = "n3", Joined = [Member("ws_3", "ann")] });
        Assert.Contains("ws_2", Assert.Single(client.Take()), StringComparison.Ordinal);
        News(new PresenceStatement { Node = "n2", Left = [Member("ws_2", "ann")] });
        Assert.Empty(client.Take());
        News(new PresenceStatement { Node = "n3", Left = [Member("ws_3", "ann")] });
        Assert.Contains("\"leave\"", Assert.Single(client.Take()), StringComparison.Ordinal);
    }

    private static PresenceMember Member(string id, string? user = null) => new(id, user);

    private static PresenceStatement Whole(string node, params PresenceMember[] members) => new() { Node = node, Begins = true, Ends = true, Joined = members };

    private Client Present(params PresenceMember[] elsewhere)
    {
        var client = new Client(_kit, 1, _connection);
        Add(client);
        Join();
        Report();
        News(Whole("n2", elsewhere));
        Report();
        client.Take();
        return client;
    }

    private void Add(Client client) => Send(new AddSubscription(client.Subscription));

    private void Join()
    {
        _replica = Fish<ReplicaJoin>().Replica;
        _owner.Send(_replica, new ReplicaJoined(new StreamPosition(Make.Epoch, 0)));
        _kit.RunUntilIdle();
    }

    private void ChangeOwner()
    {
        _kit.System.Stop(_owner.Ref);
        _kit.RunUntilIdle();
        Rejoin();
    }

    private void Rejoin()
    {
        _owner = _kit.CreateProbe();
        Join();
    }

    private void News(PresenceStatement statement)
    {
        _owner.Send(_replica!, new PresenceNews(statement));
        _kit.RunUntilIdle();
    }

    private void Ask(Client client) => Send(new PresenceQuery(client.Connection, new RequestId("1"u8.ToArray())));

    private void Send(object message)
    {
        _region.Tell(new ShardEnvelope("topics/x", message), _connection.Ref);
        _kit.RunUntilIdle();
    }

    private object Next() => _channels.FishForMessage<ShardEnvelope>(static one => one.Message is not ReplicaJoin).Message;

    private T Fish<T>() => (T)_channels.FishForMessage<ShardEnvelope>(static one => one.Message is T).Message;

    private PresenceStatement Report() => Fish<PresenceReport>().Statement;

    private int Replicas() => _kit.Await(_region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, TimeSpan.FromSeconds(1))).Entities;

    private sealed class Client
    {
        private readonly FakeClient _reader;

        public Client(TestKitSystem kit, long id, TestProbe actor, PresenceWish wish = PresenceWish.Connections)
        {
            var transport = new FakeTransport();
            Connection = Make.Client(id, DialectKind.Relay, transport, time: kit.Time);
            Connection.Start(actor.Ref);
            _reader = Make.Reader(Connection, transport);
            Subscription = new Subscription(Connection, "topics/x") { RequestId = new RequestId("7"u8.ToArray()), Presence = wish };
        }

        public ClientConnection Connection { get; }

        public Subscription Subscription { get; }

        public List<string> Take() => [.. _reader.TakeAll()];
    }
}
