using Relay.Redis.Commands;

namespace Relay.Redis.Tests;

public sealed class RedisScriptTests
{
    [Fact]
    public void The_first_lines_name_the_script_its_keys_and_its_arguments()
    {
        var script = RedisScript.FromResource(typeof(RedisScriptTests).Assembly, "add_if_below.lua");
        Assert.Equal("add_if_below", script.Name);
        Assert.Equal(["counter"], script.Keys);
        Assert.Equal(["amount", "ceiling"], script.Arguments);
        Assert.Matches("^[0-9a-f]{40}$", script.Hash);
    }

    [Fact]
    public void A_prelude_stands_behind_the_first_lines_and_adds_nothing_to_them()
    {
        var script = RedisScript.FromResource(typeof(RedisScript).Assembly, "claim.lua", prelude: "prelude.lua");
        Assert.Equal("claim", script.Name);
        Assert.Equal(["state"], script.Keys);
        Assert.Equal(["node", "changes", "epoch", "drawn"], script.Arguments);
    }

    [Theory]
    [InlineData("return 1")]
    [InlineData("-- no colon\nreturn 1")]
    [InlineData("-- x: y\n-- KEYS[2] second\nreturn 1")]
    [InlineData("-- x: y\n-- ARGV[1]\nreturn 1")]
    [InlineData("-- x: y\n-- ARGV[1...] many\n-- ARGV[2] more\nreturn 1")]
    public void A_script_without_proper_first_lines_is_refused(string text) => Assert.Throws<FormatException>(() => RedisScript.FromText(text));

    [Fact]
    public async Task A_wrong_number_of_arguments_fails_before_it_is_sent()
    {
        await using var redis = new RedisClient(new RedisOptions { Endpoints = [new("127.0.0.1", 1)] }, new RedisServices());
        var script = RedisScript.FromText("-- x: y\n-- KEYS[1] k\n-- ARGV[1] a\n-- ARGV[2...] more\nreturn 1");
        await Assert.ThrowsAsync<ArgumentException>(() => script.RunAsync(redis, [], ["a", "b"]).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => script.RunAsync(redis, ["k"], ["a"]).AsTask());
    }

    [Fact]
    public void A_missing_resource_is_named() =>
        Assert.Contains("nowhere.lua", Assert.Throws<ArgumentException>(() => RedisScript.FromResource(typeof(RedisScriptTests).Assembly, "nowhere.lua")).Message, StringComparison.Ordinal);
}
