using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>Event stream, dead letters, unhandled messages.</summary>
public sealed class EventTests
{
    [Fact]
    public async Task Subscribers_get_what_is_of_their_type_until_they_unsubscribe_or_die()
    {
        await using var kit = TestKitSystem.Deterministic();
        var all = kit.CreateProbe();
        var texts = kit.CreateProbe();
        var stream = kit.System.EventStream;
        stream.Subscribe<object>(all.Ref);
        stream.Subscribe<string>(texts.Ref);
        stream.Subscribe<string>(texts.Ref);
        stream.Publish("a");
        stream.Publish(1);
        all.ExpectMsg("a");
        all.ExpectMsg(1);
        texts.ExpectMsg("a");
        texts.ExpectNoMsg();
        stream.Unsubscribe(texts.Ref, typeof(string));
        stream.Publish("b");
        all.ExpectMsg("b");
        texts.ExpectNoMsg();
        kit.System.Stop(all.Ref);
        kit.RunUntilIdle();
        stream.Publish("c");
        stream.Publish("d");
        kit.RunUntilIdle();
        Assert.Equal(0, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Delegates_are_called_until_disposed_and_a_throwing_one_harms_nobody()
    {
        await using var kit = TestKitSystem.Deterministic();
        var seen = new List<string>();
        var failures = new List<SubscriberFailed>();
        var stream = kit.System.EventStream;
        using var failing = stream.Subscribe<string>(_ => throw new Boom());
        using var reports = stream.Subscribe<SubscriberFailed>(one =>
        {
            failures.Add(one);
            throw new Boom("again");
        });
        var subscription = stream.Subscribe<string>(seen.Add);
        stream.Publish("a");
        subscription.Dispose();
        stream.Publish("b");
        Assert.Equal(["a"], seen);
        Assert.Equal(["a", "b"], failures.Select(one => (string)one.Event));
        Assert.Equal(4, kit.System.Statistics.SubscriberFailures);
    }

    [Fact]
    public async Task A_subscription_made_after_a_publication_is_seen_by_the_next()
    {
        await using var kit = TestKitSystem.Deterministic();
        var seen = 0;
        using var first = kit.System.EventStream.Subscribe<int>(_ => seen++);
        kit.System.EventStream.Publish(1);
        using var second = kit.System.EventStream.Subscribe<object>(_ => seen++);
        kit.System.EventStream.Publish(1);
        Assert.Equal(3, seen);
    }

    [Fact]
    public async Task A_dead_letter_names_message_sender_and_recipient()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        kit.System.EventStream.Subscribe<DeadLetter>(probe.Ref);
        var dead = kit.ActorOf(Echo.Props);
        kit.System.Stop(dead);
        kit.RunUntilIdle();
        probe.Send(dead, "late");
        Assert.Equal(new DeadLetter("late", probe.Ref, dead), probe.ExpectMsg<DeadLetter>());
        kit.System.DeadLetters.Tell("direct");
        Assert.Same(kit.System.DeadLetters, probe.ExpectMsg<DeadLetter>().Recipient);
    }

    [Fact]
    public async Task A_flood_of_dead_letters_is_summed_up()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with
        {
            DeadLetterBurst = 3,
            DeadLetterWindow = TimeSpan.FromSeconds(10),
        });
        var letters = kit.CreateProbe();
        var sums = kit.CreateProbe();
        kit.System.EventStream.Subscribe<DeadLetter>(letters.Ref);
        kit.System.EventStream.Subscribe<EventsSuppressed>(sums.Ref);
        for (var i = 0; i < 1000; i++)
        {
            kit.System.DeadLetters.Tell(i);
        }

        Assert.Equal([0, 1, 2], letters.ReceiveN<DeadLetter>(3).Select(one => (int)one.Message));
        letters.ExpectNoMsg();
        sums.ExpectNoMsg(TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        kit.Advance(TimeSpan.FromTicks(1));
        sums.ExpectMsg(new EventsSuppressed(typeof(DeadLetter), 997));
        kit.System.DeadLetters.Tell("next window");
        Assert.Equal("next window", letters.ExpectMsg<DeadLetter>().Message);
        sums.ExpectNoMsg(TimeSpan.FromMinutes(1));
        Assert.Equal(1001, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Counts_still_suppressed_at_the_end_are_published_before_it()
    {
        var kit = TestKitSystem.Deterministic(configure: options => options with { DeadLetterBurst = 0 });
        var sums = new List<EventsSuppressed>();
        using var subscription = kit.System.EventStream.Subscribe<EventsSuppressed>(sums.Add);
        kit.System.DeadLetters.Tell(1);
        kit.System.DeadLetters.Tell(2);
        await kit.DisposeAsync();
        Assert.Equal([new EventsSuppressed(typeof(DeadLetter), 2)], sums);
        Assert.Equal(0, kit.Time.ActiveTimers);
    }
}
