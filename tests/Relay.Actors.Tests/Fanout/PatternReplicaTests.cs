using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A pattern with more subscribers than one turn may serve.</summary>
public sealed class PatternReplicaTests : IAsyncLifetime
{
    private const int Subscribers = (2 * FanoutRun.SendsPerTurn) + 10;
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly PatternTable _patterns = new();
    private readonly List<(Subscription Subscription, FakeTransport Transport)> _clients = [];
    private readonly IActorRef _region;

    public PatternReplicaTests()
    {
        var services = new ReplicaServices(new RelaySettings(), _kit.Time, _kit.CreateProbe().Ref, new ChannelDirectory(), _patterns);
        _region = ShardRegion.Start(_kit.System, "replicas", _ => Props.Create(() => new PatternReplica("agents/*", services)).WithStashCapacity(1000));
    }

    public Task InitializeAsync()
    {
        for (var i = 0; i < Subscribers; i++)
        {
            var transport = new FakeTransport();
            var subscription = new Subscription(Make.Client(i + 1, transport: transport, time: _kit.Time), "agents/*") { IsPattern = true };
            _clients.Add((subscription, transport));
            Tell(new AddSubscription(subscription));
        }

        _kit.RunUntilIdle();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void One_turn_serves_no_more_than_its_share_and_all_get_every_event_once_and_in_order()
    {
        Batch(1);
        Batch(2);
        var most = 0;
        for (var before = 0; _kit.Dispatcher!.RunOne(); before = Served())
        {
            most = Math.Max(most, Served() - before);
            if (before == 0 && Served() > 0)
            {
                // While the first two are under way.
                Batch(3);
            }
        }

        Assert.InRange(most, 1, FanoutRun.SendsPerTurn);
        Assert.All(_clients, client => Assert.Equal(["1", "2", "3"], Offsets(client)));
    }

    [Fact]
    public void Who_leaves_while_a_batch_is_under_way_gets_it_before_the_ack_and_nothing_after()
    {
        Batch(1);
        while (Served() == 0)
        {
            Assert.True(_kit.Dispatcher!.RunOne());
        }

        var last = _clients[^1];
        Assert.Empty(last.Transport.Bytes);
        Tell(new RemoveSubscription(last.Subscription, new RequestId("7"u8.ToArray())));
        Batch(2);
        _kit.RunUntilIdle();
        var frames = Make.Reader(last.Subscription.Client, last.Transport).TakeAll();
        Assert.Equal(2, frames.Count);
        Assert.Contains("\"offset\":1", frames[0], StringComparison.Ordinal);
        Assert.Contains("\"ack\"", frames[1], StringComparison.Ordinal);
        Assert.All(_clients.Take(Subscribers - 1), client => Assert.Equal(["1", "2"], Offsets(client)));
    }

    private int Served() => _clients.Count(static client => client.Transport.Sends > 0);

    private void Tell(object message) => _region.Tell(new ShardEnvelope(PatternReplica.EntityOf("agents/*"), message));

    private void Batch(long offset) => _patterns.Entries[0].Replica.Tell(new ChannelBatch([Make.Event(offset, channel: "agents/a")], []));

    private static List<string> Offsets((Subscription Subscription, FakeTransport Transport) client) =>
        [.. Make.Reader(client.Subscription.Client, client.Transport).TakeAll().Select(static frame => frame.Split("\"offset\":")[1].Split(',', '}')[0])];
}
