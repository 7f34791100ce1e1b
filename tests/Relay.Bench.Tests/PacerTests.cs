using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Kernel.TestKit;

namespace Relay.Bench.Tests;

public class PacerTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Publishes_fall_due_one_interval_apart_beginning_at_the_start()
    {
        var pacer = Start(1000);
        Assert.Equal(1, pacer.Due);
        _time.Advance(TimeSpan.FromMicroseconds(999.9));
        Assert.Equal(1, pacer.Due);
        _time.Advance(TimeSpan.FromMicroseconds(0.1));
        Assert.Equal(2, pacer.Due);
        Assert.Equal(TimeSpan.FromMilliseconds(1), pacer.Until(2));
        Assert.Equal(TimeSpan.Zero, pacer.Until(1));
    }

    [Fact]
    public void A_pause_of_the_generator_makes_everything_due_that_was_missed_and_moves_no_intended_time()
    {
        var pacer = Start(1000);
        var before = Enumerable.Range(0, 600).Select(number => pacer.IntendedAt(number)).ToArray();
        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(501, pacer.Due);
        Assert.Equal(before, Enumerable.Range(0, 600).Select(number => pacer.IntendedAt(number)));
    }

    [Fact]
    public void A_rate_that_divides_no_second_keeps_its_count_over_hours()
    {
        var pacer = Start(333.3);
        _time.Advance(TimeSpan.FromHours(3));
        Assert.Equal((long)(333.3 * 3 * 3600) + 1, pacer.Due);
    }

    [Fact]
    public void Nothing_is_due_before_the_start()
    {
        var clock = new BenchClock(_time);
        var pacer = new Pacer(clock, clock.Now + 1_000_000_000, 10);
        Assert.Equal(0, pacer.Due);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, pacer.Due);
    }

    [Fact]
    public void Count_before_an_instant_excludes_the_publish_intended_at_it()
    {
        var pacer = Start(10);
        Assert.Equal(0, pacer.CountBefore(pacer.Start));
        Assert.Equal(1, pacer.CountBefore(pacer.Start + 1));
        Assert.Equal(10, pacer.CountBefore(pacer.Start + 1_000_000_000));
        Assert.Equal(11, pacer.CountBefore(pacer.Start + 1_000_000_001));
    }

    private Pacer Start(double perSecond)
    {
        var clock = new BenchClock(_time);
        return new Pacer(clock, clock.Now, perSecond);
    }
}
