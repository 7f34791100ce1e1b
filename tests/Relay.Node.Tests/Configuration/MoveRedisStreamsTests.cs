using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Servers;
using Relay.Storage.Journals.Redis;
using Relay.Testing;

namespace Relay.Node.Tests.Configuration;

/// <summary>The errand <c>--move-redis-streams</c> of the real program.</summary>
public sealed class MoveRedisStreamsTests
{
    [Fact]
    public async Task Streams_go_where_the_configured_servers_have_them_but_not_while_a_node_runs()
    {
        await using var main = await RedisServerProcess.StartAsync();
        await using var b = await RedisServerProcess.StartAsync();
        await using var servers = new RedisServers([new("main", Options(main)), new("b", Options(b))], new RedisServices());
        foreach (var server in servers.All)
        {
            server.Client.Start();
            await server.Client.WaitReadyAsync();
        }

        string[] streams = [.. Enumerable.Range(1, 20).Select(static n => string.Create(CultureInfo.InvariantCulture, $"topics/{n:00}"))];
        await using (var one = new RedisJournal(servers.Main, new RedisJournalOptions(), NullLoggerFactory.Instance))
        {
            foreach (var stream in streams)
            {
                Assert.True((await one.OpenAsync(new OpenStream { Stream = stream, Fence = 1, EpochIfNew = 7 })).IsDone);
            }
        }

        // A member that was killed, and one that lives.
        await servers.Main.SendAsync("HSET", "{relay}:state", "ring", "main", "n:dead#1", "5 up", "n:live#1", "1 up");
        using var death = new CancellationTokenSource();
        var living = LiveAsync(servers.Main, death.Token);
        var (code, _, error) = await RunAsync(main, b);
        Assert.Equal(1, code);
        Assert.Contains("nothing was moved: node live#1 runs", error, StringComparison.Ordinal);
        await death.CancelAsync();
        await living;

        (code, var output, error) = await RunAsync(main, b);
        Assert.True(code == 0, error);
        var moved = streams.Count(stream => servers.Ring.Names[servers.Ring.OwnerOf(stream)] == "b");
        Assert.Contains($"{moved} streams moved; they are spread over the servers b main", output, StringComparison.Ordinal);
        Assert.Equal("b main", (await servers.Main.SendAsync("HGET", "{relay}:state", "ring")).AsString());
        await using var both = new RingJournal(
            servers.Ring,
            [.. servers.Sharing.Select(server => new RedisJournal(server.Client, new RedisJournalOptions { Ring = servers.Ring.ToString() }, NullLoggerFactory.Instance))]);
        Assert.Equal(streams, (await both.ListAsync("", 100)).Select(static stream => stream.Stream), StringComparer.Ordinal);
        foreach (var stream in streams)
        {
            Assert.Equal(7UL, (await both.OpenAsync(new OpenStream { Stream = stream, Fence = 2, EpochIfNew = 8 })).State.Epoch);
        }
    }

    [Fact]
    public async Task Without_Redis_it_is_a_mistake()
    {
        await using var node = new NodeProcess(["--move-redis-streams"]);
        Assert.Equal(2, await node.ExitAsync());
        Assert.Contains("Relay:Redis:Endpoints", await node.ErrorAsync(), StringComparison.Ordinal);
    }

    private static RedisOptions Options(RedisServerProcess server) => new() { Endpoints = RedisOptionsParser.Parse(server.Endpoint).Endpoints };

    private static async Task<(int Code, string Output, string Error)> RunAsync(RedisServerProcess main, RedisServerProcess b)
    {
        await using var node = new NodeProcess(
            ["--move-redis-streams"], ("Relay__Redis__Endpoints", main.Endpoint), ("Relay__Redis__Servers__b__Endpoints", b.Endpoint), ("Relay__Cluster__Enabled", "true"));
        var code = await node.ExitAsync();
        return (code, string.Join('\n', node.Output), await node.ErrorAsync());
    }

    private static async Task LiveAsync(RedisClient redis, CancellationToken death)
    {
        for (var beat = 2; !death.IsCancellationRequested; beat++)
        {
            await redis.SendAsync("HSET", "{relay}:state", "n:live#1", string.Create(CultureInfo.InvariantCulture, $"{beat} up"));
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, CancellationToken.None);
        }
    }
}
