using Relay.Redis.Resp;

namespace Relay.Redis.Commands;

/// <summary>Keys, lists and the server itself. Each method is one command; errors are those of <see cref="RedisClient.SendAsync(ReadOnlySpan{RedisArg})"/>.</summary>
public static class RedisKeyCommands
{
    public static async ValueTask PingAsync(this RedisClient redis) => await redis.SendAsync("PING");

    /// <summary>The bytes under a key, or null when there is none.</summary>
    public static async ValueTask<ReadOnlyMemory<byte>?> GetAsync(this RedisClient redis, string key)
    {
        var value = await redis.SendAsync("GET", key);
        return Bytes(value);
    }

    public static async ValueTask SetAsync(this RedisClient redis, string key, RedisArg value) => await redis.SendAsync("SET", key, value);

    public static async ValueTask SetAsync(this RedisClient redis, string key, RedisArg value, TimeSpan expiry) =>
        await redis.SendAsync("SET", key, value, "PX", Milliseconds(expiry));

    /// <summary>SET NX PX: true when the key was free and is now set.</summary>
    public static async ValueTask<bool> SetIfAbsentAsync(this RedisClient redis, string key, RedisArg value, TimeSpan expiry) =>
        !(await redis.SendAsync("SET", key, value, "NX", "PX", Milliseconds(expiry))).IsNull;

    /// <summary>True when there was such a key.</summary>
    public static async ValueTask<bool> DeleteAsync(this RedisClient redis, string key) => (await redis.SendAsync("DEL", key)).AsBoolean();

    /// <summary>PEXPIRE: true when there is such a key.</summary>
    public static async ValueTask<bool> ExpireAsync(this RedisClient redis, string key, TimeSpan expiry) =>
        (await redis.SendAsync("PEXPIRE", key, Milliseconds(expiry))).AsBoolean();

    /// <summary>PUBLISH: the number of receivers on this server.</summary>
    public static async ValueTask<long> PublishAsync(this RedisClient redis, string channel, ReadOnlyMemory<byte> payload) =>
        (await redis.SendAsync("PUBLISH", channel, payload)).AsInteger();

    /// <summary>RPUSH: the list's length afterwards.</summary>
    public static async ValueTask<long> PushRightAsync(this RedisClient redis, string list, RedisArg value) =>
        (await redis.SendAsync("RPUSH", list, value)).AsInteger();

    /// <summary>LPUSH: the list's length afterwards.</summary>
    public static async ValueTask<long> PushLeftAsync(this RedisClient redis, string list, RedisArg value) =>
        (await redis.SendAsync("LPUSH", list, value)).AsInteger();

    /// <summary>BLPOP on a dedicated client: the first value, or null when none came within <paramref name="block"/>.</summary>
    /// <remarks>The value is gone from the list once it is read: a process that dies here loses it. Streams do not.</remarks>
    public static async ValueTask<ReadOnlyMemory<byte>?> PopLeftAsync(this RedisClient redis, string list, TimeSpan block)
    {
        // BLPOP takes seconds, with a fraction since Redis 6; zero would mean for ever.
        var seconds = Math.Max(0.001, block.TotalSeconds).ToString("0.###", System.Globalization.CultureInfo.InvariantCulture);
        var reply = await redis.SendBlockingAsync(block, "BLPOP", list, seconds);
        return reply.IsNull ? Bytes(reply) : Bytes(reply.Items[1]);
    }

    /// <summary>TIME: the server's clock.</summary>
    public static async ValueTask<DateTimeOffset> TimeAsync(this RedisClient redis)
    {
        var reply = await redis.SendAsync("TIME");
        var items = reply.Items;
        if (items.Length != 2)
            throw RedisException.Protocol($"TIME was answered by {reply}");
        return DateTimeOffset.FromUnixTimeSeconds(items[0].AsInteger()).AddMicroseconds(items[1].AsInteger());
    }

    /// <summary>INFO of one section, as name and value (redis.io/commands/info).</summary>
    public static async ValueTask<IReadOnlyDictionary<string, string>> InfoAsync(this RedisClient redis, string section)
    {
        var text = (await redis.SendAsync("INFO", section)).AsString() ?? string.Empty;
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[0] != '#')
                fields[line[..colon]] = line[(colon + 1)..];
        }

        return fields;
    }

    // A bare null in a conditional would become empty memory by way of byte[]'s conversion, and an absent value a present empty one.
    private static ReadOnlyMemory<byte>? Bytes(in RedisValue value) => value.IsNull ? default(ReadOnlyMemory<byte>?) : value.AsMemory();

    internal static long Milliseconds(TimeSpan span) => Math.Max(1, (long)Math.Ceiling(span.TotalMilliseconds));
}
