namespace Relay.Client.Tests;

/// <summary>What needs no relay.</summary>
public sealed class RulesTests
{
    [Fact]
    public void An_event_is_taken_once_and_a_new_life_begins_anew()
    {
        var progress = new Progress();
        Assert.Equal([true, true, false, false, true, true], new[] { At("a", 1), At("a", 2), At("a", 1), At("a", 2), At("a", 3), At("b", 1) }.Select(progress.Takes));
        Assert.True(progress.Takes(new RelayEvent("c", "transient", default)));
        Assert.Equal(new RelayPlace("b", 1), progress.At("c"));
    }

    [Fact]
    public void A_gap_is_told_once_and_moves_on()
    {
        var progress = new Progress();
        progress.Begin("c", new RelayPlace("a", 3));
        var gap = new RelayGap("c", "a", 4, 9);
        Assert.True(progress.Skips(gap));
        Assert.False(progress.Skips(gap));
        Assert.False(progress.Takes(At("a", 9)));
        Assert.True(progress.Takes(At("a", 10)));
    }

    [Fact]
    public void A_pattern_remembers_a_bounded_number_of_channels()
    {
        var progress = new Progress();
        for (var i = 0; i <= Progress.MostChannels; i++)
        {
            progress.Begin($"topics/{i}", new RelayPlace("a", 1));
        }

        Assert.Null(progress.At("topics/0"));
        Assert.NotNull(progress.At("topics/1"));
    }

    [Fact]
    public void Pauses_grow_to_a_bound_and_differ()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8), new Random(1));
        var pauses = Enumerable.Range(0, 50).Select(_ => backoff.Next().TotalSeconds).ToList();
        Assert.All(pauses.Select(static (pause, i) => (pause, i)), static one => Assert.InRange(one.pause, 0, Math.Min(8, Math.Pow(2, one.i))));
        Assert.True(pauses.Distinct().Count() > 40);
    }

    [Theory]
    [InlineData("agents/*", "agents/a", true)]
    [InlineData("agents/*", "agents/a/b", false)]
    [InlineData("agents/**", "agents/a/b", true)]
    [InlineData("agents/**", "agents", false)]
    [InlineData("topics/*/x", "topics/a/x", true)]
    [InlineData("topics/*/x", "topics/a/y", false)]
    public void Patterns_match_as_the_relay_matches(string pattern, string channel, bool matches) => Assert.Equal(matches, Pattern.Matches(pattern, channel));

    [Fact]
    public void An_address_that_is_none_is_refused_with_an_example() =>
        Assert.Contains("ws://127.0.0.1:8080/relay", Assert.Throws<ArgumentException>(static () => new RelayClient(new Uri("http://127.0.0.1:8080/relay"))).Message, StringComparison.Ordinal);

    private static RelayEvent At(string epoch, long offset) => new("c", "e", default) { Place = new RelayPlace(epoch, offset) };
}
