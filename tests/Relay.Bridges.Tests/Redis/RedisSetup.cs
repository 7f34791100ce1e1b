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

    /// <summary>Dead letters in their order: the entry they were, and the other fields as <c>name|value|…</c> without the time.</summary>
    public static async Task<List<(string Id, string Text)>> DeadAsync(this RedisClient redis, string dead)
    {
        var found = new List<(string, string)>();
        foreach (var entry in (await redis.SendAsync("XRANGE", dead, "-", "+")).Items.ToArray())
        {
            var fields = entry.Items[1].Items.ToArray().Select(static field => field.AsString()!).Chunk(2).ToList();
            Assert.Equal("time", fields[3][0]);
            Assert.True(DateTimeOffset.TryParse(fields[3][1], System.Globalization.CultureInfo.InvariantCulture, out _));
            found.Add((fields.Single(static pair => pair[0] == "entry_id")[1], string.Join('|', fields.Where(static pair => pair[0] is not "entry_id" and not "time").SelectMany(static pair => pair))));
        }

        return found;
    }
}
