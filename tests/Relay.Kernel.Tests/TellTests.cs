using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class TellTests
{
    [Fact]
    public async Task A_told_message_arrives_with_its_sender()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var echo = kit.ActorOf(Echo.Props, "echo");
        probe.Send(echo, "hello");
        probe.ExpectMsg("hello");
        Assert.Same(echo, probe.LastSender);
    }

    [Fact]
    public async Task Without_a_sender_the_sender_is_the_dead_letters()
    {
        await using var kit = TestKitSystem.Deterministic();
        IActorRef? seen = null;
        kit.ActorOf(Lambda.Props((me, _) => seen = me.From)).Tell("x");
        kit.RunUntilIdle();
        Assert.Same(kit.System.DeadLetters, seen);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(256)]
    public async Task Messages_of_one_sender_keep_their_order(int throughput)
    {
        await using var kit = TestKitSystem.Deterministic(seed: 3, throughput: throughput);
        var probe = kit.CreateProbe();
        var echo = kit.ActorOf(Echo.Props);
        for (var i = 0; i < 1000; i++)
        {
            probe.Send(echo, i);
        }

        Assert.Equal(Enumerable.Range(0, 1000), probe.ReceiveN<int>(1000));
    }

    [Fact]
    public async Task Forward_keeps_the_first_sender()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var echo = kit.ActorOf(Echo.Props);
        var middle = kit.ActorOf(Lambda.Props((me, message) => echo.Forward(message, me.Ctx)));
        probe.Send(middle, "x");
        probe.ExpectMsg("x");
        Assert.Same(echo, probe.LastSender);
    }

    [Fact]
    public async Task A_null_message_is_refused()
    {
        await using var kit = TestKitSystem.Deterministic();
        var echo = kit.ActorOf(Echo.Props);
        Assert.Throws<ArgumentNullException>(() => echo.Tell(null!));
    }

    [Fact]
    public async Task A_busy_actor_yields_after_its_throughput()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var handled = 0;
        var actor = kit.ActorOf(Lambda.Props((_, _) => handled++));
        kit.RunUntilIdle();
        for (var i = 0; i < 25; i++)
        {
            actor.Tell(i);
        }

        var counts = new List<int>();
        while (kit.Dispatcher!.RunOne())
        {
            counts.Add(handled);
        }

        Assert.Equal([10, 20, 25], counts);
    }

    [Fact]
    public async Task System_messages_go_before_user_messages()
    {
        await using var kit = TestKitSystem.Deterministic();
        var handled = 0;
        var actor = kit.ActorOf(Lambda.Props((_, _) => handled++));
        var probe = kit.CreateProbe();
        probe.Watch(actor);
        for (var i = 0; i < 100; i++)
        {
            actor.Tell(i);
        }

        kit.System.Stop(actor);
        probe.ExpectTerminated(actor);
        Assert.Equal(0, handled);
        Assert.Equal(100, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task A_poison_pill_waits_for_its_turn()
    {
        await using var kit = TestKitSystem.Deterministic();
        var handled = 0;
        var actor = kit.ActorOf(Lambda.Props((_, _) => handled++));
        var probe = kit.CreateProbe();
        probe.Watch(actor);
        for (var i = 0; i < 100; i++)
        {
            actor.Tell(i);
        }

        actor.Tell(PoisonPill.Instance);
        actor.Tell("late");
        probe.ExpectTerminated(actor);
        Assert.Equal(100, handled);
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Paths_name_parent_and_child_and_escape_slashes()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var parent = kit.ActorOf(Lambda.Props((me, _) => me.From.Tell(me.Ctx.ActorOf(Echo.Props, "a/b%"))), "parent");
        probe.Send(parent, "go");
        var child = probe.ExpectMsg<IActorRef>();
        Assert.Equal("actor://test/user/parent/a%2Fb%25", child.Path.ToString());
        Assert.Equal("a/b%", child.Path.Name);
        Assert.Equal(parent.Path, child.Path.Parent);
    }

    [Fact]
    public async Task A_name_is_unique_among_living_siblings_and_free_again_after_the_end()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var first = kit.ActorOf(Echo.Props, "one");
        Assert.Throws<InvalidActorNameException>(() => kit.ActorOf(Echo.Props, "one"));
        Assert.Throws<InvalidActorNameException>(() => kit.ActorOf(Echo.Props, string.Empty));
        probe.Watch(first);
        kit.System.Stop(first);
        probe.ExpectTerminated(first);
        var second = kit.ActorOf(Echo.Props, "one");
        probe.Send(second, 1);
        probe.ExpectMsg(1);
    }

    [Fact]
    public void An_actor_cannot_be_made_without_props()
    {
        Assert.Throws<ActorInitializationException>(() => new Echo());
    }

    [Fact]
    public async Task Nobody_swallows_everything()
    {
        await using var kit = TestKitSystem.Deterministic();
        ActorRefs.Nobody.Tell("x");
        kit.RunUntilIdle();
        Assert.Equal(0, kit.System.Statistics.DeadLetters);
    }
}
