using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>Timers, receive timeout, stash and behaviours.</summary>
public sealed class ContextTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Runs the action it is told; passes everything else to the probe.</summary>
    private static IActorRef Doer(TestKitSystem kit, TestProbe probe) => kit.ActorOf(Lambda.Props((me, message) =>
    {
        if (message is Action<Lambda> action)
        {
            action(me);
        }
        else
        {
            probe.Ref.Tell(message);
        }
    }));

    private static void Do(IActorRef actor, Action<Lambda> action) => actor.Tell(action);

    [Fact]
    public async Task A_single_timer_rings_once()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me => me.Ctx.Timers.StartSingle("k", "ring", Second));
        probe.ExpectNoMsg(Second - TimeSpan.FromTicks(1));
        kit.Advance(TimeSpan.FromTicks(1));
        probe.ExpectMsg("ring");
        Do(actor, me => probe.Ref.Tell(me.Ctx.Timers.IsActive("k")));
        probe.ExpectMsg(false);
        probe.ExpectNoMsg(TimeSpan.FromMinutes(1));
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task A_periodic_timer_rings_until_cancelled()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me => me.Ctx.Timers.StartPeriodic("k", "tick", Second));
        kit.RunUntilIdle();
        kit.Advance(3 * Second);
        Assert.Equal(["tick", "tick", "tick"], probe.ReceiveN<string>(3));
        Do(actor, me => me.Ctx.Timers.Cancel("k"));
        probe.ExpectNoMsg(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_late_actor_finds_one_tick_and_not_many()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me =>
        {
            me.Ctx.Timers.StartPeriodic("k", "tick", Second);
            kit.Time.Settle = null;
            kit.Advance(10 * Second);
        });
        probe.ExpectMsg("tick");
        probe.ExpectNoMsg();
    }

    [Fact]
    public async Task A_cancelled_or_replaced_timer_is_not_delivered_even_from_the_mailbox()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        kit.Time.Settle = null;
        Do(actor, me =>
        {
            me.Ctx.Timers.StartSingle("cancelled", "never", Second);
            me.Ctx.Timers.StartSingle("replaced", "old", Second);
            me.Ctx.Timers.StartPeriodic("periodic", "old", Second);
            me.Ctx.Timers.StartSingle("kept", "kept", Second);
            kit.Advance(Second);

            // All four now stand in the mailbox.
            me.Ctx.Timers.Cancel("cancelled");
            me.Ctx.Timers.StartSingle("replaced", "new", Second);
            me.Ctx.Timers.StartSingle("periodic", "new", Second);
        });
        probe.ExpectMsg("kept");
        probe.ExpectNoMsg();
        kit.Advance(Second);
        probe.ExpectMsg("new");
        probe.ExpectMsg("new");
        probe.ExpectNoMsg();
    }

    [Fact]
    public async Task Timers_end_with_a_restart_and_with_the_actor()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me =>
        {
            me.Ctx.Timers.StartSingle("a", "never", Second);
            me.Ctx.SetReceiveTimeout(Second);
            throw new Boom();
        });
        kit.RunUntilIdle();
        Assert.Equal(0, kit.Time.ActiveTimers);
        Do(actor, me =>
        {
            me.Ctx.Timers.StartPeriodic("a", "never", Second);
            me.Ctx.SetReceiveTimeout(Second);
        });
        kit.System.Stop(actor);
        kit.RunUntilIdle();
        Assert.Equal(0, kit.Time.ActiveTimers);
        probe.ExpectNoMsg(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_receive_timeout_comes_after_silence_and_repeats()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me => me.Ctx.SetReceiveTimeout(10 * Second));
        kit.RunUntilIdle();
        kit.Advance(9 * Second);
        actor.Tell("a");
        probe.ExpectMsg("a");
        probe.ExpectNoMsg(10 * Second - TimeSpan.FromTicks(1));
        kit.Advance(TimeSpan.FromTicks(1));
        probe.ExpectMsg<ReceiveTimeout>();
        probe.ExpectNoMsg(10 * Second - TimeSpan.FromTicks(1));
        kit.Advance(TimeSpan.FromTicks(1));
        probe.ExpectMsg<ReceiveTimeout>();
        Do(actor, me => me.Ctx.SetReceiveTimeout(null));
        probe.ExpectNoMsg(TimeSpan.FromMinutes(5));
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task A_receive_timeout_that_was_replaced_in_the_mailbox_is_not_delivered()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        kit.Time.Settle = null;
        Do(actor, me =>
        {
            me.Ctx.SetReceiveTimeout(Second);
            kit.Advance(Second);
            me.Ctx.SetReceiveTimeout(10 * Second);
            Assert.Equal(10 * Second, me.Ctx.ReceiveTimeout);
        });
        probe.ExpectNoMsg();
        Assert.Equal(0, kit.System.Statistics.Failures);
    }

    [Fact]
    public async Task Stashed_messages_come_back_in_order_before_the_mailbox()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var open = false;
        var actor = kit.ActorOf(Lambda.Props((me, message) =>
        {
            if (message is "open")
            {
                open = true;
                me.Ctx.Stash.UnstashAll();
            }
            else if (!open)
            {
                me.Ctx.Stash.Stash();
            }
            else
            {
                me.From.Tell(message);
            }
        }));
        foreach (var message in new object[] { 1, 2, 3, "open", 4 })
        {
            probe.Send(actor, message);
        }

        Assert.Equal([1, 2, 3, 4], probe.ReceiveN<int>(4));
    }

    [Fact]
    public async Task Unstash_takes_the_oldest_only_and_a_message_may_be_stashed_again()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var hold = true;
        var actor = kit.ActorOf(Lambda.Props((me, message) =>
        {
            switch (message)
            {
                case "one":
                    me.Ctx.Stash.Unstash();
                    break;
                case "release":
                    hold = false;
                    me.Ctx.Stash.UnstashAll();
                    break;
                default:
                    if (hold)
                    {
                        me.Ctx.Stash.Stash();
                    }
                    else
                    {
                        me.From.Tell(message);
                    }

                    break;
            }
        }));
        foreach (var message in new object[] { 1, 2, "one", "one", "one", "release", 3 })
        {
            probe.Send(actor, message);
        }

        // Each "one" turned the stash once: 1 2 -> 2 1 -> 1 2 -> 2 1.
        Assert.Equal([2, 1, 3], probe.ReceiveN<int>(3));
    }

    [Fact]
    public async Task The_stash_survives_a_restart_and_dies_with_the_actor()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var generation = 0;
        var actor = kit.ActorOf(Lambda.Props(() =>
        {
            generation++;
            return new Lambda((me, message) =>
            {
                if (message is "fail")
                {
                    throw new Boom();
                }

                if (generation == 1 || message is "stash")
                {
                    me.Ctx.Stash.Stash();
                }
                else
                {
                    me.From.Tell(message);
                }
            });
        }));
        foreach (var message in new object[] { 1, 2, "fail", 3 })
        {
            probe.Send(actor, message);
        }

        Assert.Equal([1, 2, 3], probe.ReceiveN<int>(3));
        probe.Send(actor, "stash");
        kit.RunUntilIdle();
        kit.System.Stop(actor);
        kit.RunUntilIdle();
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task A_full_stash_and_a_message_stashed_twice_fail_clearly()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = SupervisorStrategy.Stopping });
        var probe = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(probe.Ref);
        var full = kit.ActorOf(Lambda.Props((me, _) => me.Ctx.Stash.Stash()).WithStashCapacity(2), "full");
        full.Tell(1);
        full.Tell(2);
        full.Tell(3);
        Assert.Contains("full (2 messages)", Assert.IsType<StashException>(probe.ExpectMsg<ActorFailed>().Exception).Message, StringComparison.Ordinal);
        kit.ActorOf(Lambda.Props((me, _) =>
        {
            me.Ctx.Stash.Stash();
            me.Ctx.Stash.UnstashAll();
            me.Ctx.Stash.Stash();
        })).Tell(1);
        Assert.IsType<StashException>(probe.FishForMessage<ActorFailed>(one => one.Exception.Message.Contains("twice", StringComparison.Ordinal)).Exception);
    }

    [Fact]
    public async Task A_stashed_timer_and_a_stashed_death_notice_are_delivered_later()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var target = kit.ActorOf(Echo.Props);
        var hold = true;
        var actor = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) =>
        {
            if (message is "open")
            {
                hold = false;
                me.Ctx.Stash.UnstashAll();
            }
            else if (hold)
            {
                me.Ctx.Stash.Stash();
            }
            else
            {
                probe.Ref.Tell(message is Terminated ? "gone" : message);
            }
        })
        {
            OnStart = me =>
            {
                me.Ctx.Watch(target);
                me.Ctx.Timers.StartSingle("k", "ring", Second);
            },
        }));
        kit.RunUntilIdle();
        kit.Advance(Second);
        kit.System.Stop(target);
        kit.RunUntilIdle();
        probe.ExpectNoMsg();
        actor.Tell("open");
        probe.ExpectMsg("ring");
        probe.ExpectMsg("gone");
    }

    [Fact]
    public async Task Behaviours_stack_and_the_bottom_stays()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me => me.Ctx.BecomeStacked(message =>
        {
            if (message is "pop")
            {
                me.Ctx.UnbecomeStacked();
            }
            else
            {
                probe.Ref.Tell("first " + message);
                me.Ctx.BecomeStacked(inner =>
                {
                    probe.Ref.Tell("second " + inner);
                    me.Ctx.UnbecomeStacked();
                });
            }
        }));
        foreach (var message in new[] { "a", "b", "pop", "c" })
        {
            actor.Tell(message);
        }

        Assert.Equal(["first a", "second b", "c"], probe.ReceiveN<string>(3));
        Do(actor, me => me.Ctx.UnbecomeStacked());
        actor.Tell("d");
        probe.ExpectMsg("d");
    }

    [Fact]
    public async Task A_restart_returns_to_the_first_behaviour()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = Doer(kit, probe);
        Do(actor, me => me.Ctx.Become(_ => throw new Boom()));
        actor.Tell("fail");
        actor.Tell("a");
        probe.ExpectMsg("a");
    }

    [Fact]
    public async Task A_receive_actor_tries_its_handlers_in_order_and_may_become()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var unhandled = kit.CreateProbe();
        kit.System.EventStream.Subscribe<UnhandledMessage>(unhandled.Ref);
        var door = kit.ActorOf(Props.Create(() => new Door()));
        foreach (var message in new object[] { 5, 50, "open", 5, "close", 1.5 })
        {
            probe.Send(door, message);
        }

        Assert.Equal(["small 5", "number 50", "open 5"], probe.ReceiveN<string>(3));
        Assert.Equal(1.5, unhandled.ExpectMsg<UnhandledMessage>().Message);
        unhandled.ExpectNoMsg();
        Assert.Equal(1, kit.System.Statistics.Unhandled);
    }

    private sealed class Door : ReceiveActor
    {
        public Door()
        {
            Receive<int>(number => number < 10, number => Sender.Tell($"small {number}"));
            Receive<int>(number => Sender.Tell($"number {number}"));
            Receive<string>(text => text is "open", _ => Become(Open));
        }

        private void Open()
        {
            Receive<int>(number => Sender.Tell($"open {number}"));
            Receive<string>(_ => UnbecomeStacked());
        }
    }
}
