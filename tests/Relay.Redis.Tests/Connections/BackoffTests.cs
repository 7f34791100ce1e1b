using Relay.Redis.Connections;

namespace Relay.Redis.Tests.Connections;

public sealed class BackoffTests
{
    [Fact]
    public void Pauses_double_up_to_the_maximum_within_their_upper_half_and_start_over_after_a_reset()
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5), new Random(1));
        for (var round = 0; round < 2; round++)
        {
            double[] ceilings = [100, 200, 400, 800, 1600, 3200, 5000, 5000];
            foreach (var ceiling in ceilings)
                Assert.InRange(backoff.Next().TotalMilliseconds, ceiling / 2, ceiling);
            backoff.Reset();
        }
    }

    [Fact]
    public void Two_nodes_do_not_pause_alike()
    {
        var one = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(9), new Random(1));
        var other = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(9), new Random(2));
        Assert.NotEqual(one.Next(), other.Next());
    }
}
