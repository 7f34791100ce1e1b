using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Testing;

/// <summary>The helpers that start real servers keep their own promises.</summary>
public sealed class ServerProcessTests
{
    [Fact]
    public async Task PostgreSQL_keeps_committed_rows_over_kill_and_restart_and_leaves_no_folder()
    {
        string folder;
        await using (var server = await PostgresServerProcess.StartAsync("max_connections=20"))
        {
            folder = server.Folder;
            await QueryAsync(server, "create table t (x int); insert into t values (42)");
            await server.KillAsync();
            await server.StartAgainAsync();
            await QueryAsync(server, "do $$ begin assert (select x from t) = 42; assert current_setting('max_connections') = '20'; end $$");
            await server.RestartAsync();
            await QueryAsync(server, "do $$ begin assert (select x from t) = 42; assert current_setting('fsync') = 'on'; end $$");
        }

        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task A_durable_Redis_keeps_its_data_over_a_kill_on_the_same_port_and_leaves_no_folder()
    {
        string folder;
        await using (var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true }))
        {
            folder = server.Folder;
            await using var redis = await Contracts.ReadyAsync(server);
            var states = new StateLog(redis);
            await redis.SetAsync("k", "v");
            await server.KillAsync();
            await server.StartAgainAsync();
            await states.NextAsync(RedisState.Ready);
            Assert.Equal("v"u8.ToArray(), (await redis.GetAsync("k"))!.Value.ToArray());
        }

        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task A_server_that_does_not_start_shows_its_own_words()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => RedisServerProcess.StartAsync(new RedisServerSettings { Extra = ["--no-such-directive", "1"] }));
        Assert.Contains("no-such-directive", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_program_is_named_with_the_way_to_get_it() =>
        Assert.Equal("get it", Assert.Throws<InvalidOperationException>(() => ServerProcess.Start("no-such-program", [], "get it")).Message);

    [Fact]
    public async Task A_wait_in_vain_says_for_what()
    {
        var never = false;
        var error = await Assert.ThrowsAsync<TimeoutException>(() => Eventually.Until(() => never, TimeSpan.FromMilliseconds(1)));
        Assert.Contains("() => never", error.Message, StringComparison.Ordinal);
    }

    private static Task QueryAsync(PostgresServerProcess server, string sql) =>
        ServerProcess.RunAsync("psql", ["-h", "127.0.0.1", "-p", $"{server.Port}", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql], "psql was not found: apt-get install postgresql-client");
}
