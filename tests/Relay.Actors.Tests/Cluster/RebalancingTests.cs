using Relay.Actors.Cluster;

namespace Relay.Actors.Tests.Cluster;

public sealed class RebalancingTests
{
    private static readonly TimeSpan Time = TimeSpan.FromMinutes(10);

    private readonly Rebalancing _rules = new(Time);
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(114, 100, 86)]
    [InlineData(18, 0)]
    [InlineData(13, 0, 0)]
    [InlineData(10, 40)]
    [InlineData(0, 0)]
    [InlineData(1000)]
    public void Who_has_no_more_than_a_little_above_the_average_sends_nobody_away(int own, params int[] others) =>
        Run(() => Assert.Equal(0, _rules.Due(_now, own, others)));

    [Fact]
    public void A_surplus_that_does_not_last_moves_nobody() => Run(() => Assert.Equal(0, _rules.Due(_now, (int)_now.TotalMinutes % 2 == 0 ? 200 : 100, [100])));

    [Fact]
    public void After_a_node_has_come_connections_are_even_within_the_time_and_few_reconnect_at_once()
    {
        var (own, other, most) = (1000, 0, 0);
        var rounds = Run(() =>
        {
            var due = _rules.Due(_now, own, [other]);
            most = Math.Max(most, due);
            own -= due;
            other += due;
        });
        Assert.InRange(own, 500, 525);
        Assert.InRange(most, 1, 20);
        Assert.True(rounds * _rules.Period <= Time);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void A_balancer_that_chooses_at_random_comes_to_the_same(int nodes)
    {
        var random = new Random(nodes);
        var counts = new int[nodes];
        counts[0] = 2000;
        Run(() =>
        {
            for (var due = _rules.Due(_now, counts[0], counts[1..]); due > 0; due--)
            {
                counts[0]--;
                counts[random.Next(nodes)]++;
            }
        });
        Assert.InRange(counts[0], 1, 2000 / nodes * 1.15);
    }

    [Fact]
    public void A_balancer_that_brings_everybody_back_is_given_up_for_longer_each_time()
    {
        var sent = new List<(double At, int Count)>();
        while (_now < TimeSpan.FromHours(6))
        {
            if (_rules.Due(_now, 300, [0, 0]) is > 0 and var due)
            {
                sent.Add((_now.TotalMinutes, due));
            }

            _now += _rules.Period;
        }

        var episodes = sent.Count(one => !sent.Exists(other => other.At < one.At && one.At - other.At < 5));
        Assert.InRange(episodes, 3, 6);
        Assert.Equal(episodes * 300, sent.Sum(static one => one.Count));
    }

    [Fact]
    public void Off_means_off()
    {
        var rules = new Rebalancing(TimeSpan.Zero);
        Assert.True(rules.IsOff);
        Assert.Equal(0, rules.Due(_now, 1000, [0]));
    }

    // Until nothing happens any more.
    private int Run(Action round)
    {
        var rounds = 0;
        while (_now < TimeSpan.FromHours(1) + Time)
        {
            round();
            _now += _rules.Period;
            rounds++;
        }

        return rounds;
    }
}
