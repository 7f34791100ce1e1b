using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

public sealed class ScriptTests
{
    private static readonly RedisScript AddIfBelow = RedisScript.FromResource(typeof(ScriptTests).Assembly, "add_if_below.lua");

    [Fact]
    public async Task A_script_is_loaded_unseen_also_after_a_flush_and_after_a_restart()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await using var redis = await Contracts.ReadyAsync(server);
        Assert.Equal(5, (await AddIfBelow.RunAsync(redis, ["n"], [5, 20])).AsInteger());
        await redis.SendAsync("SCRIPT", "FLUSH");
        Assert.Equal(10, (await AddIfBelow.RunAsync(redis, ["n"], [5, 20])).AsInteger());
        var states = new StateLog(redis);
        await server.RestartAsync();
        await states.NextAsync(RedisState.Ready);
        Assert.Equal(15, (await AddIfBelow.RunAsync(redis, ["n"], [5, 20])).AsInteger());
    }

    [Fact]
    public async Task An_error_of_the_script_keeps_its_code()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        var error = await Assert.ThrowsAsync<RedisException>(() => AddIfBelow.RunAsync(redis, ["n"], [21, 20]).AsTask());
        Assert.Equal("CEILING", error.Code);
    }

    [Fact]
    public async Task Arguments_are_values_whatever_they_look_like()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        var echo = RedisScript.FromText("-- echo: returns its argument\n-- ARGV[1] text\nreturn ARGV[1]");
        const string Hostile = "']; redis.call('FLUSHALL') --\r\n$1\r\n";
        await redis.SetAsync("k", "v");
        Assert.Equal(Hostile, (await echo.RunAsync(redis, [], [Hostile])).AsString());
        Assert.NotNull(await redis.GetAsync("k"));
    }
}
