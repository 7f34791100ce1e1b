using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>Senders on threads of their own, which push straight into the mailboxes of entities that come and go.</summary>
public sealed class ShardingStressTests
{
    private const int Senders = 6;
    private const int Entities = 5;

    /// <summary>
    /// Every entity asks to go after each third message of its life; a sender is at most some messages ahead, so that entities really go. Whatever the
    /// race: nothing is lost, each sender's messages keep their order, and there is never more than one incarnation of an entity.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task Many_senders_lose_nothing_and_keep_their_order_while_entities_passivate(int throughput)
    {
        const int Messages = 10_000;
        await using var kit = TestKitSystem.Threaded(options => options with { Throughput = throughput });
        var probe = kit.CreateProbe();
        var seen = new Seen(Senders * Messages, probe.Ref);
        var region = ShardRegion.Start(
            kit.System, "thing", id => Lambda.Props(() => seen.Entity(id[0] - '0')), shardCount: 2, options: new ShardRegionOptions { BufferCapacity = int.MaxValue });
        Run(sender =>
        {
            var numbers = new int[Entities];
            for (var i = 0; i < Messages; i++)
            {
                seen.Window(sender).Wait();
                var entity = (sender + (i / 7)) % Entities;
                region.Tell(new ShardEnvelope(((char)('0' + entity)).ToString(), (sender, numbers[entity]++)));
            }
        });
        probe.ExpectMsg("all");
        Assert.Equal((0, 0), (seen.Disorder, seen.Doubles));
        Assert.Equal((0, 0), (kit.System.Statistics.DeadLetters, kit.System.Statistics.Failures));
        var stats = await region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, TimeSpan.FromSeconds(10));
        Assert.True(stats.Passivations > 500, $"Only {stats.Passivations} passivations: the race was hardly tried");
        Assert.InRange(stats.Entities, 0, Entities);
    }

    /// <summary>Entities that just stop lose what was in their mailbox, but none is ever unreachable, and the rest keeps its order.</summary>
    [Fact]
    public async Task Entities_that_stop_by_themselves_are_started_again_and_everything_is_handled_or_a_dead_letter()
    {
        const int Messages = 20_000;
        await using var kit = TestKitSystem.Threaded();
        var probe = kit.CreateProbe();
        var handled = 0;
        var region = ShardRegion.Start(
            kit.System,
            "thing",
            _ => Lambda.Props((me, _) =>
            {
                Interlocked.Increment(ref handled);
                me.Ctx.Stop(me.Me);
            }),
            shardCount: 2,
            options: new ShardRegionOptions { BufferCapacity = int.MaxValue });
        Run(sender =>
        {
            for (var i = 0; i < Messages; i++)
            {
                region.Tell(new ShardEnvelope(((char)('0' + ((sender + i) % Entities))).ToString(), i));
            }
        });
        await region.GracefulStop(TimeSpan.FromSeconds(30));
        Assert.Equal(Senders * Messages, handled + kit.System.Statistics.DeadLetters);
        Assert.Equal(0, kit.System.Statistics.Failures);
        Assert.True(handled > Entities, $"Only {handled} messages handled");
    }

    private static void Run(Action<int> send)
    {
        using var go = new Barrier(Senders);
        var threads = Enumerable.Range(0, Senders).Select(sender => new Thread(() =>
        {
            go.SignalAndWait();
            send(sender);
        })).ToList();
        threads.ForEach(static thread => thread.Start());
        threads.ForEach(static thread => thread.Join());
    }

    /// <summary>What the entities saw. Each entity writes to its own row only, one incarnation at a time, unless something is wrong.</summary>
    private sealed class Seen(int total, IActorRef report)
    {
        private readonly int[,] _next = new int[Entities, Senders];
        private readonly int[] _alive = new int[Entities];
        private readonly SemaphoreSlim[] _windows = [.. Enumerable.Range(0, Senders).Select(static _ => new SemaphoreSlim(20))];
        private int _disorder;
        private int _doubles;
        private int _total;

        public int Disorder => Volatile.Read(ref _disorder);

        public int Doubles => Volatile.Read(ref _doubles);

        public SemaphoreSlim Window(int sender) => _windows[sender];

        public Lambda Entity(int index)
        {
            var handled = 0;
            return new Lambda((me, message) =>
            {
                var (sender, number) = ((int, int))message;
                if (_next[index, sender]++ != number)
                {
                    Interlocked.Increment(ref _disorder);
                }

                _windows[sender].Release();

                if (++handled % 3 == 0)
                {
                    me.Ctx.Parent.Tell(new Passivate(PoisonPill.Instance), me.Me);
                }

                if (Interlocked.Increment(ref _total) == total)
                {
                    report.Tell("all");
                }
            })
            {
                OnStart = _ => Interlocked.Add(ref _doubles, Interlocked.Increment(ref _alive[index]) - 1),
                OnStop = _ => Interlocked.Decrement(ref _alive[index]),
            };
        }
    }
}
