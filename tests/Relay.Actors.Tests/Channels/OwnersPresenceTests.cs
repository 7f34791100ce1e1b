using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A channel of a node among others, with replicas that the test plays.</summary>
public sealed class OwnersPresenceTests : IAsyncLifetime
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly RecordingLog _log = new();
    private readonly FakeOwnership _ownership = new();
    private readonly TestProbe _one;
    private readonly TestProbe _two;
    private readonly IActorRef _region;

    public OwnersPresenceTests()
    {
        (_one, _two) = (_kit.CreateProbe("one"), _kit.CreateProbe("two"));
        var journals = new ChannelJournals();
        var services = new ChannelServices(new RelaySettings(), _kit.Time, new Random(1), new FakeArchive(), new KeyFigures(), ActorRefs.Nobody, new PatternTable())
        {
            Journals = journals,
            JournalReports = new JournalReports(journals.Metrics, _log, _kit.Time),
            Ownership = _ownership,
        };
        _region = ShardRegion.Start(_kit.System, "channels", _ => Props.Create(() => new ChannelActor(services)));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void Who_watches_gets_all_others_and_then_their_changes()
    {
        Join(_one, _two);
        Report(_one, Whole("n1", null, "a"));
        var first = News(_one);
        Assert.Equal((true, true, 0), (first.Begins, first.Ends, first.Joined.Count));
        Report(_two, Whole("n2", null, "b"));
        Assert.Equal(["b"], Ids(News(_one).Joined));
        Assert.Equal(["a"], Ids(News(_two).Joined));
        Report(_two, new PresenceStatement { Node = "n2", Joined = [Member("c")], Left = [Member("b")] });
        var change = News(_one);
        Assert.Equal("c b", $"{Ids(change.Joined).Single()} {Ids(change.Left).Single()}");
        _two.ExpectNoMsg();
        _kit.System.Stop(_two.Ref);
        _kit.RunUntilIdle();
        Assert.Equal(["c"], Ids(News(_one).Left));
    }

    [Fact]
    public void A_new_owner_says_nothing_until_all_have_spoken_whom_the_former_one_knew()
    {
        _ownership.Begun = true;
        Join(_one, _two);
        Report(_one, Whole("n1", ["n2", "dead"], "a"));
        var asker = _kit.CreateProbe("asker");
        _region.Tell(new ShardEnvelope("topics/x", new PresentElsewhere()), asker.Ref);
        _kit.RunUntilIdle();
        _one.ExpectNoMsg();
        asker.ExpectNoMsg();
        Report(_two, Whole("n2", ["n1", "dead"], "b"));
        Assert.Equal(["b"], Ids(News(_one).Joined));
        Assert.Equal(["a"], Ids(News(_two).Joined));
        asker.ExpectMsg<PresentElsewhereReply>();
    }

    [Fact]
    public void A_new_owner_waits_a_second_for_who_does_not_speak()
    {
        _ownership.Begun = true;
        Join(_one, _two);
        Report(_one, Whole("n1", ["n2"], "a"));
        _kit.Advance(TimeSpan.FromSeconds(0.9));
        _one.ExpectNoMsg();
        _kit.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Empty(News(_one).Joined);
        Report(_two, Whole("n2", null, "b"));
        Assert.Equal(["b"], Ids(News(_one).Joined));
    }

    [Fact]
    public void A_channel_that_has_long_been_joined_waits_for_nobody()
    {
        _ownership.Begun = true;
        Join(_one);
        _kit.Advance(TimeSpan.FromSeconds(1.1));
        Report(_one, Whole("n1", null, "a"));
        Assert.Empty(News(_one).Joined);
    }

    [Fact]
    public void Who_asks_without_watching_is_answered_at_once_by_an_owner_of_old()
    {
        _region.Tell(new ShardEnvelope("topics/x", new PresentElsewhere { Tag = "t" }), _one.Ref);
        _kit.RunUntilIdle();
        var reply = _one.ExpectMsg<PresentElsewhereReply>();
        Assert.Equal(("t", 0), ((string)reply.Query.Tag!, reply.Count));
    }

    [Fact]
    public void A_report_of_a_replica_that_has_not_joined_is_none()
    {
        Join(_one);
        Report(_one, Whole("n1", null, "a"));
        News(_one);
        Report(_two, Whole("n2", null, "b"));
        _one.ExpectNoMsg();
    }

    private static PresenceMember Member(string id) => new(id, null);

    private static IEnumerable<string> Ids(IEnumerable<PresenceMember> members) => members.Select(static member => member.ClientId);

    private static PresenceStatement Whole(string node, string[]? others, params string[] members) =>
        new() { Node = node, Begins = true, Ends = true, Watches = true, Others = others, Joined = [.. members.Select(Member)] };

    private void Join(params TestProbe[] replicas)
    {
        foreach (var replica in replicas)
        {
            Tell(new ReplicaJoin(replica.Ref), replica);
            replica.ExpectMsg<ReplicaJoined>();
        }
    }

    private void Report(TestProbe replica, PresenceStatement statement) => Tell(new PresenceReport(replica.Ref, statement), replica);

    private void Tell(object message, TestProbe sender)
    {
        _region.Tell(new ShardEnvelope("topics/x", message), sender.Ref);
        _kit.RunUntilIdle();
    }

    private static PresenceStatement News(TestProbe replica) => replica.ExpectMsg<PresenceNews>().Statement;

    private sealed class FakeOwnership : IShardOwnership
    {
        public bool Begun { get; set; }

        public bool MayAct => true;

        public bool MayActOn(string channel) => true;

        public long Version => 1;

        public bool Owns(string channel) => true;

        public long FenceOf(string channel) => 1;

        public bool HasJustBegun(string channel) => Begun;

        public bool IsMember(string node) => node != "dead";

        public void Fenced(string channel, long seen)
        {
        }
    }
}
