using Relay.Kernel.Measuring;
using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests.Measuring;

public sealed class CountersTests
{
    [Fact]
    public void Counters_that_many_threads_raise_lose_nothing_and_do_not_mix()
    {
        var counters = new StripedCounters(20);
        Parallel.For(0, 80_000, i => counters.Add(i % 20, 1 + (i % 20)));
        Assert.All(Enumerable.Range(0, 20), index => Assert.Equal(4000L * (1 + index), counters.Sum(index)));
    }

    [Fact]
    public void A_counter_may_go_down_again()
    {
        var counters = new StripedCounters(1);
        counters.Add(0, 5);
        counters.Add(0, -2);
        Assert.Equal(3, counters.Sum(0));
    }

    [Fact]
    public void The_high_water_is_that_of_the_last_half_to_whole_minute_whoever_reads_when()
    {
        var time = new ManualTime();
        var water = new HighWater(time);
        Assert.Equal(0, water.Read());
        water.Note(5);
        water.Note(3);
        Assert.Equal((5, 5), (water.Read(), water.Read()));
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(5, water.Read());
        water.Note(2);
        Assert.Equal(5, water.Read());
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(2, water.Read());
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(0, water.Read());
        water.Note(1);
        Assert.Equal(1, water.Read());
    }
}
