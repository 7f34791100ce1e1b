using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Tests.Security;

public sealed class ChannelGrantsTests
{
    [Theory]
    [InlineData("topics/a", "topics/a", true)]
    [InlineData("topics/a", "topics/a/b", false)]
    [InlineData("topics/a", "topics/A", false)]
    [InlineData("topics/*", "topics/a", true)]
    [InlineData("topics/*", "topics/a/b", false)]
    [InlineData("topics/*", "topics/", false)]
    [InlineData("topics/a/**", "topics/a/b/c", true)]
    [InlineData("topics/a/**", "topics/ab", false)]
    [InlineData("topics/a/**", "topics/a", false)]
    [InlineData("**", "global", true)]
    [InlineData("**", "agents/x", true)]
    public void A_right_reaches_what_its_pattern_matches_and_nothing_else(string granted, string channel, bool expected) =>
        Assert.Equal(expected, Grants((granted, ChannelRights.Subscribe)).Allow(ChannelRights.Subscribe, channel));

    [Fact]
    public void Rights_of_several_entries_add_up()
    {
        var grants = Grants(("topics/*", ChannelRights.Subscribe), ("topics/a", ChannelRights.History));
        Assert.True(grants.Allow(ChannelRights.Subscribe | ChannelRights.History, "topics/a"));
        Assert.False(grants.Allow(ChannelRights.Subscribe | ChannelRights.History, "topics/b"));
        Assert.False(grants.Allow(ChannelRights.Publish, "topics/a"));
    }

    [Theory]
    [InlineData("topics/**", "topics/*", true)]
    [InlineData("topics/**", "topics/a/**", true)]
    [InlineData("topics/*", "topics/*", true)]
    [InlineData("topics/*", "topics/**", false)]
    [InlineData("topics/*", "topics/a*", false)]
    [InlineData("topics/*/x", "topics/*/x", true)]
    [InlineData("topics/a/x", "topics/*/x", false)]
    [InlineData("topics/a/**", "topics/*/b", false)]
    [InlineData("topics/a/**", "topics/a/*/b", true)]
    [InlineData("topics/a/**", "topics/**", false)]
    [InlineData("**", "agents/*", true)]
    [InlineData("users/*", "agents/*", false)]
    public void A_pattern_is_granted_only_by_one_that_reaches_as_far(string granted, string asked, bool expected)
    {
        var grants = Grants((granted, ChannelRights.Subscribe));
        if (ChannelPattern.TryParse(asked, out var pattern))
        {
            Assert.Equal(expected, grants.Allow(ChannelRights.Subscribe, pattern));
        }
        else
        {
            Assert.False(expected);
        }
    }

    // Every pair of patterns over a small alphabet, against every channel over the same: what one covers the other, it matches wherever the other does; what it does not cover,
    // it misses somewhere. Four segments see all that three-segment patterns can tell apart.
    [Fact]
    public void Covering_is_matching_everywhere()
    {
        string[] words = ["a", "b", "", "*"];
        var patterns = Paths(words, 3).SelectMany(static path => new[] { path, path + "/**" }).Where(static path => path.Contains('*', StringComparison.Ordinal))
            .Select(static path => ChannelPattern.TryParse("topics/" + path, out var pattern) ? pattern : null).OfType<ChannelPattern>().ToList();
        Assert.True(ChannelPattern.TryParse("topics/**", out var all));
        patterns.Add(all);
        var channels = Paths(["a", "b", "c", ""], 4).Select(static path => "topics/" + path).ToList();
        var matches = patterns.Select(pattern => channels.Select(pattern.Matches).ToArray()).ToList();
        for (var i = 0; i < patterns.Count; i++)
        {
            for (var j = 0; j < patterns.Count; j++)
            {
                var expected = !channels.Where((_, k) => matches[j][k] && !matches[i][k]).Any();
                Assert.True(expected == patterns[i].Covers(patterns[j]), $"{patterns[i]} covers {patterns[j]}");
            }
        }
    }

    [Theory]
    [InlineData("bad/x")]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("topics/a*")]
    [InlineData("topics/**/x")]
    public void What_is_neither_a_name_nor_a_pattern_is_no_grant(string text) =>
        Assert.Null(ChannelGrants.Create([(text, ChannelRights.Subscribe)]));

    [Fact]
    public void There_is_an_end_to_entries()
    {
        Assert.NotNull(ChannelGrants.Create(Enumerable.Range(0, ChannelGrants.MaxEntries).Select(static i => ($"topics/{i}", ChannelRights.Read))));
        Assert.Null(ChannelGrants.Create(Enumerable.Range(0, ChannelGrants.MaxEntries + 1).Select(static i => ($"topics/{i}", ChannelRights.Read))));
    }

    private static ChannelGrants Grants(params (string Channels, ChannelRights Rights)[] entries) => ChannelGrants.Create(entries)!;

    private static List<string> Paths(string[] words, int longest)
    {
        IEnumerable<string> paths = words;
        var all = paths.ToList();
        for (var length = 2; length <= longest; length++)
        {
            paths = [.. paths.SelectMany(path => words.Select(word => path + "/" + word))];
            all.AddRange(paths);
        }

        return all;
    }
}
