using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Rules;

public sealed class ShardPinsTests
{
    private static readonly NodeId A = new("a", 1);
    private static readonly NodeId B = new("b", 1);

    [Fact]
    public void Nodes_that_tell_each_other_in_any_order_come_to_the_same()
    {
        ShardPin[] pins = [new(1, A, 10, "x"), new(1, B, 11, "x"), new(1, B, 11, "x"), new(1, A, 11, "x"), new(2, A, 5, "x"), new(2, null, 6, "x"), new(3, B, 1, "x")];
        var outcomes = new HashSet<string>();
        foreach (var seed in Enumerable.Range(0, 200))
        {
            var known = new ShardPins();
            var order = pins.ToArray();
            new Random(seed).Shuffle(order);
            foreach (var pin in order)
            {
                known.TryTake(pin);
                Assert.False(known.TryTake(pin));
            }

            outcomes.Add(string.Join(' ', known.InForce));
        }

        Assert.Equal("[1, b#0000000000000001] [3, b#0000000000000001]", Assert.Single(outcomes));
    }

    [Fact]
    public void A_new_wish_counts_more_than_whatever_is_known_even_by_a_clock_that_is_behind()
    {
        var pins = new ShardPins();
        pins.TryTake(new ShardPin(1, A, 1_000, "ahead"));
        Assert.Equal(1_001, pins.Set(1, null, 10, "behind").Version);
        Assert.Null(pins.Of(1));
        Assert.Empty(pins.InForce);
        Assert.Equal(2_000, pins.Set(1, B, 2_000, "later").Version);
        Assert.Equal(B, pins.Of(1)!.To);
        Assert.Single(pins.All);
    }
}
