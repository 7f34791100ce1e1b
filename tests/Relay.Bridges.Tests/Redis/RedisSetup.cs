using System.Text;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Bridges.Tests.Redis;

internal static class RedisSetup
{
    public static RedisOptions Options(RedisServerProcess server, TimeSpan? keepAlive = null) => new()
    {
        Endpoints = RedisOptionsParser.Parse(server.Endpoint).Endpoints,
        CommandTimeout = TimeSpan.FromSeconds(30),
        ConnectTimeout = TimeSpan.FromSeconds(30),
        KeepAliveInterval = keepAlive ?? TimeSpan.FromSeconds(10),
        KeepAliveTimeout = keepAlive ?? TimeSpan.FromSeconds(10),
        BackoffMin = TimeSpan.FromMilliseconds(20),
        BackoffMax = TimeSpan.FromMilliseconds(200),
        MaxPendingCommands = 300_000,
        WaitWhenDown = TimeSpan.FromSeconds(30),
    };

    /// <summary>A client that need not be ready yet.</summary>
    public static RedisClient Client(RedisServerProcess server, TimeSpan? keepAlive = null)
    {
        var redis = new RedisClient(Options(server, keepAlive), new RedisServices());
        redis.Start();
        return redis;
    }

    public static string Update(string? user, int number) => user is null
        ? $"{{\"type\":\"notice\",\"payload\":{{\"n\":{number}}}}}"
        : $"{{\"target_user_id\":\"{user}\",\"type\":\"report_chunk\",\"payload\":{{\"n\":{number} ,\"text\":\"ünverändert\"}}, \"extra\" : 1e2}}";

    public static async Task<long> PublishAsync(this RedisClient redis, string channel, string message) =>
        await redis.PublishAsync(channel, Encoding.UTF8.GetBytes(message).AsMemory());

    public static async Task AddAsync(this RedisClient redis, string stream, string json) =>
        await redis.StreamAddAsync(stream, 0, "json", Encoding.UTF8.GetBytes(json));
}
