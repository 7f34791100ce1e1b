using System.Text;

namespace Relay.Protocol.Tests;

public sealed class ChannelNameTests
{
    [Theory]
    [InlineData("global", "global")]
    [InlineData("metrics", "metrics")]
    [InlineData("hooks", "hooks")]
    [InlineData("users", "users")]
    [InlineData("users/7", "users")]
    [InlineData("projects/0b7e1c6e-8f3c-4d7a-9c0d-2f3a4b5c6d7e", "projects")]
    [InlineData("agents/a/b//c", "agents")]
    [InlineData("sessions/ ", "sessions")]
    [InlineData("topics/", "topics")]
    [InlineData("topics/deploy/eu", "topics")]
    [InlineData("agents/*", "agents")]
    [InlineData("agents/../{tag}>", "agents")]
    [InlineData("agents/zoë-日本-😀", "agents")]
    public void A_name_of_the_rule_is_accepted_with_its_namespace(string name, string ns)
    {
        Assert.True(ChannelName.TryParse(Encoding.UTF8.GetBytes(name), out var channel));
        Assert.Equal(name, channel);
        Assert.True(ChannelName.IsValid(name));
        Assert.Equal(ns, ChannelName.Namespace(name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("bad/x")]
    [InlineData("Global")]
    [InlineData("global/")]
    [InlineData("global/x")]
    [InlineData("metrics/x")]
    [InlineData("hooks/x")]
    [InlineData("agents")]
    [InlineData("agents/")]
    [InlineData("users/")]
    [InlineData("sessions/")]
    [InlineData("projects/")]
    [InlineData("topics")]
    [InlineData("/global")]
    [InlineData("*")]
    [InlineData("__redis__")]
    [InlineData("agents/a\r\nSET x")]
    [InlineData("agents/\0")]
    [InlineData("agents/\u007f")]
    [InlineData("agents/\u0085")]
    [InlineData("topics/\t")]
    public void A_name_outside_the_rule_is_refused(string name)
    {
        Assert.False(ChannelName.IsValid(name));
        Assert.False(ChannelName.TryParse(Encoding.UTF8.GetBytes(name), out _));
    }

    [Fact]
    public void Invalid_utf8_is_refused()
    {
        Assert.False(ChannelName.TryParse([.. "agents/"u8, 0xFF], out _));
        Assert.False(ChannelName.TryParse([.. "agents/"u8, 0xC2], out _));
        Assert.False(ChannelName.TryParse([.. "agents/"u8, 0xED, 0xA0, 0x80], out _));
        Assert.False(ChannelName.IsValid("agents/" + (char)0xD800));
    }

    [Fact]
    public void The_length_limit_counts_bytes()
    {
        Assert.True(ChannelName.IsValid("agents/" + new string('a', 249)));
        Assert.False(ChannelName.IsValid("agents/" + new string('a', 250)));
        Assert.True(ChannelName.IsValid("agents/" + new string('é', 124)));
        Assert.False(ChannelName.IsValid("agents/" + new string('é', 125)));
        Assert.False(ChannelName.IsValid("agents/" + new string('a', 10_000)));
    }

    [Fact]
    public void Normalisation_twins_are_different_channels()
    {
        Assert.True(ChannelName.TryParse("agents/\u00e9", out var composed));
        Assert.True(ChannelName.TryParse("agents/e\u0301", out var decomposed));
        Assert.NotEqual(composed, decomposed, StringComparer.Ordinal);
    }

    [Fact]
    public void Builders_make_valid_names_and_refuse_others()
    {
        Assert.Equal("users/7", ChannelName.User("7"));
        Assert.Equal("sessions/s/1", ChannelName.Session("s/1"));
        Assert.Equal("projects/p", ChannelName.Project("p"));
        Assert.Equal("agents/a", ChannelName.Agent("a"));
        Assert.Equal("topics/", ChannelName.Topic(""));
        Assert.Throws<ArgumentException>(() => ChannelName.User(""));
        Assert.False(ChannelName.TryBuild(ChannelName.Agents, "a\n", out _));
        Assert.False(ChannelName.TryBuild(ChannelName.Agents, null, out _));
        Assert.Equal("s/1", ChannelName.Id("sessions/s/1").ToString());
        Assert.True(ChannelName.IsIn("users/7", "users"));
        Assert.False(ChannelName.IsIn("users", "users"));
    }

    [Fact]
    public void A_repeated_name_is_read_without_allocating()
    {
        ReadOnlySpan<byte> name = "agents/hot-path"u8;
        Assert.True(ChannelName.TryParse(name, out var first));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var again = ChannelName.TryParse(name, out var second);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(again);
        Assert.Same(first, second);
    }
}
