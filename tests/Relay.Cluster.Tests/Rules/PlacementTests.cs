using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Rules;

public sealed class PlacementTests
{
    private const int Shards = 256;
    private static readonly NodeId[] Nodes = [.. Enumerable.Range(0, 8).Select(static i => new NodeId($"relay-{i}", 7))];

    [Fact]
    public void Ranks_are_the_same_in_every_version()
    {
        // Written down once; nodes of two versions in one cluster must agree.
        Assert.Equal(RanksOfTheFirstVersion, new[] { 0, 1, 255 }.Select(shard => Placement.Rank(shard, Nodes[0])));
    }

    [Fact]
    public void All_nodes_see_the_same_owner_whatever_order_they_know_the_members_in()
    {
        var one = new Placement(Nodes, Shards);
        var other = new Placement(Nodes.Reverse(), Shards);
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.Equal(one.Owner(shard), other.Owner(shard)));
    }

    [Fact]
    public void A_member_that_comes_takes_only_what_becomes_its_own_and_one_that_goes_leaves_the_rest_alone()
    {
        var seven = new Placement(Nodes[..7], Shards);
        var eight = new Placement(Nodes, Shards);
        var taken = Enumerable.Range(0, Shards).Where(shard => seven.Owner(shard) != eight.Owner(shard)).ToArray();
        Assert.All(taken, shard => Assert.Equal(Nodes[7], eight.Owner(shard)));
        Assert.InRange(taken.Length, 16, 64);
    }

    [Fact]
    public void Shares_are_even()
    {
        var placement = new Placement(Nodes, Shards);
        Assert.All(Nodes, node => Assert.InRange(Enumerable.Range(0, Shards).Count(shard => placement.Owner(shard) == node), 16, 52));
    }

    [Fact]
    public void Every_member_has_its_place_in_the_line_of_a_shard()
    {
        var placement = new Placement(Nodes, Shards);
        for (var shard = 0; shard < Shards; shard++)
        {
            Assert.Equal(Enumerable.Range(0, Nodes.Length), Nodes.Select(node => placement.Position(shard, node)).Order());
            Assert.Equal(0, placement.Position(shard, placement.Owner(shard)!.Value));
        }
    }

    [Fact]
    public void A_pinned_shard_belongs_to_its_member_and_the_others_stay_in_their_line_behind_it()
    {
        var free = new Placement(Nodes, Shards);
        for (var shard = 0; shard < Shards; shard++)
        {
            var last = Nodes.Single(node => free.Position(shard, node) == Nodes.Length - 1);
            var pinned = new Placement(Nodes, Shards, new Dictionary<int, NodeId> { [shard] = last });
            Assert.Equal(last, pinned.Owner(shard));
            Assert.Equal(Nodes.OrderBy(node => node == last ? -1 : free.Position(shard, node)), Nodes.OrderBy(node => pinned.Position(shard, node)));
            Assert.Equal(free.Owner((shard + 1) % Shards), pinned.Owner((shard + 1) % Shards));
        }
    }

    [Fact]
    public void A_pin_to_who_is_no_member_or_is_another_run_of_one_means_nothing()
    {
        var free = new Placement(Nodes, Shards);
        foreach (var absent in new[] { new NodeId("relay-99", 7), Nodes[3] with { Incarnation = 8 } })
        {
            var pinned = new Placement(Nodes, Shards, Enumerable.Range(0, Shards).ToDictionary(static shard => shard, _ => absent));
            Assert.All(Enumerable.Range(0, Shards), shard => Assert.Equal(free.Owner(shard), pinned.Owner(shard)));
        }
    }

    [Fact]
    public void A_restarted_node_gets_the_same_shards_and_two_runs_of_it_never_both()
    {
        var again = Nodes[0] with { Incarnation = 9 };
        Assert.Equal(Placement.Rank(5, Nodes[0]), Placement.Rank(5, again));
        var both = new Placement([Nodes[0], again], Shards);
        Assert.All(Enumerable.Range(0, Shards), shard => Assert.Equal(1, both.Position(shard, Nodes[0]) + both.Position(shard, again)));
    }

    [Fact]
    public void Moves_are_those_to_higher_ranked_members_and_no_more_than_asked_for()
    {
        var placement = new Placement(Nodes, Shards);
        var moves = placement.Moves(Nodes[0], Enumerable.Range(0, Shards), 5).ToArray();
        Assert.Equal(5, moves.Length);
        Assert.All(moves, move => Assert.Equal(placement.Owner(move.Shard), move.To));
        Assert.DoesNotContain(moves, static move => move.To == Nodes[0]);
        Assert.Empty(placement.Moves(Nodes[0], Enumerable.Range(0, Shards).Where(shard => placement.Owner(shard) == Nodes[0]), 5));
    }

    [Fact]
    public void Nobody_owns_anything_in_an_empty_cluster()
    {
        var placement = new Placement([], Shards);
        Assert.Null(placement.Owner(0));
        Assert.Empty(placement.Moves(Nodes[0], [0, 1], 5));
    }

    private static readonly ulong[] RanksOfTheFirstVersion = [903572433343960859, 11383201829770863935, 14452183260646609733];
}
