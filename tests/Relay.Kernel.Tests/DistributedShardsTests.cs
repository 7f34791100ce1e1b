using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>What becomes of messages for a shard that comes, goes, or is nobody's.</summary>
public sealed class DistributedShardsTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Refusals _refusals = new();

    [Fact]
    public async Task Messages_wait_until_somebody_says_whose_the_shard_is_and_keep_their_order()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var shards = Start(kit, _ => Echo.Props);
        for (var i = 0; i < 5; i++)
        {
            probe.Send(shards.Region, new ShardEnvelope("a", i));
        }

        probe.ExpectNoMsg();
        Assert.Equal(5, shards.CountHeld());
        shards.Serve(0);
        Assert.Equal([0, 1, 2, 3, 4], probe.ReceiveN<int>(5));
        Assert.Equal(0, shards.CountHeld());
    }

    [Fact]
    public async Task A_shard_that_is_elsewhere_gets_its_messages_there_as_they_were_told()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (probe, owner) = (kit.CreateProbe(), kit.CreateProbe());
        var shards = Start(kit, _ => throw new Boom("no entity is to be started"));
        shards.SendTo(0, owner.Ref);
        probe.Send(shards.Region, new ShardEnvelope("a", 1));
        owner.ExpectMsg(new ShardEnvelope("a", 1));
        Assert.Same(probe.Ref, owner.LastSender);
    }

    [Fact]
    public async Task What_is_brought_back_goes_before_what_came_since()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (probe, owner) = (kit.CreateProbe(), kit.CreateProbe());
        var shards = Start(kit, _ => Echo.Props);
        shards.Hold(0);
        probe.Send(shards.Region, new ShardEnvelope("a", 3));
        shards.Return(0, [(new ShardEnvelope("a", 1), probe.Ref), (new ShardEnvelope("a", 2), probe.Ref)]);
        shards.SendTo(0, owner.Ref);
        Assert.Equal([1, 2, 3], owner.ReceiveN<ShardEnvelope>(3).Select(static one => (int)one.Message));
    }

    [Fact]
    public async Task Beyond_its_capacity_a_shard_refuses_what_can_be_refused_and_the_rest_is_a_dead_letter()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var shards = Start(kit, _ => Echo.Props, capacity: 2);
        foreach (var message in (object[])["1", "2", "3", 4])
        {
            probe.Send(shards.Region, new ShardEnvelope("a", message));
        }

        Assert.Equal(["3"], _refusals.Refused);
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
        shards.Serve(0);
        Assert.Equal(["1", "2"], probe.ReceiveN<string>(2));
        probe.ExpectNoMsg();
    }

    [Fact]
    public async Task What_waits_too_long_is_refused_and_what_cannot_be_refused_waits_on()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var shards = Start(kit, _ => Echo.Props);
        probe.Send(shards.Region, new ShardEnvelope("a", "old"));
        probe.Send(shards.Region, new ShardEnvelope("a", 1));
        kit.Advance(3 * Second);
        probe.Send(shards.Region, new ShardEnvelope("a", "young"));
        kit.Advance(2 * Second);
        shards.RefuseOlder(5 * Second);
        Assert.Equal(["old"], _refusals.Refused);
        Assert.Equal(2, shards.CountHeld());
        shards.Serve(0);
        probe.ExpectMsg(1);
        probe.ExpectMsg("young");
    }

    [Fact]
    public async Task What_somebody_brings_again_himself_can_be_forgotten()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (one, other) = (kit.CreateProbe(), kit.CreateProbe());
        var shards = Start(kit, _ => Echo.Props);
        one.Send(shards.Region, new ShardEnvelope("a", 1));
        other.Send(shards.Region, new ShardEnvelope("a", 2));
        one.Send(shards.Region, new ShardEnvelope("a", 3));
        shards.Drop(0, sender => sender == one.Ref);
        shards.Serve(0);
        other.ExpectMsg(2);
        one.ExpectNoMsg();
    }

    [Fact]
    public async Task Entities_end_behind_what_came_before_and_what_comes_later_waits_for_the_next_owner()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var shards = Start(kit, _ => Leaver());
        shards.Serve(0);
        probe.Send(shards.Region, new ShardEnvelope("a", 1));
        probe.Send(shards.Region, new ShardEnvelope("b", 1));
        var emptied = 0;
        shards.Evict(0, "go", () => emptied++);
        probe.Send(shards.Region, new ShardEnvelope("a", 2));
        Assert.Equal([1, 1], probe.ReceiveN<int>(2));
        probe.ExpectNoMsg();
        Assert.Equal((1, 1), (emptied, shards.CountHeld()));
        shards.Serve(0);
        probe.ExpectMsg(2);
    }

    [Fact]
    public async Task An_empty_shard_is_empty_at_once()
    {
        await using var kit = TestKitSystem.Deterministic();
        var shards = Start(kit, _ => Leaver());
        var emptied = 0;
        shards.Evict(0, "go", () => emptied++);
        shards.Serve(0);
        shards.Evict(0, "go", () => emptied++);
        Assert.Equal(2, emptied);
    }

    /// <summary>An entity that passivates waits for its journal; when the shard is lost it has to hear of that, or it waits for ever and the shard never ends.</summary>
    [Fact]
    public async Task An_entity_that_passivates_is_told_as_well_why_its_shard_ends()
    {
        await using var kit = TestKitSystem.Deterministic();
        var told = new List<object>();
        var shards = Start(kit, _ => Lambda.Props((me, message) =>
        {
            told.Add(message);
            if (message is 1)
            {
                me.Ctx.Parent.Tell(new Passivate("rest"), me.Me);
            }
            else if (message is "lost")
            {
                me.Ctx.Stop(me.Me);
            }
        }));
        shards.Serve(0);
        shards.Region.Tell(new ShardEnvelope("a", 1));
        kit.RunUntilIdle();
        var emptied = new List<string>();
        shards.Evict(0, "rest", () => emptied.Add("first"));
        kit.RunUntilIdle();
        Assert.Equal([1, "rest"], told);
        shards.Evict(0, "lost", () => emptied.Add("second"));
        kit.RunUntilIdle();
        Assert.Equal([1, "rest", "lost"], told);
        Assert.Equal(["second"], emptied);
        Assert.Equal(0, kit.System.Statistics.DeadLetters);
    }

    /// <summary>What was kept for a passivating entity came before the door was shut: it stood behind what came later, so a sender's messages changed places.</summary>
    [Fact]
    public async Task What_was_kept_for_a_passivating_entity_goes_before_what_the_door_holds()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var shards = Start(kit, _ => Lambda.Props((me, message) =>
        {
            if (message is "stop")
            {
                me.Ctx.Parent.Tell(new Passivate("rest"), me.Me);
            }
            else if (message is "lost")
            {
                me.Ctx.Stop(me.Me);
            }
            else if (message is int)
            {
                me.From.Tell(message);
            }
        }));
        shards.Serve(0);
        probe.Send(shards.Region, new ShardEnvelope("a", "stop"));
        kit.RunUntilIdle();
        probe.Send(shards.Region, new ShardEnvelope("a", 1));
        shards.Hold(0);
        probe.Send(shards.Region, new ShardEnvelope("a", 2));
        shards.Evict(0, "lost", static () => { });
        kit.RunUntilIdle();
        shards.Serve(0);
        Assert.Equal([1, 2], probe.ReceiveN<int>(2));
    }

    [Fact]
    public async Task When_the_region_stops_messages_are_dead_letters()
    {
        await using var kit = TestKitSystem.Deterministic();
        var shards = Start(kit, _ => Echo.Props);
        shards.Serve(0);
        kit.System.Stop(shards.Region);
        kit.RunUntilIdle();
        shards.Evict(0, "go", static () => { });
        shards.Serve(0);
        shards.Region.Tell(new ShardEnvelope("a", 1));
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Who_watches_a_proxy_is_told_when_the_actor_it_lives_with_ends_however_late_it_watches()
    {
        await using var kit = TestKitSystem.Deterministic();
        var (early, late) = (kit.CreateProbe(), kit.CreateProbe());
        var lifetime = kit.ActorOf(Echo.Props);
        var (one, other) = (new Proxy(lifetime), new Proxy(lifetime));
        early.Watch(one);
        early.Watch(other);
        early.Unwatch(other);
        kit.System.Stop(lifetime);
        early.ExpectTerminated(one);
        early.ExpectNoMsg();
        late.Watch(other);
        late.ExpectTerminated(other);
        early.Send(one, 5);
        Assert.Equal([5], one.Told);
        Assert.Throws<ArgumentException>(() => new Proxy(kit.System.DeadLetters));
    }

    [Fact]
    public async Task A_proxy_s_last_words_come_before_the_news_of_its_end()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var lifetime = kit.ActorOf(Echo.Props);
        var proxy = new Proxy(lifetime);
        probe.Watch(proxy);
        probe.Ref.Tell("word", proxy);
        kit.System.Stop(lifetime);
        probe.ExpectMsg("word");
        probe.ExpectTerminated(proxy);
    }

    private static Props Leaver() => Lambda.Props((me, message) =>
    {
        if (message is "go")
        {
            me.Ctx.Stop(me.Me);
        }
        else
        {
            me.From.Tell(message);
        }
    });

    private DistributedShards Start(TestKitSystem kit, Func<string, Props> entity, int capacity = 100) =>
        ShardRegion.StartDistributed(kit.System, "thing", entity, shardCount: 1, new ShardRegionOptions(), _refusals, capacity);

    /// <summary>Texts can be refused.</summary>
    private sealed class Refusals : IShardRefusals
    {
        public List<object> Refused { get; } = [];

        public bool CanRefuse(object message) => message is ShardEnvelope { Message: string };

        public void Refuse(object message, IActorRef? sender) => Refused.Add(((ShardEnvelope)message).Message);
    }

    private sealed class Proxy(IActorRef lifetime) : ActorProxy(lifetime)
    {
        public List<object> Told { get; } = [];

        public override void Tell(object message, IActorRef? sender = null) => Told.Add(message);
    }
}
