using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Simulation;

/// <summary>Single faults in a good network: what each costs, in time and in moves. Times are those of <see cref="ClusterTimes"/>: lease 4 s, heartbeat 1 s.</summary>
public sealed class ScenarioTests
{
    private const int Shards = 32;
    private readonly World _world = new(1, Shards, movesAtOnce: 2) { KeepsLog = true };

    [Fact]
    public void A_new_cluster_serves_after_a_lease_and_nodes_that_start_together_claim_only_their_own()
    {
        Start("a", "b", "c");
        _world.RunUntil(3.9);
        Assert.Equal(0, _world.Starts);
        _world.RunUntil(5.5);
        _world.CheckSettled();
        Assert.Equal(Shards, _world.Starts);
        Assert.Empty(_world.Moves);
    }

    [Fact]
    public void A_node_that_joins_gets_its_shards_by_moves_each_once_and_the_others_move_nothing()
    {
        Start("a", "b");
        _world.RunUntil(10);
        _world.Add("c");
        _world.RunUntil(20);
        _world.CheckSettled();
        var own = Enumerable.Range(0, Shards).Count(shard => _world.Nodes[2].Acts(shard));
        Assert.Equal(own, _world.Moves.Count);
        Assert.All(_world.Moves.Values, static moves => Assert.Equal(1, moves));
        Assert.Equal(Shards + own, _world.Starts);
    }

    [Fact]
    public void Shards_of_a_crashed_node_are_served_by_others_within_a_lease_and_two_seconds_and_nothing_else_moves()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        var lost = Enumerable.Range(0, Shards).Where(shard => _world.Nodes[0].Acts(shard)).ToArray();
        _world.Nodes[0].Crash();
        _world.RunUntil(16);
        _world.CheckSettled();
        Assert.NotEmpty(lost);
        Assert.Equal(Shards + lost.Length, _world.Starts);
        Assert.Empty(_world.Moves);
    }

    [Fact]
    public void Whenever_a_node_crashes_its_shards_are_served_again_within_a_lease_and_two_seconds()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var world = new World(seed, Shards, movesAtOnce: 2);
            foreach (var name in (string[])["a", "b", "c"])
            {
                world.After(world.Random.Next(1_000_000), () => world.Add(name));
            }

            var crash = 12 + world.Random.NextDouble();
            world.RunUntil(crash);
            world.Nodes[world.Random.Next(3)].Crash();
            world.RunUntil(crash + 6);
            world.CheckSettled();
        }
    }

    [Fact]
    public void A_pause_shorter_than_the_trust_costs_nothing()
    {
        Start("a", "b");
        _world.RunUntil(10);
        _world.Nodes[0].Pause(1_900_000);
        _world.RunUntil(15);
        _world.CheckSettled();
        Assert.Equal(Shards, _world.Starts);
        Assert.DoesNotContain(_world.Log, static line => line.Contains("SuspendAll", StringComparison.Ordinal));
    }

    [Fact]
    public void A_node_that_sleeps_past_its_lease_wakes_up_without_its_shards_and_gets_them_back()
    {
        Start("a", "b");
        _world.RunUntil(10);
        var paused = _world.Nodes[0];
        var own = Enumerable.Range(0, Shards).Where(shard => paused.Acts(shard)).ToArray();
        paused.Pause(8_000_000);
        _world.RunUntil(17.9);
        Assert.All(own, shard => Assert.True(_world.Nodes[1].Acts(shard)));
        _world.RunUntil(25);
        _world.CheckSettled();
        Assert.Equal(Shards + (2 * own.Length), _world.Starts);
    }

    [Fact]
    public void While_the_store_is_away_nothing_is_served_and_afterwards_everybody_goes_on_with_what_they_had()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        _world.IsStoreUp = false;
        _world.RunUntil(14);
        Assert.DoesNotContain(_world.Nodes, static node => Enumerable.Range(0, Shards).Any(node.Acts));
        _world.RunUntil(70);
        _world.IsStoreUp = true;
        _world.RunUntil(71);
        _world.CheckSettled();
        _world.RunUntil(90);
        _world.CheckSettled();
        Assert.Equal(Shards, _world.Starts);
        Assert.Empty(_world.Moves);
    }

    [Fact]
    public void A_store_that_lost_its_memory_gives_every_shard_back_under_a_higher_fence_a_lease_later()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        _world.Store.Forget();
        _world.RunUntil(13.9);
        Assert.Equal(Shards, _world.Starts);
        _world.RunUntil(17);
        _world.CheckSettled();
        Assert.Equal(2 * Shards, _world.Starts);
        Assert.Empty(_world.Moves);
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    public void A_jump_of_the_stores_clock_changes_nothing(int seconds)
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        _world.JumpStoreClock(seconds * 1_000_000L);
        _world.RunUntil(20);
        _world.CheckSettled();
        Assert.Equal(Shards, _world.Starts);
        _world.Nodes[0].Crash();
        _world.RunUntil(30);
        _world.CheckSettled();
    }

    [Fact]
    public void A_node_that_leaves_hands_everything_over_and_is_gone_at_once()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        var own = Enumerable.Range(0, Shards).Count(shard => _world.Nodes[0].Acts(shard));
        _world.Nodes[0].Leave();
        _world.RunUntil(15);
        Assert.True(_world.Nodes[0].HasLeft);
        Assert.False(_world.Store.IsMember(_world.Nodes[0].Id));
        _world.CheckSettled();
        Assert.Equal(own, _world.Moves.Count);
        Assert.Equal(Shards + own, _world.Starts);
    }

    [Fact]
    public void A_node_that_stays_for_its_clients_is_a_member_without_shards_until_it_is_told()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        var leaving = _world.Nodes[0];
        leaving.Leave(stays: true);
        Assert.False(leaving.Rules.HasHandedOver);
        _world.RunUntil(60);
        Assert.True(leaving.Rules.HasHandedOver);
        Assert.True(_world.Store.IsMember(leaving.Id));
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.Single(_world.Nodes.Skip(1), node => node.Acts(shard)));
        leaving.Leave();
        leaving.Leave(stays: true);
        _world.RunUntil(62);
        Assert.True(leaving.HasLeft);
        Assert.False(_world.Store.IsMember(leaving.Id));
    }

    [Fact]
    public void A_node_that_stays_and_is_alone_goes_on_serving_until_another_comes()
    {
        Start("a");
        _world.RunUntil(10);
        var leaving = _world.Nodes[0];
        leaving.Leave(stays: true);
        _world.RunUntil(20);
        Assert.True(leaving.Rules.HasHandedOver);
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.True(leaving.Acts(shard)));
        Start("b");
        _world.RunUntil(40);
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.True(_world.Nodes[1].Acts(shard)));
    }

    [Fact]
    public void A_node_that_was_drained_takes_part_again_and_gets_its_shards_back_without_being_missed()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        var drained = _world.Nodes[0];
        var own = Enumerable.Range(0, Shards).Where(drained.Acts).ToArray();
        Assert.False(drained.Rules.TryReturn(drained.Now));
        drained.Leave(stays: true);
        _world.RunUntil(20);
        Assert.DoesNotContain(Enumerable.Range(0, Shards), drained.Acts);
        drained.ComeBack();
        _world.RunUntil(30);
        Assert.Equal(own, Enumerable.Range(0, Shards).Where(drained.Acts));
        _world.CheckSettled();
        drained.Leave();
        Assert.False(drained.Rules.TryReturn(drained.Now));
        _world.RunUntil(40);
        Assert.True(drained.HasLeft);
    }

    [Fact]
    public void A_pinned_shard_moves_to_its_node_stays_there_and_goes_home_when_the_pin_or_the_node_goes()
    {
        Start("a", "b", "c");
        _world.RunUntil(10);
        var home = _world.Nodes.Single(node => node.Acts(0));
        var other = _world.Nodes.First(node => node != home);
        _world.Pin(0, other.Id);
        _world.RunUntil(20);
        Assert.True(other.Acts(0));
        Assert.Equal(1, _world.Moves[0]);
        Start("d");
        _world.RunUntil(40);
        Assert.True(other.Acts(0));
        _world.Pin(0, null);
        _world.RunUntil(60);
        _world.CheckSettled();
        _world.Pin(0, other.Id);
        _world.RunUntil(70);
        Assert.True(other.Acts(0));
        other.Crash();
        _world.RunUntil(90);
        _world.CheckSettled();
    }

    [Fact]
    public void The_last_node_leaves_too()
    {
        Start("a");
        _world.RunUntil(10);
        _world.Nodes[0].Leave();
        _world.RunUntil(12);
        Assert.True(_world.Nodes[0].HasLeft);
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.Null(_world.Store.Owner(shard)));
    }

    private void Start(params string[] names)
    {
        foreach (var name in names)
        {
            _world.Add(name);
        }
    }
}
