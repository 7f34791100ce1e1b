namespace Relay.Protocol.Tests;

public sealed class ChannelPatternTests
{
    [Theory]
    [InlineData("agents/*", "agents/a", true)]
    [InlineData("agents/*", "agents/a/b", false)]
    [InlineData("agents/*", "users/a", false)]
    [InlineData("agents/*/status", "agents/a/status", true)]
    [InlineData("agents/*/status", "agents/a/b/status", false)]
    [InlineData("agents/*/status", "agents/a", false)]
    [InlineData("topics/*", "topics/", false)]
    [InlineData("topics/deploy/**", "topics/deploy/eu", true)]
    [InlineData("topics/deploy/**", "topics/deploy/eu/1/2", true)]
    [InlineData("topics/deploy/**", "topics/deploy/", true)]
    [InlineData("topics/deploy/**", "topics/deploy", false)]
    [InlineData("topics/deploy/**", "topics/deployment/eu", false)]
    [InlineData("topics/**", "topics/", true)]
    [InlineData("topics/*/**", "topics/a/b", true)]
    [InlineData("topics/*/**", "topics/a", false)]
    [InlineData("users/**", "users", false)]
    public void A_star_is_one_segment_and_two_are_any_rest(string pattern, string channel, bool matches)
    {
        Assert.True(ChannelPattern.TryParse(pattern, out var parsed));
        Assert.Equal(matches, parsed.Matches(channel));
        Assert.Equal(pattern, parsed.ToString());
        Assert.Equal(pattern[..pattern.IndexOf('/', StringComparison.Ordinal)], parsed.Namespace);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("**")]
    [InlineData("*/a")]
    [InlineData("agents/a*")]
    [InlineData("agents/***")]
    [InlineData("topics/**/x")]
    [InlineData("global/*")]
    [InlineData("agents/a")]
    [InlineData("agents/*\n")]
    [InlineData(null)]
    public void Other_texts_are_no_patterns(string? text) => Assert.False(ChannelPattern.TryParse(text, out _));
}
