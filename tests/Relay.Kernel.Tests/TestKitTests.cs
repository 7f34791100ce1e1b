using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class TestKitTests
{
    [Fact]
    public async Task The_same_seed_gives_the_same_schedule_and_another_seed_another()
    {
        var first = await TraceAsync(42);
        Assert.Equal(first, await TraceAsync(42));
        Assert.True(Enumerable.Range(0, 20).Select(TraceAsync).Select(one => one.Result.Order).Distinct(StringComparer.Ordinal).Count() > 10);
    }

    [Fact]
    public async Task Several_systems_share_one_clock_and_one_schedule()
    {
        var dispatcher = new DeterministicDispatcher(7);
        var time = new ManualTime { Settle = () => dispatcher.RunUntilIdle() };
        await using var one = TestKitSystem.Join("one", time, dispatcher);
        await using var two = TestKitSystem.Join("two", time, dispatcher);
        var probe = one.CreateProbe();
        var echo = two.ActorOf(Echo.Props);
        probe.Send(echo, 1);
        probe.ExpectMsg(1);
        Assert.Equal("actor://two/user/$3", echo.Path.ToString());
        probe.Watch(echo);
        two.System.Stop(echo);
        probe.ExpectTerminated(echo);
    }

    [Fact]
    public void Timers_fire_in_the_order_of_their_due_times()
    {
        var time = new ManualTime();
        var log = new List<string>();
        using var late = Timer("late", 3);
        using var early = Timer("early", 1);
        using var second = Timer("same instant, set later", 3);
        using var never = Timer("disposed", 2);
        never.Dispose();
        using var repeated = time.CreateTimer(_ => log.Add($"tick {time.Elapsed.TotalSeconds}"), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(["early 1", "tick 2", "late 3", "same instant, set later 3", "tick 4"], log);
        Assert.Equal(TimeSpan.FromSeconds(6), time.NextDue);
        Assert.True(time.AdvanceToNext());
        Assert.Equal("tick 6", log[^1]);

        ITimer Timer(string name, int seconds) => time.CreateTimer(
            _ => log.Add($"{name} {time.Elapsed.TotalSeconds}"), null, TimeSpan.FromSeconds(seconds), Timeout.InfiniteTimeSpan);
    }

    [Fact]
    public void A_timer_set_by_a_timer_fires_within_the_same_advance()
    {
        var time = new ManualTime();
        var log = new List<TimeSpan>();
        ITimer? inner = null;
        using var outer = time.CreateTimer(
            _ => inner = time.CreateTimer(_ => log.Add(time.Elapsed), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan),
            null,
            TimeSpan.FromSeconds(1),
            Timeout.InfiniteTimeSpan);
        time.Advance(TimeSpan.FromSeconds(5));
        inner!.Dispose();
        Assert.Equal([TimeSpan.FromSeconds(2)], log);
        Assert.Equal(TimeSpan.FromSeconds(5), time.GetElapsedTime(0));
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 5, TimeSpan.Zero), time.GetUtcNow());
        time.JumpWallClock(TimeSpan.FromHours(1));
        Assert.Equal(1, time.GetUtcNow().Hour);
        Assert.Equal(TimeSpan.FromSeconds(5), time.Elapsed);
    }

    [Fact]
    public async Task Expectations_that_are_not_met_throw()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        Assert.Throws<ExpectationFailedException>(() => probe.ExpectMsg<int>());
        probe.Ref.Tell("x");
        Assert.Throws<ExpectationFailedException>(() => probe.ExpectMsg<int>());
        probe.Ref.Tell("x");
        Assert.Throws<ExpectationFailedException>(() => probe.ExpectMsg("y"));
        probe.Ref.Tell("x");
        Assert.Throws<ExpectationFailedException>(() => probe.ExpectNoMsg());
        probe.Ref.Tell(1);
        probe.Ref.Tell("x");
        Assert.Equal("x", probe.FishForMessage<string>());
        Assert.Throws<ExpectationFailedException>(() => kit.Await(new TaskCompletionSource().Task));
    }

    [Fact]
    public async Task A_turn_cannot_run_other_turns()
    {
        await using var kit = TestKitSystem.Deterministic();
        Exception? refused = null;
        kit.ActorOf(Lambda.Props((_, _) => refused = Assert.Throws<InvalidOperationException>(kit.RunUntilIdle))).Tell("x");
        kit.RunUntilIdle();
        Assert.NotNull(refused);
    }

    [Fact]
    public async Task A_system_that_never_rests_is_noticed()
    {
        var dispatcher = new DeterministicDispatcher(1) { MaxTurnsPerRun = 100 };
        var kit = TestKitSystem.Join("busy", new ManualTime(), dispatcher);
        var stop = false;
        kit.ActorOf(Lambda.Props((me, message) =>
        {
            if (!stop)
            {
                me.Me.Tell(message);
            }
        })).Tell("again");
        Assert.Contains("seed 1", Assert.Throws<InvalidOperationException>(kit.RunUntilIdle).Message, StringComparison.Ordinal);
        stop = true;
        await kit.DisposeAsync();
    }

    [Fact]
    public async Task A_probe_replies_and_works_on_real_threads()
    {
        await using var kit = TestKitSystem.Threaded();
        var probe = kit.CreateProbe();
        var ask = probe.Ref.Ask<string>("question", Timeout.InfiniteTimeSpan);
        probe.ExpectMsg("question");
        probe.Reply("answer");
        Assert.Equal("answer", await ask);
        Assert.Throws<InvalidOperationException>(() => probe.ExpectNoMsg());
    }

    [Fact]
    public async Task Randomness_of_the_system_follows_the_seed()
    {
        await using var one = TestKitSystem.Deterministic(seed: 9);
        await using var two = TestKitSystem.Deterministic(seed: 9);
        Assert.Equal(one.System.CreateRandom().Next(), two.System.CreateRandom().Next());
        Assert.Equal(one.System.CreateRandom().Next(), two.System.CreateRandom().Next());
    }

    private static async Task<(ulong Hash, long Turns, string Order)> TraceAsync(int seed)
    {
        await using var kit = TestKitSystem.Deterministic(seed, throughput: 1);
        var order = new List<int>();
        var limits = new RestartLimits { MinBackoff = TimeSpan.FromMilliseconds(10) };
        var parent = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) =>
        {
            for (var i = 0; i < 10; i++)
            {
                var number = i;
                me.Ctx.ActorOf(Lambda.Props((child, one) =>
                {
                    order.Add(number);
                    if (one is 3)
                    {
                        throw new Boom();
                    }

                    if ((int)one < 6)
                    {
                        child.Me.Tell((int)one + 1);
                    }
                })).Tell(number % 3);
            }
        })
        {
            Strategist = () => new OneForOneStrategy(_ => Directive.Restart, limits),
        }));
        parent.Tell("go");
        kit.RunUntilIdle();
        kit.Advance(TimeSpan.FromSeconds(1));
        return (kit.Dispatcher!.TraceHash, kit.Dispatcher.Turns, string.Join(',', order));
    }
}
