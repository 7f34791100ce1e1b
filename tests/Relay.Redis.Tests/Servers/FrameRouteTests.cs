using Relay.Redis.Cluster;

namespace Relay.Redis.Tests.Servers;

/// <summary>Over which server a frame goes.</summary>
public sealed class FrameRouteTests
{
    private static readonly Func<int, bool> All = static _ => true;

    private readonly FrameRoute _route = new([2, 0, 1]);

    [Fact]
    public void While_nothing_is_wrong_it_is_always_the_preferred_one()
    {
        for (var now = 0; now < 20_000; now += 1000)
            Assert.Equal(2, _route.Next(now, All));
    }

    [Fact]
    public void A_server_that_does_not_work_is_passed_over_and_taken_again_when_it_does()
    {
        Assert.Equal(0, _route.Next(0, static server => server != 2));
        Assert.Equal(1, _route.Next(0, static server => server == 1));
        Assert.Equal(2, _route.Next(0, All));
    }

    [Fact]
    public void Where_none_works_the_preferred_one_is_asked_so_that_somebody_says_why() => Assert.Equal(2, _route.Next(0, static _ => false));

    [Fact]
    public void Where_the_peer_was_not_heard_it_is_looked_for_again_a_second_later()
    {
        _route.Avoid(2, 0);
        Assert.Equal(0, _route.Next(0, All));
        Assert.Equal(0, _route.Next(FrameRoute.Away - 1, All));
        Assert.Equal(2, _route.Next(FrameRoute.Away, All));
    }

    [Fact]
    public void A_peer_that_is_heard_nowhere_is_looked_for_on_each_server_in_turn()
    {
        var asked = new List<int>();
        for (var now = 0; now < 6; now++)
        {
            asked.Add(_route.Next(now, All));
            _route.Avoid(asked[^1], now);
        }

        Assert.Equal([2, 0, 1, 2, 0, 1], asked);
    }

    [Fact]
    public void The_server_over_which_nothing_seems_to_arrive_is_left_for_longer()
    {
        Assert.Equal(2, _route.Next(0, All));
        Assert.Equal(2, _route.Doubt(500));
        Assert.Equal(0, _route.Next(501, All));
        Assert.Equal(0, _route.Next(FrameRoute.Doubted + 499, All));
        Assert.Equal(2, _route.Next(FrameRoute.Doubted + 500, All));
    }

    [Fact]
    public void What_was_noticed_right_after_a_change_is_about_the_way_before_it()
    {
        _route.Next(0, All);
        _route.Doubt(500);
        Assert.Equal(0, _route.Next(510, All));
        Assert.Null(_route.Doubt(600));
        Assert.Equal(0, _route.Next(600, All));
        Assert.Equal(0, _route.Doubt(1000));
        Assert.Equal(1, _route.Next(1000, All));
    }
}
