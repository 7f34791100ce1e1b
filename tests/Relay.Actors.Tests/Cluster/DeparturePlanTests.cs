using Relay.Actors.Cluster;
using Relay.Cluster.Engine;

namespace Relay.Actors.Tests.Cluster;

public sealed class DeparturePlanTests
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(4000, 200)]
    [InlineData(10_000, 500)]
    [InlineData(40_000, 500)]
    [InlineData(10, 50)]
    [InlineData(0, 50)]
    public void Clients_fill_the_time_within_the_bound_and_few_of_them_do_not_take_all_of_it(int clients, double perSecond) =>
        Assert.Equal(perSecond, DeparturePlan.Pace(clients, Time, 500));

    [Fact]
    public void Without_time_the_bound_is_all_that_counts() => Assert.Equal(500, DeparturePlan.Pace(10, TimeSpan.Zero, 500));

    [Fact]
    public void Each_client_has_its_own_instant_behind_those_who_reserved_before()
    {
        var slots = new Reservation(TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(20));
        Assert.Equal(
            [3000, 3020, 3040],
            Enumerable.Range(0, 3).Select(number => DeparturePlan.Of(number, slots, Time)).Select(static one => one.Returns.TotalMilliseconds));
        Assert.All(Enumerable.Range(0, 3).Select(number => DeparturePlan.Of(number, slots, Time)), static one => Assert.Equal(one.Returns, one.Closes));
    }

    [Fact]
    public void Who_has_no_slot_within_the_time_is_closed_at_its_end_and_comes_back_at_its_slot()
    {
        var late = DeparturePlan.Of(30, new Reservation(TimeSpan.Zero, TimeSpan.FromSeconds(1)), Time);
        Assert.Equal((TimeSpan.FromSeconds(30), Time), (late.Returns, late.Closes));
    }
}
