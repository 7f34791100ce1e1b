using Relay.Redis.Connections;

namespace Relay.Redis.Tests.Connections;

public sealed class KeepAliveTests
{
    private readonly Clock _clock = new();
    private readonly KeepAlive _keepAlive;

    public KeepAliveTests()
    {
        _keepAlive = new KeepAlive(_clock, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_silent_connection_is_asked_after_the_interval_and_dead_after_the_timeout()
    {
        Assert.Equal("9 Fine, Ask, 4 Fine, Dead", Run(15));
    }

    [Fact]
    public void An_answer_begins_a_new_interval()
    {
        Assert.Equal("9 Fine, Ask, 3 Fine", Run(13));
        _keepAlive.Received();
        Assert.Equal("9 Fine, Ask", Run(10));
    }

    [Fact]
    public void Any_traffic_makes_the_question_needless()
    {
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("5 Fine", Run(5));
            _keepAlive.Received();
        }
    }

    [Fact]
    public void The_time_in_which_this_process_slept_is_not_held_against_the_server()
    {
        Assert.Equal("9 Fine, Ask, 1 Fine", Run(11));
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(KeepAliveVerdict.Fine, _keepAlive.Check(0));
        Assert.Equal("4 Fine, Dead", Run(5));
    }

    [Fact]
    public void A_blocking_command_lets_the_server_be_silent_for_its_time()
    {
        var until = _clock.GetTimestamp() + (30 * _clock.TimestampFrequency);
        Assert.Equal("29 Fine, Ask, 4 Fine, Dead", Run(35, until));
    }

    private string Run(int seconds, long blockedUntil = 0)
    {
        var told = new List<string>();
        var fine = 0;
        for (var i = 0; i < seconds; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            var verdict = _keepAlive.Check(blockedUntil);
            if (verdict == KeepAliveVerdict.Fine)
            {
                fine++;
                continue;
            }

            if (fine > 0)
                told.Add($"{fine} Fine");
            fine = 0;
            told.Add(verdict.ToString());
        }

        if (fine > 0)
            told.Add($"{fine} Fine");
        return string.Join(", ", told);
    }

    private sealed class Clock : TimeProvider
    {
        private long _now = 1_000_000;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan span) => _now += (long)span.TotalMilliseconds;
    }
}
