using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.TestKit;

namespace Relay.Bridges.Tests.Actors;

/// <summary>What a source that brings things again is told of a batch: who is open, and whose fault that is.</summary>
public sealed class BridgeTrackingTests : IAsyncDisposable
{
    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly TestProbe _channels;
    private readonly IActorRef _bridge;

    public BridgeTrackingTests()
    {
        _channels = _kit.CreateProbe();
        _bridge = _kit.ActorOf(Props.Create(() => new BridgeActor("test", _channels.Ref)));
    }

    public ValueTask DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public void A_refusal_names_the_messages_and_the_channels_that_are_open()
    {
        var outcome = Deliver(new BridgeItem(["users/a", "projects/p"], Event), new BridgeItem(["users/b"], Event), new BridgeItem(["projects/p"], Event));
        Reply(Sent("users/a"));
        Reply(Sent("projects/p"), refusal: "journal");
        Reply(Sent("users/b"));
        Assert.Equal(["0 projects/p waits: journal", "2 projects/p waits: journal"], outcome.Told());
    }

    [Fact]
    public void Nothing_is_sent_behind_a_refusal()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event), new BridgeItem(["users"], Event), new BridgeItem(["users/a"], Event));
        Reply(Sent("users/a"), refusal: "journal");
        _channels.ExpectNoMsg();
        Assert.Equal(3, outcome.Told().Count);
        Assert.All(outcome.Told(), static one => Assert.Contains(" waits: ", one, StringComparison.Ordinal));
    }

    [Fact]
    public void A_message_whose_handling_fails_is_told_as_its_own_failure_and_holds_up_nothing()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event), new BridgeItem(["users"], Event));
        Reply(Sent("users/a"), refusal: "broke", isFault: true);
        Reply(Sent("users"));
        Assert.Equal(["0 users/a failed: broke"], outcome.Told());
    }

    [Fact]
    public void A_message_without_an_answer_has_failed_when_its_channel_answers_a_probe()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event), new BridgeItem(["users/b"], Event));
        var lost = Sent("users/a");
        Reply(Sent("users/b"));
        _kit.Advance(TimeSpan.FromSeconds(9));
        _channels.ExpectNoMsg();
        _kit.Advance(TimeSpan.FromSeconds(2));
        var probe = Sent("users/a");
        Assert.Empty(probe.Items);
        Assert.Null(outcome.Failure);
        Reply(probe);
        Assert.Equal("0 users/a failed: handling it failed: its channel goes on and gives no answer for it", Assert.Single(outcome.Told()));

        // An answer after that changes nothing.
        Reply(lost);
    }

    [Fact]
    public void A_message_without_an_answer_waits_when_its_channel_refuses_the_probe()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event));
        _ = Sent("users/a");
        _kit.Advance(TimeSpan.FromSeconds(11));
        Reply(Sent("users/a"), refusal: "journal");
        Assert.Equal(["0 users/a waits: journal"], outcome.Told());
    }

    [Fact]
    public void A_channel_that_does_not_answer_at_all_is_waited_for_and_what_was_not_sent_is_not_sent_any_more()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event), new BridgeItem(["users"], Event));
        _ = Sent("users/a");
        _kit.Advance(TimeSpan.FromSeconds(11));
        _ = Sent("users/a");
        _kit.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["0 users/a waits: its channel does not answer", "1 users waits: not sent, because what comes before it has no answer"], outcome.Told());

        // Nothing is in flight any more: a message to all goes out at once.
        Deliver(new BridgeItem(["users"], Event));
        Reply(Sent("users"));
        _channels.ExpectNoMsg();
    }

    [Fact]
    public void Who_is_told_without_wanting_details_learns_within_eleven_seconds_that_there_is_no_answer()
    {
        var outcome = new Outcome(wantsOpen: false);
        _bridge.Tell(new BridgeBatch([new BridgeItem(["users/a"], Event)]) { Answer = outcome });
        _ = Sent("users/a");
        _kit.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(outcome.Failure);
        _kit.Advance(TimeSpan.FromSeconds(1));
        Assert.IsType<AskTimeoutException>(outcome.Failure);
    }

    [Fact]
    public async Task Whoever_waits_is_told_when_the_bridge_ends()
    {
        var outcome = Deliver(new BridgeItem(["users/a"], Event));
        _kit.RunUntilIdle();
        _bridge.Tell(PoisonPill.Instance);
        _kit.RunUntilIdle();
        Assert.IsType<BridgeRefusedException>(outcome.Failure);
        await Task.CompletedTask;
    }

    private static PublishItem Event => new() { Event = "e" };

    private Outcome Deliver(params BridgeItem[] items)
    {
        var outcome = new Outcome(wantsOpen: true);
        _bridge.Tell(new BridgeBatch(items) { Answer = outcome });
        return outcome;
    }

    private PublishBatch Sent(string channel)
    {
        var batch = _channels.ExpectMsg<PublishBatch>();
        Assert.Equal(channel, batch.Channel);
        return batch;
    }

    private void Reply(PublishBatch batch, string? refusal = null, bool isFault = false)
    {
        _bridge.Tell(new PublishReply(batch, new PublishOutcome[batch.Items.Length], 1, _bridge) { Refusal = refusal, IsFault = isFault }, _channels.Ref);
        _kit.RunUntilIdle();
    }

    private sealed class Outcome(bool wantsOpen) : BridgeAnswer
    {
        public override bool WantsOpen => wantsOpen;

        public Exception? Failure { get; private set; }

        private int Answers { get; set; }

        public override void Accepted(int subscribers) => Answers++;

        public override void Failed(Exception reason)
        {
            Answers++;
            Failure = reason;
        }

        public List<string> Told()
        {
            Assert.Equal(1, Answers);
            return [.. Assert.IsType<BridgeUnfinishedException>(Failure).Open.Select(static one => $"{one.Index} {string.Join(' ', one.Channels)} {(one.IsItsOwn ? "failed" : "waits")}: {one.Reason}")];
        }
    }
}
