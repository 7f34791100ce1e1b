using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class LifecycleTests
{
    [Fact]
    public async Task Children_stop_before_their_parent()
    {
        await using var kit = TestKitSystem.Deterministic(seed: 5);
        var log = new List<string>();
        var root = kit.ActorOf(Nested(log, "0", 4));
        kit.RunUntilIdle();
        kit.System.Stop(root);
        kit.RunUntilIdle();
        Assert.Equal(["0.0.0.0", "0.0.0", "0.0", "0"], log);
        Assert.Equal(0, kit.System.Statistics.LiveActors);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_parent_of_a_hundred_thousand_stops_without_recursion(bool named)
    {
        await using var kit = TestKitSystem.Threaded();
        const int Count = 100_000;
        var parent = kit.ActorOf(Lambda.Props((me, message) =>
        {
            for (var i = 0; i < Count; i++)
            {
                me.Ctx.ActorOf(Echo.Props, named ? "child-" + i : null);
            }

            me.From.Tell(me.Ctx.ChildCount);
        }));
        Assert.Equal(Count, await parent.Ask<int>("start", Timeout.InfiniteTimeSpan));
        Assert.True(await parent.GracefulStop(Timeout.InfiniteTimeSpan));
        Assert.True(await kit.System.TerminateAsync(Timeout.InfiniteTimeSpan));
        Assert.Equal(0, kit.System.Statistics.LiveActors);
    }

    [Fact]
    public async Task A_deep_line_of_actors_stops_without_recursion()
    {
        await using var kit = TestKitSystem.Deterministic();
        var log = new List<string>();
        kit.ActorOf(Nested(log, string.Empty, 20_000));
        kit.RunUntilIdle();
        Assert.Equal(20_000, kit.System.Statistics.LiveActors);
        Assert.True(kit.Await(kit.System.TerminateAsync(Timeout.InfiniteTimeSpan)));
        Assert.Equal(20_000, log.Count);
    }

    [Fact]
    public async Task Children_are_listed_oldest_first_and_found_by_name()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var parent = kit.ActorOf(Lambda.Props(() => new Lambda((me, message) =>
        {
            if (message is string name)
            {
                me.Ctx.Stop(me.Ctx.Child(name)!);
            }

            me.From.Tell(string.Join(' ', me.Ctx.Children.Select(one => one.Path.Name)));
        })
        {
            OnStart = me =>
            {
                foreach (var name in new[] { "a", "b", "c", "d" })
                {
                    me.Ctx.ActorOf(Echo.Props, name);
                }

                Assert.Null(me.Ctx.Child("e"));
                Assert.Same(me.Me, me.Ctx.Self);
            },
        }));
        probe.Send(parent, 0);
        probe.ExpectMsg("a b c d");
        probe.Send(parent, "b");
        probe.ExpectMsg("a b c d");
        probe.Send(parent, 0);
        probe.ExpectMsg("a c d");
        probe.Send(parent, "d");
        probe.Send(parent, 0);
        probe.ExpectMsg("a c d");
        kit.RunUntilIdle();
        probe.FishForMessage<string>();
        probe.Send(parent, 0);
        probe.ExpectMsg("a c");
    }

    [Fact]
    public async Task A_stopping_actor_starts_no_more_children()
    {
        await using var kit = TestKitSystem.Deterministic();
        Exception? refused = null;
        var actor = kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => { })
        {
            OnStop = me => refused = Assert.Throws<InvalidOperationException>(() => me.Ctx.ActorOf(Echo.Props)),
        }));
        kit.System.Stop(actor);
        kit.RunUntilIdle();
        Assert.NotNull(refused);
        Assert.Equal(0, kit.System.Statistics.Failures);
        kit.Await(kit.System.TerminateAsync(Timeout.InfiniteTimeSpan));
        Assert.Throws<InvalidOperationException>(() => kit.ActorOf(Echo.Props));
    }

    [Fact]
    public async Task Termination_completes_when_all_have_stopped_and_says_when_it_is_late()
    {
        await using var kit = TestKitSystem.Deterministic();
        kit.ActorOf(Echo.Props);
        var late = kit.System.TerminateAsync(TimeSpan.FromSeconds(1));
        kit.Time.Settle = null;
        kit.Advance(TimeSpan.FromSeconds(1));
        Assert.True(late.IsCompletedSuccessfully);
        Assert.False(await late);
        Assert.True(kit.Await(kit.System.TerminateAsync(TimeSpan.FromSeconds(1))));
        Assert.True(kit.System.WhenTerminated.IsCompletedSuccessfully);
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task Actors_started_from_many_threads_while_the_system_ends_are_all_stopped_or_refused()
    {
        for (var round = 0; round < 20; round++)
        {
            var kit = TestKitSystem.Threaded();
            var started = 0;
            var ended = 0;
            using var go = new Barrier(3);
            var threads = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
            {
                go.SignalAndWait();
                try
                {
                    while (true)
                    {
                        kit.ActorOf(Lambda.Props(() => new Lambda((_, _) => { }) { OnStop = _ => Interlocked.Increment(ref ended) }));
                        Interlocked.Increment(ref started);
                    }
                }
                catch (InvalidOperationException)
                {
                    // The refusal the test waits for.
                    return;
                }
            })).ToList();
            threads.ForEach(thread => thread.Start());
            go.SignalAndWait();
            Assert.True(await kit.System.TerminateAsync(Timeout.InfiniteTimeSpan));
            threads.ForEach(thread => thread.Join());
            Assert.Equal(started, ended);
            Assert.Equal(0, kit.System.Statistics.LiveActors);
        }
    }

    [Fact]
    public async Task A_graceful_stop_waits_for_the_end_or_its_time()
    {
        await using var kit = TestKitSystem.Deterministic();
        var actor = kit.ActorOf(Lambda.Props((_, _) => { }));
        var refusing = actor.GracefulStop(TimeSpan.FromSeconds(1), "please");
        kit.Advance(TimeSpan.FromSeconds(1));
        Assert.False(kit.Await(refusing));
        Assert.True(kit.Await(actor.GracefulStop(TimeSpan.FromSeconds(1))));
        Assert.True(kit.Await(actor.GracefulStop(TimeSpan.FromSeconds(1))));
        Assert.Equal(0, kit.Time.ActiveTimers);
        Assert.Equal(0, kit.System.Statistics.LiveActors);
        kit.Await(kit.System.TerminateAsync(Timeout.InfiniteTimeSpan));
        Assert.True(kit.Await(actor.GracefulStop(TimeSpan.FromSeconds(1))));
    }

    [Fact]
    public async Task A_stop_for_an_actor_of_another_system_is_refused()
    {
        await using var one = TestKitSystem.Deterministic();
        await using var other = TestKitSystem.Deterministic();
        var actor = other.ActorOf(Echo.Props);
        Assert.Throws<ArgumentException>(() => one.System.Stop(actor));
    }

    [Fact]
    public void Impossible_options_are_refused_by_name()
    {
        Assert.Contains("Throughput", Assert.Throws<ArgumentException>(() => ActorSystem.Create("x", new ActorSystemOptions { Throughput = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("StashCapacity", Assert.Throws<ArgumentException>(() => ActorSystem.Create("x", new ActorSystemOptions { StashCapacity = 0 })).Message, StringComparison.Ordinal);
    }

    private static Props Nested(List<string> log, string name, int depth) => Lambda.Props(() => new Lambda((_, _) => { })
    {
        OnStart = me =>
        {
            if (depth > 1)
            {
                me.Ctx.ActorOf(Nested(log, name.Length == 0 ? name : name + ".0", depth - 1));
            }
        },
        OnStop = _ => log.Add(name),
    });
}
