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
