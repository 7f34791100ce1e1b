using System.Text;
using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class ShardingTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("", 0xcbf29ce484222325)]
    [InlineData("a", 0xaf63dc4c8601ec8c)]
    [InlineData("foobar", 0x85944171f73967e8)]
    public void The_hash_agrees_with_the_published_vectors(string text, ulong expected) => Assert.Equal(expected, ShardHash.Fnv1A(text));

    [Fact]
    public void The_hash_is_of_the_utf8_bytes()
    {
        foreach (var text in new[] { "grün", "日本語", "a😀b", "mixed é 漢 🚀" })
        {
            var hash = 14695981039346656037ul;
            foreach (var one in Encoding.UTF8.GetBytes(text))
            {
                hash = unchecked((hash ^ one) * 1099511628211ul);
            }

            Assert.Equal(hash, ShardHash.Fnv1A(text));
        }
    }

    [Fact]
    public void Ids_spread_over_the_shards()
    {
        var counts = new int[256];
        for (var i = 0; i < 256_000; i++)
        {
            counts[ShardHash.ShardOf("channel-" + i, 256)]++;
        }

        // 1000 expected each, standard deviation 32: within six of them.
        Assert.InRange(counts.Min(), 810, 1000);
        Assert.InRange(counts.Max(), 1000, 1190);
    }

    [Fact]
    public async Task An_entity_is_started_by_its_first_message_and_gets_envelopes_unwrapped()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var started = new List<string>();
        var region = ShardRegion.Start(kit.System, "thing", id =>
        {
            started.Add(id);
            return Echo.Props;
        });
        probe.Send(region, new ShardEnvelope("a/b", "hello"));
        probe.ExpectMsg("hello");
        Assert.Equal($"actor://test/system/sharding-thing/{ShardHash.ShardOf("a/b", 256)}/a%2Fb", probe.LastSender.Path.ToString());
        probe.Send(region, new Direct("a/b", 5));
        probe.ExpectMsg(new Direct("a/b", 5));
        probe.Send(region, new ShardEnvelope("c", 1));
        probe.ExpectMsg(1);
        Assert.Equal(["a/b", "c"], started);
        Assert.Throws<InvalidActorNameException>(() => ShardRegion.Start(kit.System, "thing", _ => Echo.Props));
    }

    [Fact]
    public async Task Statistics_count_entities_per_shard()
    {
        await using var kit = TestKitSystem.Deterministic();
        var region = ShardRegion.Start(kit.System, "thing", _ => Echo.Props, shardCount: 4);
        for (var i = 0; i < 100; i++)
        {
            region.Tell(new ShardEnvelope("id" + i, "x"));
        }

        kit.RunUntilIdle();
        var stats = kit.Await(region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, Second));
        Assert.Equal("thing", stats.TypeName);
        Assert.Equal(100, stats.Entities);
        Assert.Equal([0, 1, 2, 3], stats.EntitiesByShard.Keys);
        for (var shard = 0; shard < 4; shard++)
        {
            Assert.Equal(Enumerable.Range(0, 100).Count(i => ShardHash.ShardOf("id" + i, 4) == shard), stats.EntitiesByShard[shard]);
        }
    }

    [Fact]
    public async Task A_message_without_entity_is_unhandled_and_an_empty_id_is_refused_to_its_sender()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", id => id is "bad" ? throw new Boom("props") : Echo.Props);
        probe.Send(region, "what?");
        Assert.Equal(1, kit.System.Statistics.Unhandled);
        probe.Send(region, new ShardEnvelope(string.Empty, 1));
        Assert.IsType<InvalidActorNameException>(probe.ExpectMsg<Status.Failure>().Cause);
        probe.Send(region, new ShardEnvelope("bad", 1));
        Assert.Equal("props", probe.ExpectMsg<Status.Failure>().Cause.Message);
        Assert.Equal((2, 2), (kit.System.Statistics.Failures, kit.System.Statistics.DeadLetters));
    }

    [Fact]
    public async Task A_failing_entity_is_restarted_with_back_off_and_keeps_its_mailbox()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props((me, message) =>
        {
            if (message is "fail")
            {
                throw new Boom();
            }

            me.From.Tell(message);
        }));
        probe.Send(region, new ShardEnvelope("a", "fail"));
        probe.Send(region, new ShardEnvelope("a", 1));
        probe.ExpectNoMsg(TimeSpan.FromMilliseconds(99));
        kit.Advance(TimeSpan.FromMilliseconds(21));
        probe.ExpectMsg(1);
    }

    /// <summary>
    /// Entities passivate all the time while several senders keep writing. Whatever the schedule: nothing is lost, each sender's messages
    /// keep their order, and there is never more than one incarnation of an entity.
    /// </summary>
    [Fact]
    public async Task Passivation_loses_nothing_and_keeps_order_in_every_schedule()
    {
        long passivations = 0;
        for (var seed = 0; seed < 400; seed++)
        {
            passivations += await RunPassivationRaceAsync(seed);
        }

        Assert.True(passivations > 1000, $"Only {passivations} passivations: the race was hardly tried");
    }

    private static async Task<long> RunPassivationRaceAsync(int seed)
    {
        const int Senders = 3;
        const int Messages = 30;
        await using var kit = TestKitSystem.Deterministic(seed, throughput: 1 + (seed % 3));
        var seen = new List<(int Sender, int Number)>[2];
        var alive = new int[2];
        for (var entity = 0; entity < 2; entity++)
        {
            seen[entity] = [];
        }

        var region = ShardRegion.Start(kit.System, "thing", id =>
        {
            var index = id[^1] - '0';
            var handled = 0;
            return Lambda.Props(() => new Lambda((me, message) =>
            {
                if (message is "stop")
                {
                    me.Ctx.Stop(me.Me);
                    return;
                }

                seen[index].Add(((int, int))message);
                if (++handled % 4 == 0)
                {
                    object stop = index == 0 ? PoisonPill.Instance : "stop";
                    me.Ctx.Parent.Tell(new Passivate(stop), me.Me);
                    me.Ctx.Parent.Tell(new Passivate(stop), me.Me);
                }
            })
            {
                OnStart = _ => Assert.Equal(1, ++alive[index]),
                OnStop = _ => alive[index]--,
            });
        });
        for (var sender = 0; sender < Senders; sender++)
        {
            var number = sender;
            var sent = 0;
            kit.ActorOf(Lambda.Props((me, message) =>
            {
                region.Tell(new ShardEnvelope("entity-0", (number, sent)));
                region.Tell(new ShardEnvelope("entity-1", (number, sent)));
                if (++sent < Messages)
                {
                    me.Me.Tell(message);
                }
            })).Tell("go");
        }

        kit.RunUntilIdle();
        foreach (var log in seen)
        {
            for (var sender = 0; sender < Senders; sender++)
            {
                Assert.True(
                    Enumerable.Range(0, Messages).SequenceEqual(log.Where(one => one.Sender == sender).Select(one => one.Number)),
                    $"seed {seed}: sender {sender} lost messages or order");
            }
        }

        Assert.Equal((0, 0), (kit.System.Statistics.DeadLetters, kit.System.Statistics.Failures));
        return kit.Await(region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, Second)).Passivations;
    }

    [Fact]
    public async Task Passivation_loses_nothing_on_real_threads()
    {
        await using var kit = TestKitSystem.Threaded();
        const int Senders = 4;
        const int Messages = 20_000;
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props(() =>
        {
            var handled = 0;
            return new Lambda((me, message) =>
            {
                me.From.Tell(message);
                if (++handled == 50)
                {
                    me.Ctx.Parent.Tell(new Passivate(PoisonPill.Instance), me.Me);
                }
            });
        }), options: new ShardRegionOptions { BufferCapacity = int.MaxValue });
        for (var sender = 0; sender < Senders; sender++)
        {
            kit.ActorOf(Props.Create(() => new Checker(region, Messages, probe.Ref))).Tell("go");
        }

        for (var sender = 0; sender < Senders; sender++)
        {
            probe.ExpectMsg("complete and in order");
        }

        Assert.Equal(0, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task The_buffer_of_a_leaving_entity_is_bounded_and_its_overflow_is_counted()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var leave = true;
        var region = ShardRegion.Start(
            kit.System,
            "thing",
            _ => Lambda.Props((me, message) =>
            {
                if (message is "leave" && leave)
                {
                    me.Ctx.Parent.Tell(new Passivate("really stop"), me.Me);
                }
                else if (message is int)
                {
                    me.From.Tell(message);
                }
                else if (message is "really stop" && !leave)
                {
                    me.Ctx.Stop(me.Me);
                }
            }),
            options: new ShardRegionOptions { BufferCapacity = 3 });
        probe.Send(region, new ShardEnvelope("a", "leave"));
        kit.RunUntilIdle();

        // It has not obeyed its stop message: the shard goes on buffering.
        for (var i = 0; i < 5; i++)
        {
            probe.Send(region, new ShardEnvelope("a", i));
        }

        probe.ExpectNoMsg();
        Assert.Equal(2, kit.System.Statistics.DeadLetters);
        Assert.Equal(2, kit.Await(region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, Second)).Overflowed);
    }

    [Fact]
    public async Task An_idle_entity_may_passivate_itself_by_its_receive_timeout()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var starts = 0;
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props(() => new Lambda((me, message) =>
        {
            if (message is ReceiveTimeout)
            {
                me.Ctx.Parent.Tell(new Passivate(PoisonPill.Instance), me.Me);
            }
            else
            {
                me.From.Tell(message);
            }
        })
        {
            OnStart = me =>
            {
                starts++;
                me.Ctx.SetReceiveTimeout(Second);
            },
        }));
        probe.Send(region, new ShardEnvelope("a", 1));
        probe.ExpectMsg(1);
        kit.Advance(2 * Second);
        Assert.Equal(0, kit.Await(region.Ask<ShardRegionStats>(GetShardRegionStats.Instance, Second)).Entities);
        probe.Send(region, new ShardEnvelope("a", 2));
        probe.ExpectMsg(2);
        Assert.Equal(2, starts);
    }

    [Fact]
    public async Task An_entity_that_stopped_by_itself_is_started_again()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props((me, message) =>
        {
            me.From.Tell(message);
            me.Ctx.Stop(me.Me);
        }));
        for (var i = 0; i < 3; i++)
        {
            probe.Send(region, new ShardEnvelope("a", i));
            probe.ExpectMsg(i);
        }
    }

    [Fact]
    public async Task Entities_and_buffers_outlive_a_failure_of_their_shard_and_of_the_region()
    {
        var restart = new OneForOneStrategy(_ => Directive.Restart);
        await using var kit = TestKitSystem.Deterministic(configure: options => options with { GuardianStrategy = restart });
        var probe = kit.CreateProbe();
        var starts = 0;
        IActorRef? shard = null;
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props(() => new Lambda((me, message) =>
        {
            shard = me.Ctx.Parent;
            me.From.Tell(message);
        })
        {
            OnStart = _ => starts++,
        }));
        probe.Send(region, new ShardEnvelope("a", 1));
        probe.ExpectMsg(1);
        region.Tell(Kill.Instance);
        shard!.Tell(Kill.Instance);
        probe.Send(region, new ShardEnvelope("a", 2));
        probe.ExpectMsg(2);
        Assert.Equal((1, 2), (starts, kit.System.Statistics.Failures));
    }

    [Fact]
    public async Task A_region_can_be_watched_and_stopped_like_an_actor()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", _ => Echo.Props);
        probe.Send(region, new ShardEnvelope("a", 1));
        probe.ExpectMsg(1);
        probe.Watch(region);
        Assert.True(kit.Await(region.GracefulStop(Second)));
        probe.ExpectTerminated(region);
        probe.Send(region, new ShardEnvelope("a", 1));
        probe.Send(region, new ShardEnvelope("never used before", 1));
        probe.ExpectNoMsg();
        Assert.Equal(2, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task What_is_kept_when_the_region_stops_becomes_dead_letters()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var region = ShardRegion.Start(kit.System, "thing", _ => Lambda.Props((me, message) =>
        {
            if (message is "leave")
            {
                me.Ctx.Parent.Tell(new Passivate("not obeyed"), me.Me);
            }
        }));
        probe.Send(region, new ShardEnvelope("a", "leave"));
        kit.RunUntilIdle();
        region.Tell(new ShardEnvelope("a", 1));
        region.Tell(new ShardEnvelope("a", 2));
        Assert.True(kit.Await(region.GracefulStop(Second)));
        region.Tell(new ShardEnvelope("a", 3));
        Assert.Equal((3, 0), (kit.System.Statistics.DeadLetters, kit.System.Statistics.Failures));
    }

    /// <summary>The recipe and the handlers of failures run outside of the shard's lock: they may tell any entity anything.</summary>
    [Fact]
    public async Task A_recipe_and_a_handler_of_dead_letters_may_tell_other_entities()
    {
        await using var kit = TestKitSystem.Threaded();
        var probe = kit.CreateProbe();
        IActorRef? region = null;
        region = ShardRegion.Start(
            kit.System,
            "thing",
            id =>
            {
                if (id[0] == 'a')
                {
                    region!.Tell(new ShardEnvelope("b" + id, "told by a recipe"), probe.Ref);
                }

                return id[0] == 'c' ? throw new Boom() : Echo.Props;
            },
            shardCount: 2);
        using var subscription = kit.System.EventStream.Subscribe<DeadLetter>(
            letter => region.Tell(new ShardEnvelope("d", "told of " + letter.Message), probe.Ref));
        var crossing = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                region.Tell(new ShardEnvelope("a" + i, "x"));
                region.Tell(new ShardEnvelope("c" + i, i));
            }
        })).ToList();
        crossing.ForEach(static thread => thread.Start());
        crossing.ForEach(static thread => thread.Join());
        for (var i = 0; i < 1000; i++)
        {
            Assert.StartsWith("told ", probe.ExpectMsg<string>());
        }
    }

    private sealed record Direct(string EntityId, int Value) : IShardMessage;

    /// <summary>Writes to one entity, a window at a time, and checks the echoes.</summary>
    private sealed class Checker(IActorRef region, int total, IActorRef report) : ActorBase
    {
        private int _sent;
        private int _seen;

        protected override void OnReceive(object message)
        {
            if (message is int number)
            {
                if (number != _seen++)
                {
                    report.Tell($"expected {_seen - 1}, got {number}");
                }

                if (_seen == total)
                {
                    report.Tell("complete and in order");
                }
            }

            for (; _sent < total && _sent - _seen < 100; _sent++)
            {
                region.Tell(new ShardEnvelope("shared", _sent), Self);
            }
        }
    }
}
