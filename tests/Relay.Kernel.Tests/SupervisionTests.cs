using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class SupervisionTests
{
    /// <summary>A parent with one child "child" that throws at "fail", counts its messages, and reports its life to the probe.</summary>
    private static (IActorRef Parent, IActorRef Child) Family(TestKitSystem kit, TestProbe probe, SupervisorStrategy strategy)
    {
        var parent = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) => me.From.Tell(me.Ctx.Child("child")!))
        {
            Strategist = () => strategy,
            OnStart = me => me.Ctx.ActorOf(Child(probe), "child"),
        }));
        return (parent, kit.Await(parent.Ask<IActorRef>("child", Timeout.InfiniteTimeSpan)));
    }

    private static Props Child(TestProbe probe) => Lambda.Props(() =>
    {
        var count = 0;
        return new Lambda((me, message) =>
        {
            if (message is "fail")
            {
                throw new Boom();
            }

            me.From.Tell(++count);
        })
        {
            OnBeforeRestart = (_, reason, message) => probe.Ref.Tell($"before {reason.Message} {message}"),
            OnAfterRestart = (_, reason) => probe.Ref.Tell($"after {reason.Message}"),
            OnStop = _ => probe.Ref.Tell("stopped"),
        };
    });

    private static OneForOneStrategy Always(Directive directive, RestartLimits? limits = null) => new(_ => directive, limits);

    [Fact]
    public async Task Restart_replaces_the_instance_keeps_the_mailbox_and_drops_the_failed_message()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var failures = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(failures.Ref);
        var (_, child) = Family(kit, probe, Always(Directive.Restart));
        probe.Send(child, "a");
        probe.ExpectMsg(1);
        probe.Send(child, "b");
        probe.Send(child, "fail");
        probe.Send(child, "c");
        probe.ExpectMsg(2);
        probe.ExpectMsg("before boom fail");
        probe.ExpectMsg("stopped");
        probe.ExpectMsg("after boom");
        probe.ExpectMsg(1);
        probe.ExpectNoMsg();
        var failed = failures.ExpectMsg<ActorFailed>();
        Assert.Equal((child.Path, Directive.Restart), (failed.Path, failed.Directive));
        Assert.IsType<Boom>(failed.Exception);
        failures.ExpectNoMsg();
        Assert.Equal((1, 1), (kit.System.Statistics.Failures, kit.System.Statistics.Restarts));
    }

    [Fact]
    public async Task Resume_keeps_the_instance()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var (_, child) = Family(kit, probe, Always(Directive.Resume));
        probe.Send(child, "a");
        probe.Send(child, "fail");
        probe.Send(child, "b");
        probe.ExpectMsg(1);
        probe.ExpectMsg(2);
        probe.ExpectNoMsg();
    }

    [Fact]
    public async Task Stop_ends_the_child_and_its_mailbox_becomes_dead_letters()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var (_, child) = Family(kit, probe, Always(Directive.Stop));
        probe.Watch(child);
        probe.Send(child, "fail");
        probe.Send(child, "a");
        probe.ExpectMsg("stopped");
        probe.ExpectTerminated(child);
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Escalate_lets_the_grandparent_decide_and_publishes_once()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = Always(Directive.Restart) });
        var probe = kit.CreateProbe();
        var failures = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(failures.Ref);
        var (parent, child) = Family(kit, probe, Always(Directive.Escalate));
        probe.Watch(child);
        probe.Send(child, "fail");
        probe.ExpectMsg("stopped");
        probe.ExpectTerminated(child);
        var failed = failures.ExpectMsg<ActorFailed>();
        Assert.Equal((child.Path, Directive.Restart), (failed.Path, failed.Directive));
        failures.ExpectNoMsg();
        var second = kit.Await(parent.Ask<IActorRef>("child", Timeout.InfiniteTimeSpan));
        Assert.NotSame(child, second);
        probe.Send(second, "a");
        probe.ExpectMsg(1);
    }

    [Fact]
    public async Task A_resumed_parent_resumes_the_child_whose_failure_it_escalated()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = Always(Directive.Resume) });
        var probe = kit.CreateProbe();
        var (_, child) = Family(kit, probe, Always(Directive.Escalate));
        probe.Send(child, "a");
        probe.Send(child, "fail");
        probe.Send(child, "b");
        probe.ExpectMsg(1);
        probe.ExpectMsg(2);
    }

    [Fact]
    public async Task A_restarted_parent_that_keeps_its_children_restarts_the_one_whose_failure_it_escalated()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var parent = kit.ActorOf(Props.Create(() => new Keeper(probe)));
        var child = kit.Await(parent.Ask<IActorRef>("child", Timeout.InfiniteTimeSpan));
        probe.Send(child, "a");
        probe.ExpectMsg(1);
        probe.Send(child, "fail");
        probe.Send(child, "b");
        probe.ExpectMsg("before boom ");
        probe.ExpectMsg("stopped");
        probe.ExpectMsg("after boom");
        probe.ExpectMsg(1);
    }

    [Fact]
    public async Task Back_off_doubles_in_virtual_time_and_messages_wait_for_it()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var limits = new RestartLimits { MinBackoff = TimeSpan.FromSeconds(1), MaxBackoff = TimeSpan.FromSeconds(3), Jitter = 0 };
        var (_, child) = Family(kit, probe, Always(Directive.Restart, limits));
        foreach (var seconds in new[] { 1, 2, 3, 3 })
        {
            probe.Send(child, "fail");
            probe.Send(child, "waits");
            probe.ExpectMsg("before boom fail");
            probe.ExpectMsg("stopped");
            probe.ExpectNoMsg(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
            kit.Advance(TimeSpan.FromTicks(1));
            probe.ExpectMsg("after boom");
            probe.ExpectMsg(1);
        }

        kit.Advance(TimeSpan.FromSeconds(30));
        probe.Send(child, "fail");
        probe.ExpectMsg("before boom fail");
        probe.ExpectMsg("stopped");
        kit.Advance(TimeSpan.FromSeconds(1));
        probe.ExpectMsg("after boom");
    }

    [Fact]
    public async Task A_child_can_be_stopped_while_it_waits_for_its_restart()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var (_, child) = Family(kit, probe, Always(Directive.Restart, new RestartLimits { MinBackoff = TimeSpan.FromSeconds(1) }));
        probe.Send(child, "fail");
        probe.ExpectMsg("before boom fail");
        probe.ExpectMsg("stopped");
        probe.Watch(child);
        kit.System.Stop(child);
        probe.ExpectTerminated(child);
        Assert.Equal(0, kit.Time.ActiveTimers);
        probe.ExpectNoMsg(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Too_many_restarts_stop_the_child()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var failures = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(failures.Ref);
        var (_, child) = Family(kit, probe, new OneForOneStrategy(2, TimeSpan.FromMinutes(1), _ => Directive.Restart));
        failures.Watch(child);
        for (var i = 0; i < 3; i++)
        {
            child.Tell("fail");
        }

        Assert.Equal(
            [Directive.Restart, Directive.Restart, Directive.Stop],
            failures.ReceiveN<ActorFailed>(3).Select(one => one.Directive));
        failures.ExpectTerminated(child);
    }

    [Fact]
    public async Task All_for_one_restarts_the_siblings_too()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var starts = 0;
        var parent = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) => me.Ctx.Child((string)message)!.Tell("fail"))
        {
            Strategist = () => new AllForOneStrategy(_ => Directive.Restart),
            OnStart = me =>
            {
                foreach (var name in new[] { "a", "b", "c" })
                {
                    me.Ctx.ActorOf(Lambda.Props(() => new Lambda((_, _) => throw new Boom()) { OnStart = _ => starts++ }), name);
                }
            },
        }));
        kit.RunUntilIdle();
        Assert.Equal(3, starts);
        parent.Tell("b");
        kit.RunUntilIdle();
        Assert.Equal(6, starts);
        Assert.Equal(1, kit.System.Statistics.Failures);
    }

    [Fact]
    public async Task A_throw_in_constructor_or_PreStart_is_an_initialization_failure_and_stops_by_default()
    {
        await using var kit = TestKitSystem.Deterministic();
        var failures = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(failures.Ref);
        var inConstructor = kit.ActorOf(Lambda.Props(() => throw new Boom("ctor")));
        failures.Watch(inConstructor);
        Assert.Equal("ctor", Assert.IsType<ActorInitializationException>(failures.ExpectMsg<ActorFailed>().Exception).InnerException!.Message);
        failures.ExpectTerminated(inConstructor);
        var inPreStart = kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => { }) { OnStart = _ => throw new Boom("start") }));
        failures.Watch(inPreStart);
        var failed = failures.ExpectMsg<ActorFailed>();
        Assert.Equal("start", failed.Exception.InnerException!.Message);
        Assert.Equal(Directive.Stop, failed.Directive);
        failures.ExpectTerminated(inPreStart);
    }

    [Fact]
    public async Task A_failed_start_is_repeated_when_the_strategy_restarts()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = Always(Directive.Restart) });
        var probe = kit.CreateProbe();
        var attempts = 0;
        var actor = kit.ActorOf(Lambda.Props(() => ++attempts < 4 ? throw new Boom() : new Lambda((me, message) => me.From.Tell(message))));
        probe.Send(actor, "kept");
        probe.ExpectMsg("kept");
        Assert.Equal(4, attempts);
        Assert.Equal(3, kit.System.Statistics.Failures);
    }

    [Fact]
    public async Task Resuming_an_actor_without_an_instance_creates_one()
    {
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = Always(Directive.Resume) });
        var probe = kit.CreateProbe();
        var attempts = 0;
        var actor = kit.ActorOf(Lambda.Props(() => ++attempts < 2 ? throw new Boom() : new Lambda((me, message) => me.From.Tell(message))));
        probe.Send(actor, "kept");
        probe.ExpectMsg("kept");
    }

    [Fact]
    public async Task A_throw_in_PostStop_is_published_and_the_actor_ends_all_the_same()
    {
        await using var kit = TestKitSystem.Deterministic();
        var failures = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(failures.Ref);
        var actor = kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => { }) { OnStop = _ => throw new Boom("stop") }));
        failures.Watch(actor);
        kit.System.Stop(actor);
        Assert.Equal(("stop", Directive.Stop), failures.ExpectMsg<ActorFailed>() is var failed ? (failed.Exception.Message, failed.Directive) : default);
        failures.ExpectTerminated(actor);
    }

    [Fact]
    public async Task A_throw_in_PreRestart_does_not_prevent_the_restart()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) =>
        {
            if (message is "fail")
            {
                throw new Boom();
            }

            me.From.Tell(message);
        }) { OnBeforeRestart = (_, _, _) => throw new Boom("before") }));
        probe.Send(actor, "fail");
        probe.Send(actor, "a");
        probe.ExpectMsg("a");
        Assert.Equal(2, kit.System.Statistics.Failures);
    }

    [Fact]
    public async Task Kill_stops_by_default()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(probe.Ref);
        var actor = kit.ActorOf(Echo.Props);
        probe.Watch(actor);
        actor.Tell(Kill.Instance);
        Assert.IsType<ActorKilledException>(probe.ExpectMsg<ActorFailed>().Exception);
        probe.ExpectTerminated(actor);
    }

    [Fact]
    public async Task A_throwing_decider_stops_the_child()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var (_, child) = Family(kit, probe, new OneForOneStrategy(_ => throw new Boom("decider")));
        probe.Watch(child);
        probe.Send(child, "fail");
        probe.ExpectMsg("stopped");
        probe.ExpectTerminated(child);
    }

    [Fact]
    public async Task A_restart_waits_until_the_old_children_are_gone_so_their_names_are_free()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            await using var kit = TestKitSystem.Deterministic(seed, throughput: 1);
            var probe = kit.CreateProbe();
            var actor = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) =>
            {
                if (message is "fail")
                {
                    throw new Boom();
                }

                me.From.Tell(me.Ctx.ChildCount);
            })
            {
                OnStart = me =>
                {
                    var nested = me.Ctx.ActorOf(Lambda.Props(() => new Lambda((_, _) => { }) { OnStart = child => child.Ctx.ActorOf(Echo.Props, "leaf") }), "same");
                    nested.Tell("x");
                },
            }));
            probe.Send(actor, "fail");
            probe.Send(actor, "?");
            probe.ExpectMsg(1);
            Assert.Equal(1, kit.System.Statistics.Failures);
        }
    }

    [Fact]
    public async Task An_actor_that_throws_takes_down_nobody_else()
    {
        await using var kit = TestKitSystem.Threaded();
        var echo = kit.ActorOf(Echo.Props);
        var failing = Enumerable.Range(0, 50).Select(_ => kit.ActorOf(Lambda.Props((_, _) => throw new Boom()))).ToList();
        for (var i = 0; i < 1000; i++)
        {
            failing[i % failing.Count].Tell(i);
            Assert.Equal(i, await echo.Ask<int>(i, Timeout.InfiniteTimeSpan));
        }
    }

    private sealed class Keeper(TestProbe probe) : ActorBase
    {
        protected override void OnReceive(object message) => Sender.Tell(Context.Child("child") ?? Context.ActorOf(Child(probe), "child"));

        protected override void PreRestart(Exception reason, object? message)
        {
        }

        protected override SupervisorStrategy SupervisorStrategy() => Always(Directive.Escalate);
    }
}
