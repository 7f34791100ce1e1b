using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class DeathWatchTests
{
    [Fact]
    public async Task A_watcher_is_told_once_when_the_watched_stops()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = kit.ActorOf(Echo.Props);
        probe.Watch(actor);
        probe.Watch(actor);
        kit.System.Stop(actor);
        probe.ExpectTerminated(actor);
        Assert.Same(actor, probe.LastSender);
        probe.ExpectNoMsg();
    }

    [Fact]
    public async Task Watching_the_dead_tells_at_once()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var actor = kit.ActorOf(Echo.Props);
        kit.System.Stop(actor);
        kit.RunUntilIdle();
        probe.Watch(actor);
        probe.ExpectTerminated(actor);
        probe.Watch(actor);
        probe.ExpectTerminated(actor);
        probe.Watch(ActorRefs.Nobody);
        probe.ExpectTerminated(ActorRefs.Nobody);
    }

    [Fact]
    public async Task Watching_an_actor_that_waits_for_its_children_tells_at_its_end()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var log = new List<string>();
        var parent = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) => me.From.Tell(me.Ctx.ChildCount))
        {
            OnStart = me => me.Ctx.ActorOf(Lambda.Props(() => new Lambda((_, _) => { }) { OnStop = _ => log.Add("child") })),
            OnStop = _ => log.Add("parent"),
        }));
        probe.Send(parent, "?");
        probe.ExpectMsg(1);
        kit.System.Stop(parent);
        while (log.Count == 0)
        {
            Assert.True(kit.Dispatcher!.RunOne());
        }

        probe.Watch(parent);
        probe.ExpectTerminated(parent);
        Assert.Equal(["child", "parent"], log);
    }

    [Fact]
    public async Task The_notice_comes_after_the_last_words()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            await using var kit = TestKitSystem.Deterministic(seed, throughput: 1);
            var probe = kit.CreateProbe();
            var actor = kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => { })
            {
                OnStop = _ =>
                {
                    probe.Ref.Tell(1);
                    probe.Ref.Tell(2);
                },
            }));
            probe.Watch(actor);
            actor.Tell(PoisonPill.Instance);
            probe.ExpectMsg(1);
            probe.ExpectMsg(2);
            probe.ExpectTerminated(actor);
        }
    }

    [Fact]
    public async Task Unwatch_withdraws_also_a_notice_that_waits_in_the_mailbox_in_every_schedule()
    {
        var told = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            await using var kit = TestKitSystem.Deterministic(seed, throughput: 1);
            var target = kit.ActorOf(Echo.Props);
            var unwatched = false;
            var watcher = kit.ActorOf(Lambda.Props((me, message) =>
            {
                switch (message)
                {
                    case "watch":
                        me.Ctx.Watch(target);
                        break;
                    case "unwatch":
                        me.Ctx.Unwatch(target);
                        unwatched = true;
                        break;
                    case Terminated:
                        Assert.False(unwatched, $"seed {seed}");
                        told++;
                        break;
                }
            }));
            watcher.Tell("watch");
            kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => target.Tell(PoisonPill.Instance)))).Tell("go");
            kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => watcher.Tell("unwatch")))).Tell("go");
            for (var i = 0; i < 3; i++)
            {
                watcher.Tell("other");
            }

            kit.RunUntilIdle();
            Assert.Equal(0, kit.System.Statistics.Failures);
        }

        // Both orders occur among the seeds, else the test would prove nothing.
        Assert.InRange(told, 1, 299);
    }

    [Fact]
    public async Task WatchWith_delivers_the_given_message()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var target = kit.ActorOf(Echo.Props);
        kit.ActorOf(Lambda.Props(() => new Lambda((_, message) => probe.Ref.Tell(message)) { OnStart = me => me.Ctx.WatchWith(target, "gone") }));
        kit.RunUntilIdle();
        kit.System.Stop(target);
        probe.ExpectMsg("gone");
    }

    [Fact]
    public async Task An_unhandled_notice_is_a_death_pact()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(probe.Ref);
        var target = kit.ActorOf(Echo.Props);
        var watcher = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) => me.NotMine(message)) { OnStart = me => me.Ctx.Watch(target) }));
        kit.RunUntilIdle();
        probe.Watch(watcher);
        kit.System.Stop(target);
        Assert.IsType<DeathPactException>(probe.ExpectMsg<ActorFailed>().Exception);
        probe.ExpectTerminated(watcher);
    }

    [Fact]
    public async Task One_actor_may_have_many_watchers()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 100);
        var target = kit.ActorOf(Echo.Props);
        var told = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var leaves = i % 2 == 0;
            kit.ActorOf(Lambda.Props(() => new Lambda((_, message) => told += message is Terminated ? 1 : 0)
            {
                OnStart = me =>
                {
                    me.Ctx.Watch(target);
                    if (leaves)
                    {
                        me.Ctx.Unwatch(target);
                    }
                },
            }));
        }

        kit.RunUntilIdle();
        kit.System.Stop(target);
        kit.RunUntilIdle();
        Assert.Equal(5_000, told);
    }

    [Fact]
    public async Task A_watch_outlives_a_restart_of_the_watcher()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var target = kit.ActorOf(Echo.Props);
        var watcher = kit.ActorOf(Lambda.Props((me, message) =>
        {
            switch (message)
            {
                case "watch":
                    me.Ctx.Watch(target);
                    break;
                case "fail":
                    throw new Boom();
                case Terminated:
                    probe.Ref.Tell("told");
                    break;
            }
        }));
        watcher.Tell("watch");
        watcher.Tell("fail");
        kit.RunUntilIdle();
        kit.System.Stop(target);
        probe.ExpectMsg("told");
    }
}
