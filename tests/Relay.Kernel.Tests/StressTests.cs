using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>Real threads: what the deterministic dispatcher cannot try, the races inside the mailbox.</summary>
public sealed class StressTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(256)]
    public async Task Many_producers_lose_nothing_keep_their_order_and_never_see_two_turns_at_once(int throughput)
    {
        await using var kit = TestKitSystem.Threaded(options => options with { Throughput = throughput });
        const int Producers = 8;
        const int Messages = 50_000;
        var probe = kit.CreateProbe();
        var next = new int[Producers];
        var inside = 0;
        var overlaps = 0;
        var disorder = 0;
        var total = 0;
        var sink = kit.ActorOf(Lambda.Props((_, message) =>
        {
            overlaps += Interlocked.Exchange(ref inside, 1);
            var (producer, number) = ((int, int))message;
            disorder += next[producer]++ == number ? 0 : 1;
            if (++total == Producers * Messages)
            {
                probe.Ref.Tell("all");
            }

            Volatile.Write(ref inside, 0);
        }));
        using var go = new Barrier(Producers);
        var threads = Enumerable.Range(0, Producers).Select(producer => new Thread(() =>
        {
            go.SignalAndWait();
            for (var i = 0; i < Messages; i++)
            {
                sink.Tell((producer, i));
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        probe.ExpectMsg("all");
        Assert.Equal((0, 0), (overlaps, disorder));
    }

    [Fact]
    public async Task Rings_of_actors_pass_their_tokens_without_losing_a_wake()
    {
        await using var kit = TestKitSystem.Threaded(options => options with { Throughput = 2 });
        const int Size = 100;
        const int Laps = 500;
        var probe = kit.CreateProbe();
        var ring = new IActorRef[Size];
        for (var i = 0; i < Size; i++)
        {
            var next = (i + 1) % Size;
            ring[i] = kit.ActorOf(Lambda.Props((_, message) =>
            {
                var left = (int)message;
                (left == 0 ? probe.Ref : ring[next]).Tell(left - 1);
            }));
        }

        for (var token = 0; token < 20; token++)
        {
            ring[token * 5].Tell(Size * Laps);
        }

        for (var token = 0; token < 20; token++)
        {
            probe.ExpectMsg(-1);
        }
    }

    [Fact]
    public async Task Every_message_told_to_an_actor_that_stops_is_handled_or_a_dead_letter()
    {
        const int Producers = 4;
        const int Messages = 5_000;
        for (var round = 0; round < 20; round++)
        {
            await using var kit = TestKitSystem.Threaded();
            var handled = 0;
            var stopAt = round * 500;
            var actor = kit.ActorOf(Lambda.Props((me, _) =>
            {
                if (++handled == stopAt)
                {
                    me.Ctx.Stop(me.Me);
                }
            }));
            using var go = new Barrier(Producers);
            var threads = Enumerable.Range(0, Producers).Select(_ => new Thread(() =>
            {
                go.SignalAndWait();
                for (var i = 0; i < Messages; i++)
                {
                    actor.Tell(i);
                }
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());
            await actor.GracefulStop(Timeout.InfiniteTimeSpan);
            Assert.Equal(Producers * Messages, handled + kit.System.Statistics.DeadLetters);
        }
    }

    [Fact]
    public async Task Watches_that_race_with_the_end_are_all_told()
    {
        for (var round = 0; round < 50; round++)
        {
            await using var kit = TestKitSystem.Threaded();
            const int Watchers = 50;
            var probe = kit.CreateProbe();
            var target = kit.ActorOf(Echo.Props);
            for (var i = 0; i < Watchers; i++)
            {
                kit.ActorOf(Lambda.Props(() => new Lambda((_, message) => probe.Ref.Tell(message is Terminated ? "told" : message)) { OnStart = me => me.Ctx.Watch(target) }));
                if (i == Watchers / 2)
                {
                    target.Tell(PoisonPill.Instance);
                }
            }

            for (var i = 0; i < Watchers; i++)
            {
                probe.ExpectMsg("told");
            }
        }
    }

    [Fact]
    public async Task Failures_under_load_lose_only_the_messages_that_failed()
    {
        await using var kit = TestKitSystem.Threaded();
        const int Messages = 20_000;
        var handled = 0;
        var actor = kit.ActorOf(Lambda.Props((_, message) =>
        {
            if ((int)message % 10 == 0)
            {
                throw new Boom();
            }

            handled++;
        }));
        for (var i = 0; i < Messages; i++)
        {
            actor.Tell(i);
        }

        Assert.True(await actor.GracefulStop(Timeout.InfiniteTimeSpan));
        Assert.Equal(Messages - (Messages / 10), handled);
        Assert.Equal((Messages / 10, Messages / 10), (kit.System.Statistics.Failures, kit.System.Statistics.Restarts));
    }
}
