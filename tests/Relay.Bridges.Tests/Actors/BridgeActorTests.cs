using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.TestKit;

namespace Relay.Bridges.Tests.Actors;

public sealed class BridgeActorTests
{
    [Fact]
    public async Task An_answer_that_never_comes_holds_up_a_message_to_all_only_for_a_while()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (channels, source) = (kit.CreateProbe(), kit.CreateProbe());
        var bridge = kit.ActorOf(Props.Create(() => new BridgeActor("test", channels.Ref)));
        source.Send(bridge, Batch("users/u1"));
        var lost = Sent(channels);
        source.Send(bridge, Batch("users"));
        channels.ExpectNoMsg(TimeSpan.FromSeconds(30));
        kit.Advance(TimeSpan.FromSeconds(30));
        var next = Sent(channels);
        Assert.Equal("users", next.Channel);
        bridge.Tell(Reply(next, bridge), channels.Ref);
        Assert.Equal(1, source.ExpectMsg<BridgeAccepted>().Subscribers);

        // The late answer of what was given up changes nothing.
        bridge.Tell(Reply(lost, bridge), channels.Ref);
        source.Send(bridge, Batch("users"));
        Assert.Equal("users", Sent(channels).Channel);
        source.ExpectNoMsg();
    }

    [Fact]
    public async Task A_source_that_does_not_wait_is_refused_beyond_the_bound()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (channels, source) = (kit.CreateProbe(), kit.CreateProbe());
        var bridge = kit.ActorOf(Props.Create(() => new BridgeActor("test", channels.Ref)));
        for (var i = 0; i < 112; i++)
            source.Send(bridge, new BridgeBatch([.. Enumerable.Repeat(Batch("users/u1").Items[0], 1000)]));
        var refusals = 0;
        kit.RunUntilIdle();
        while (source.Pending > 0)
        {
            Assert.IsType<BridgeOverloadedException>(source.ExpectMsg<Status.Failure>().Cause);
            refusals++;
        }

        // 10 batches are in flight, 100 wait.
        Assert.Equal(2, refusals);
        Assert.Equal(10, channels.Pending);
    }

    private static BridgeBatch Batch(string channel) => new([new BridgeItem([channel], new PublishItem { Event = "e" })]);

    private static PublishBatch Sent(TestProbe channels) => channels.ExpectMsg<PublishBatch>();

    private static PublishReply Reply(PublishBatch batch, IActorRef replyTo) => new(batch, new PublishOutcome[batch.Items.Length], 1, replyTo);
}
