namespace Relay.Kernel.Tests;

public sealed class RestartWindowTests
{
    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    [Fact]
    public void Without_limits_every_restart_is_at_once()
    {
        var window = new RestartWindow(RestartLimits.Unlimited);
        for (var i = 0; i < 1000; i++)
        {
            Assert.True(window.TryRestart(TimeSpan.Zero, 0.9, out var delay));
            Assert.Equal(TimeSpan.Zero, delay);
        }
    }

    [Fact]
    public void The_wait_doubles_up_to_the_bound_and_jitter_prolongs_it()
    {
        var window = new RestartWindow(new RestartLimits { MinBackoff = Seconds(1), MaxBackoff = Seconds(10), Jitter = 0.5 });
        var now = TimeSpan.Zero;
        foreach (var plain in new[] { 1, 2, 4, 8, 10, 10 })
        {
            Assert.True(window.TryRestart(now, 0.5, out var delay));
            Assert.Equal(Seconds(plain * 1.25), delay);
            now += delay;
        }
    }

    [Fact]
    public void A_long_streak_does_not_overflow()
    {
        var window = new RestartWindow(new RestartLimits { MinBackoff = Seconds(1), MaxBackoff = TimeSpan.FromHours(1), Jitter = 0 });
        var delay = TimeSpan.Zero;
        for (var i = 0; i < 200; i++)
        {
            Assert.True(window.TryRestart(TimeSpan.Zero, 0, out delay));
        }

        Assert.Equal(TimeSpan.FromHours(1), delay);
    }

    [Fact]
    public void Health_counts_from_the_restart_and_not_from_the_failure()
    {
        var window = new RestartWindow(new RestartLimits { MinBackoff = Seconds(8), MaxBackoff = Seconds(32), Jitter = 0, ResetBackoffAfter = Seconds(10) });
        window.TryRestart(Seconds(0), 0, out _);
        window.TryRestart(Seconds(8), 0, out var second);
        window.TryRestart(Seconds(8 + 16 + 9.9), 0, out var third);
        window.TryRestart(Seconds(8 + 16 + 9.9 + 32 + 10), 0, out var fourth);
        Assert.Equal([Seconds(16), Seconds(32), Seconds(8)], [second, third, fourth]);
    }

    [Fact]
    public void The_window_slides()
    {
        var window = new RestartWindow(new RestartLimits { MaxRestarts = 2, Window = Seconds(10) });
        Assert.True(window.TryRestart(Seconds(0), 0, out _));
        Assert.True(window.TryRestart(Seconds(6), 0, out _));
        Assert.False(window.TryRestart(Seconds(9), 0, out _));
        Assert.True(window.TryRestart(Seconds(10), 0, out _));
        Assert.False(window.TryRestart(Seconds(15), 0, out _));
        Assert.True(window.TryRestart(Seconds(16), 0, out _));
    }

    [Fact]
    public void An_infinite_window_counts_the_whole_life()
    {
        var window = new RestartWindow(new RestartLimits { MaxRestarts = 1 });
        Assert.True(window.TryRestart(Seconds(0), 0, out _));
        Assert.False(window.TryRestart(TimeSpan.FromDays(1000), 0, out _));
    }

    [Fact]
    public void No_restarts_at_all_is_a_valid_limit()
    {
        Assert.False(new RestartWindow(new RestartLimits { MaxRestarts = 0 }).TryRestart(Seconds(0), 0, out _));
    }

    [Fact]
    public void Impossible_limits_are_refused_by_name()
    {
        foreach (var (limits, setting) in new[]
        {
            (new RestartLimits { MinBackoff = Seconds(-1) }, "MinBackoff"),
            (new RestartLimits { MinBackoff = Seconds(20), MaxBackoff = Seconds(10) }, "MaxBackoff"),
            (new RestartLimits { Jitter = 2 }, "Jitter"),
            (new RestartLimits { Window = TimeSpan.Zero }, "Window"),
        })
        {
            Assert.Contains(setting, Assert.Throws<ArgumentException>(() => new OneForOneStrategy(limits: limits)).Message, StringComparison.Ordinal);
        }
    }
}
