namespace Relay.Redis.Tests;

public sealed class RedisOptionsTests
{
    [Theory]
    [InlineData("localhost", "redis://localhost:6379/0", null, null)]
    [InlineData("a:1,b:2, c ", "redis://a:1,b:2,c:6379/0", null, null)]
    [InlineData("rediss://cache.example:6380", "rediss://cache.example:6380/0", null, null)]
    [InlineData("redis://:s3cret@h:1/4", "redis://h:1/4", null, "s3cret")]
    [InlineData("REDIS://relay:p%40ss%3A@[::1]:7000", "redis://[::1]:7000/0", "relay", "p@ss:")]
    [InlineData("[fe80::1]", "redis://[fe80::1]:6379/0", null, null)]
    public void Connection_texts_are_understood(string text, string expected, string? user, string? password)
    {
        var address = RedisOptionsParser.Parse(text);
        Assert.Equal(expected, address.ToString());
        Assert.Equal(user, address.User);
        Assert.Equal(password, address.Password);
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://localhost")]
    [InlineData("localhost:0")]
    [InlineData("localhost:65536")]
    [InlineData("localhost:abc")]
    [InlineData("localhost:6379/x")]
    [InlineData("fe80::1")]
    [InlineData("[::1")]
    [InlineData("[::1]x")]
    [InlineData("user@host")]
    [InlineData("two words:1")]
    public void A_wrong_text_names_the_setting(string text) =>
        Assert.Contains("Relay:Redis:Endpoints", Assert.Throws<FormatException>(() => RedisOptionsParser.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Passwords_are_in_no_text()
    {
        var address = RedisOptionsParser.Parse("redis://u:hunter2@h:1");
        var options = new RedisOptions { Endpoints = address.Endpoints, User = address.User, Password = address.Password };
        Assert.DoesNotContain("hunter2", options.ToString() + address, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_contradict_each_other_are_named_before_anything_connects()
    {
        var options = new RedisOptions
        {
            Endpoints = [],
            User = "x",
            TlsSkipVerify = true,
            TlsCaFile = "ca.pem",
            BackoffMin = TimeSpan.FromSeconds(2),
            BackoffMax = TimeSpan.FromSeconds(1),
            Database = -1,
        };
        var error = Assert.Throws<ArgumentException>(() => new RedisClient(options, new RedisServices()));
        foreach (var name in new[] { "Endpoints", "User", "TlsSkipVerify", "BackoffMin", "Database", "rediss://" })
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }
}
