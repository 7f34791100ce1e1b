using Microsoft.Extensions.Logging.Abstractions;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Fanout;
using Relay.Cluster;
using Relay.Cluster.Links;
using Relay.Cluster.TestKit;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Patterns of two nodes, whose messages the test brings or does not.</summary>
public sealed class PatternPeersTests : IAsyncLifetime
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly PatternTable _table = new();
    private readonly TestProbe _replica;
    private readonly ChannelPattern _pattern;
    private readonly PatternPeers _peers;
    private readonly RemoteServices _services;
    private long _number = 10;

    public PatternPeersTests()
    {
        _replica = _kit.CreateProbe("replica");
        Assert.True(ChannelPattern.TryParse("agents/*", out _pattern!));
        _peers = new PatternPeers(_table, () => ++_number);
        var self = new NodeId("n0", 1);
        var links = new NodeLinks(self, new SimulatedEngine(new SimulatedCluster(_kit.Time)), new LinkOptions(), _kit.Time, NullLoggerFactory.Instance);
        _services = new RemoteServices(_kit.System, links, ShardRefusals.Instance, static () => Kernel.ActorRefs.Nobody, static _ => false);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void A_pattern_is_known_at_once_where_there_is_no_other_node_and_else_when_all_have_said_so()
    {
        Assert.Equal(new PatternKnown(11), Known(_peers.Announce(_pattern, _replica.Ref)));
        var (one, two) = (Connect("n1"), Connect("n2"));
        _replica.ReceiveN<PatternInDoubt>(2);
        var number = _peers.Announce(_pattern, _replica.Ref);
        Take(one, NodeMessage.PatternAdded, number);
        Take(one, NodeMessage.PatternAdded, number);
        _replica.ExpectNoMsg();
        Take(two, NodeMessage.PatternAdded, number);
        Assert.Equal(new PatternKnown(number), _replica.ExpectMsg<PatternKnown>());
    }

    [Fact]
    public void A_node_that_comes_meanwhile_is_waited_for_and_one_that_goes_is_not()
    {
        var one = Connect("n1");
        var number = _peers.Announce(_pattern, _replica.Ref);
        var two = Connect("n2");
        _replica.ExpectMsg<PatternInDoubt>();
        Take(one, NodeMessage.PatternAdded, number);
        _replica.ExpectNoMsg();
        _peers.Lost(two);
        _replica.ExpectMsg<PatternKnown>();
        _replica.ExpectMsg<PatternInDoubt>();
    }

    [Fact]
    public void Patterns_of_another_node_are_in_the_table_once_and_until_they_are_withdrawn_or_its_session_ends()
    {
        var one = Connect("n1");
        Take(one, NodeMessage.PatternAdd, 5, "agents/*");
        Take(one, NodeMessage.PatternAdd, 5, "agents/*");
        Take(one, NodeMessage.PatternAdd, 6, "topics/**");
        Assert.Equal(["agents/*", "topics/**"], _table.Entries.Select(static entry => entry.Pattern.Text));
        Take(one, NodeMessage.PatternRemove, 5);
        Assert.Equal(["topics/**"], _table.Entries.Select(static entry => entry.Pattern.Text));
        _peers.Lost(one);
        Assert.Empty(_table.Entries);
        Take(one, NodeMessage.PatternAdd, 7, "agents/*");
        Assert.Empty(_table.Entries);
    }

    [Fact]
    public void Events_that_come_for_a_pattern_go_to_its_replica_until_it_is_withdrawn()
    {
        var one = Connect("n1");
        var number = _peers.Announce(_pattern, _replica.Ref);
        Batch(one, number);
        var batch = _replica.ExpectMsg<ChannelBatch>();
        Assert.Equal(("agents/a", 3L, 0), (batch.Events.Single().Channel, batch.Events.Single().Position.Offset, batch.Replies.Length));
        _peers.Withdraw(number);
        Assert.False(_peers.Any);
        Batch(one, number);
        _replica.ExpectNoMsg();
    }

    [Fact]
    public void What_is_no_pattern_is_refused()
    {
        var one = Connect("n1");
        Assert.Throws<InvalidDataException>(() => Take(one, NodeMessage.PatternAdd, 5, "agents/a"));
    }

    private PatternKnown Known(long number)
    {
        var known = _replica.ExpectMsg<PatternKnown>();
        Assert.Equal(number, known.Number);
        return known;
    }

    private Peer Connect(string name)
    {
        var peer = new Peer(new NodeId(name, 1), _kit.CreateProbe().Ref, _services);
        _peers.Connected(peer);
        return peer;
    }

    private void Take(Peer peer, NodeMessage kind, long number, string? text = null)
    {
        var writer = new WireWriter().Number(number);
        var reader = new WireReader((text is null ? writer : writer.Text(text)).Written);
        _peers.Take(kind, peer, ref reader);
    }

    private void Batch(Peer peer, long number)
    {
        var writer = new WireWriter().Number(number).Text("agents/a");
        EventWire.Write(writer, (ReadOnlySpan<Publication>)[Make.Event(3, channel: "agents/a")]);
        var reader = new WireReader(writer.Written);
        _peers.Take(NodeMessage.PatternBatch, peer, ref reader);
    }
}
