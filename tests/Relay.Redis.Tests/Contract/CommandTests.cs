using System.Diagnostics.Metrics;
using Relay.Redis.Commands;
using Relay.Redis.Resp;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

/// <summary>Commands and answers, read through the runtime's socket engine.</summary>
public sealed class CommandTests() : CommandContract(watched: false);

/// <summary>Commands and answers, read as a watcher reports input.</summary>
public sealed class WatchedCommandTests() : CommandContract(watched: true);

public abstract class CommandContract(bool watched) : ContractTests(watched)
{
    [Fact]
    public async Task A_hundred_thousand_pipelined_commands_are_answered_in_order()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var answers = new Task<RedisValue>[100_000];
        for (var i = 0; i < answers.Length; i++)
            answers[i] = redis.SendAsync("INCR", "n").AsTask();
        for (var i = 0; i < answers.Length; i++)
            Assert.Equal(i + 1, (await answers[i]).AsInteger());
    }

    [Fact]
    public async Task Many_callers_at_once_each_get_their_own_answer()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        await Parallel.ForEachAsync(Enumerable.Range(0, 10_000), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
            Assert.Equal($"{i}", (await redis.SendAsync("ECHO", $"{i}")).AsString()));
    }

    [Fact]
    public async Task A_value_of_8_MB_comes_back_as_it_was_and_in_its_turn()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var large = new byte[8 * 1024 * 1024];
        new Random(3).NextBytes(large);
        var set = redis.SetAsync("large", large).AsTask();
        var one = redis.GetAsync("large").AsTask();
        var ping = redis.PingAsync().AsTask();
        var two = redis.GetAsync("large").AsTask();
        await set;
        Assert.True((await one)!.Value.Span.SequenceEqual(large));
        await ping;
        Assert.True((await two)!.Value.Span.SequenceEqual(large));
    }

    [Fact]
    public async Task Keys_lists_time_and_info_mean_what_they_say()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        Assert.Null(await redis.GetAsync("k"));
        Assert.True(await redis.SetIfAbsentAsync("k", "v", TimeSpan.FromMinutes(1)));
        Assert.False(await redis.SetIfAbsentAsync("k", "w", TimeSpan.FromMinutes(1)));
        Assert.Equal("v"u8.ToArray(), (await redis.GetAsync("k"))!.Value.ToArray());
        Assert.True(await redis.ExpireAsync("k", TimeSpan.FromSeconds(50)));
        Assert.InRange((await redis.SendAsync("PTTL", "k")).AsInteger(), 1, 50_000);
        Assert.True(await redis.DeleteAsync("k"));
        Assert.False(await redis.DeleteAsync("k"));
        await redis.SetAsync("k", "x", TimeSpan.FromMinutes(1));
        Assert.Equal(1, await redis.PushRightAsync("list", "b"));
        Assert.Equal(2, await redis.PushLeftAsync("list", "a"));
        Assert.Equal("7.", (await redis.InfoAsync("server"))["redis_version"][..2]);
        Assert.True(await redis.TimeAsync() > new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.Equal(0, await redis.PublishAsync("nobody", "x"u8.ToArray()));

        await using var blocking = redis.Dedicated("blocking");
        blocking.Start();
        await blocking.WaitReadyAsync();
        Assert.Equal("a"u8.ToArray(), (await blocking.PopLeftAsync("list", TimeSpan.FromSeconds(5)))!.Value.ToArray());
        Assert.Equal("b"u8.ToArray(), (await blocking.PopLeftAsync("list", TimeSpan.FromSeconds(5)))!.Value.ToArray());
        Assert.Null(await blocking.PopLeftAsync("list", TimeSpan.FromMilliseconds(1)));
    }

    [Fact]
    public async Task A_blocking_command_is_refused_on_the_shared_connection()
    {
        await using var redis = new RedisClient(Contracts.Options("127.0.0.1:1"), new RedisServices { Sockets = Sockets });
        await Assert.ThrowsAsync<InvalidOperationException>(() => redis.PopLeftAsync("list", TimeSpan.FromSeconds(1)).AsTask());
    }

    [Fact]
    public async Task A_server_error_tells_its_code_and_the_connection_goes_on()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        await redis.SetAsync("text", "abc");
        var error = await Assert.ThrowsAsync<RedisException>(() => redis.PushLeftAsync("text", "x").AsTask());
        Assert.Equal((RedisErrorKind.ServerError, "WRONGTYPE"), (error.Kind, error.Code));
        Assert.Equal("ERR", (await Assert.ThrowsAsync<RedisException>(() => redis.SendAsync("INCR", "text").AsTask())).Code);
        await redis.PingAsync();
    }

    [Fact]
    public async Task A_server_out_of_memory_refuses_writes_with_OOM_and_still_reads()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Extra = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"] });
        await using var redis = await ReadyAsync(server);
        RedisException? error = null;
        for (var i = 0; i < 100 && error is null; i++)
            error = await Record.ExceptionAsync(() => redis.SetAsync($"k{i}", new byte[100_000]).AsTask()) as RedisException;
        Assert.Equal((RedisErrorKind.ServerError, "OOM"), (error!.Kind, error.Code));
        Assert.NotNull(await redis.GetAsync("k0"));
    }

    [Fact]
    public async Task A_read_only_server_ends_the_connection_so_that_another_endpoint_is_tried()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var states = new StateLog(redis);
        await redis.SendAsync("REPLICAOF", "127.0.0.1", "1");
        Assert.Equal("READONLY", (await Assert.ThrowsAsync<RedisException>(() => redis.SetAsync("k", "v").AsTask())).Code);
        Assert.Contains("read-only replica", (await states.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
        Assert.Contains("read-only replica", (await states.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_chosen_database_is_the_one_that_is_used_after_a_reconnect_as_well()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var other = await ReadyAsync(server);
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => o.Database = 3));
        var states = new StateLog(redis);
        await redis.SetAsync("k", "in 3");
        await other.SendAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await states.NextAsync(RedisState.Ready);
        Assert.NotNull(await redis.GetAsync("k"));
        Assert.Null(await other.GetAsync("k"));
    }

    [Fact]
    public async Task Counters_tell_commands_bytes_connects_and_errors_by_kind()
    {
        using var meter = new Meter("test");
        using var sums = new CounterSums(meter, "role");
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets, Metrics = new RedisMetrics(meter) });
        await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask());
        redis.Start();
        await redis.WaitReadyAsync();
        await Assert.ThrowsAsync<RedisException>(() => redis.SendAsync("NOSUCH").AsTask());
        await redis.PingAsync();
        Assert.Equal(4, sums["relay.redis.commands"]);
        Assert.Equal(1, sums["relay.redis.connects"]);
        Assert.Equal(1, sums["relay.redis.errors kind=Unavailable code="]);
        Assert.Equal(1, sums["relay.redis.errors kind=ServerError code=ERR"]);
        Assert.InRange(sums["relay.redis.io direction=transmit"], 50, 500);
        Assert.InRange(sums["relay.redis.io direction=receive"], 50, 500);
    }
}
