using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class BatchTests
{
    [Fact]
    public async Task The_hook_runs_once_after_the_messages_of_a_turn()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var log = new List<string>();
        var actor = kit.ActorOf(Props.Create(() => new Collector(log)));
        kit.RunUntilIdle();
        for (var i = 0; i < 25; i++)
        {
            actor.Tell(i);
        }

        kit.RunUntilIdle();
        Assert.Equal(["10", "10", "5"], log);
        actor.Tell(1);
        kit.RunUntilIdle();
        Assert.Equal(["10", "10", "5", "1"], log);
    }

    [Fact]
    public async Task An_actor_that_ends_its_turn_lets_others_go_before_its_next_message()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 100);
        var log = new List<string>();
        var other = kit.ActorOf(Lambda.Props((_, message) => log.Add("other " + message)));
        var worker = kit.ActorOf(Lambda.Props((me, message) =>
        {
            log.Add("portion " + message);
            if (message is < 3)
            {
                me.Me.Tell((int)message + 1);
                me.Ctx.EndTurn();
            }
        }));
        kit.RunUntilIdle();
        worker.Tell(1);
        worker.Tell("end");
        Assert.True(kit.Dispatcher!.RunOne());
        Assert.Equal(["portion 1"], log);
        Assert.False(kit.Dispatcher.IsIdle);
        other.Tell("x");
        kit.RunUntilIdle();
        Assert.Equal(5, log.Count);
        Assert.Equal(["portion 1", "portion end", "portion 2", "portion 3"], log.Where(static line => line != "other x"));
    }

    [Fact]
    public async Task A_throw_in_the_hook_is_supervised()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var log = new List<string>();
        var probe = kit.CreateProbe();
        kit.System.EventStream.Subscribe<ActorFailed>(probe.Ref);
        var actor = kit.ActorOf(Props.Create(() => new Collector(log)));
        actor.Tell("fail in hook");
        Assert.Equal("hook", probe.ExpectMsg<ActorFailed>().Exception.Message);
        actor.Tell(1);
        kit.RunUntilIdle();
        Assert.Equal(["1"], log);
    }

    [Fact]
    public async Task A_failed_instance_is_not_flushed_and_its_successor_starts_empty()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var log = new List<string>();
        var actor = kit.ActorOf(Props.Create(() => new Collector(log)));
        foreach (var message in new object[] { 1, 2, "fail", 3 })
        {
            actor.Tell(message);
        }

        kit.RunUntilIdle();
        Assert.Equal(["1"], log);
    }

    [Fact]
    public async Task A_stop_flushes_what_was_collected_before_PostStop()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var log = new List<string>();
        var actor = kit.ActorOf(Props.Create(() => new Collector(log)));
        foreach (var message in new object[] { 1, 2, "stop", 3 })
        {
            actor.Tell(message);
        }

        kit.RunUntilIdle();
        Assert.Equal(["3", "stopped"], log);
    }

    [Fact]
    public async Task The_hook_also_runs_for_messages_of_a_stacked_behaviour()
    {
        await using var kit = TestKitSystem.Deterministic(throughput: 10);
        var log = new List<string>();
        var actor = kit.ActorOf(Props.Create(() => new Collector(log)));
        actor.Tell("become");
        actor.Tell(1);
        kit.RunUntilIdle();
        Assert.Equal(["become 1", "1"], log);
    }

    private sealed class Collector(List<string> log) : ActorBase, IBatchReceiver
    {
        private int _collected;
        private bool _failInHook;

        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case "fail":
                    throw new Boom();
                case "fail in hook":
                    _failInHook = true;
                    break;
                case "become":
                    BecomeStacked(one => log.Add("become " + one));
                    break;
                case "stop":
                    Context.Stop(Self);
                    break;
            }

            _collected++;
        }

        protected override void OnBatchCompleted()
        {
            if (_failInHook)
            {
                throw new Boom("hook");
            }

            log.Add(_collected.ToString());
            _collected = 0;
        }

        protected override void PostStop() => log.Add("stopped");

        protected override void PreRestart(Exception reason, object? message)
        {
        }
    }
}
