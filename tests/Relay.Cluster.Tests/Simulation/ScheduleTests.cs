using Relay.Cluster.Rules;
using Relay.Cluster.TestKit;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Cluster.Tests.Simulation;

public sealed class ScheduleTests(ITestOutputHelper output)
{
    [Fact]
    public void Whatever_happens_one_node_acts_on_a_shard_fences_grow_and_in_the_end_all_are_where_they_belong()
    {
        var starts = 0;
        var decisions = 0L;
        Parallel.For(0, TestLength.Of(2_000, 200_000), seed =>
        {
            var world = Schedule.Run(seed);
            Interlocked.Add(ref starts, world.Starts);
            Interlocked.Add(ref decisions, world.Decisions);
        });
        output.WriteLine($"{starts} starts of shards, {decisions} decisions");
        Assert.True(starts > 0);
    }

    [Fact]
    public void A_seed_gives_the_same_run_again()
    {
        foreach (var seed in (int[])[3, 77, 1234])
        {
            Assert.Equal(Schedule.Run(seed, keepLog: true).Log, Schedule.Run(seed, keepLog: true).Log);
        }
    }

    [Fact]
    public void A_node_that_trusts_its_leases_too_long_is_found_out() =>
        AssertFound("is acted on by", seed => Schedule.Run(seed, times: node => node == 0 ? new ClusterTimes { Lease = 12_000 } : new ClusterTimes()));

    [Fact]
    public void A_store_that_forgets_without_saying_so_is_found_out() =>
        AssertFound("is acted on by", seed => Schedule.Run(seed, new SimulatedStore { HidesFailover = true }));

    [Fact]
    public void A_store_that_removes_members_on_hearsay_is_found_out() =>
        AssertFound("is acted on by", seed => Schedule.Run(seed, new SimulatedStore { BelievesInSilence = true }));

    private static void AssertFound(string rule, Func<int, World> run)
    {
        for (var seed = 0; seed < 5_000; seed++)
        {
            try
            {
                run(seed);
            }
            catch (BrokenRuleException broken) when (broken.Message.Contains(rule, StringComparison.Ordinal))
            {
                return;
            }
            catch (BrokenRuleException)
            {
                // Another consequence of the same mistake.
            }
        }

        Assert.Fail("nothing was found");
    }
}
