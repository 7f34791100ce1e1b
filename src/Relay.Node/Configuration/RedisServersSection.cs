using Relay.Redis;
using Relay.Redis.Servers;

namespace Relay.Node.Configuration;

/// <summary>Several independent Redis servers: <c>Redis:Servers:{name}</c>, besides that of <c>Redis:Endpoints</c>.</summary>
internal static class RedisServersSection
{
    /// <summary>Each costs a node some connections, and what it tells the others is written into each heartbeat.</summary>
    private const int MaxServers = 32;

    /// <returns>The main server, then the others by name; empty without a main server.</returns>
    public static IReadOnlyList<RedisServerOptions> Read(SettingReader reader, RedisOptions? main)
    {
        var shares = reader.Read("Redis:Share", Kinds.Flag, true, "Whether the server of Redis:Endpoints takes its part of what is spread over Redis:Servers, or holds only what there is once, as the state of the cluster.");
        var others = reader.ReadNamed("Redis:Servers", "{name}", [], open: true, (name, section) => Read(name.ToLowerInvariant(), section, main));
        if (main is null)
        {
            if (others.Count > 0)
            {
                reader.Problem("Redis:Endpoints", null, "Redis:Servers needs one server for what there is once", "127.0.0.1:6379");
            }

            return [];
        }

        var all = new List<RedisServerOptions> { new(RedisServers.MainName, main, shares) };
        all.AddRange(others.Values.OfType<RedisServerOptions>().OrderBy(static server => server.Name, StringComparer.Ordinal));
        Check(reader, all, others.Count);
        return all;
    }

    private static RedisServerOptions? Read(string name, SettingReader section, RedisOptions? main)
    {
        var address = section.Read(
            "Endpoints", RedisSection.Address, null,
            "A further, independent server, over which messages between nodes and what Durability=redis keeps are spread; the same names on every node. Rights, TLS and times are those of Redis unless its address says otherwise; empty = the Sentinels of Redis:Endpoints.");
        var sentinel = section.Read("Sentinel", Kinds.Text.Called("text", "mymaster-b"), "", "Name of its primary as the Sentinels know it; empty = the endpoints are the server itself.");
        var shares = section.Read("Share", Kinds.Flag, true, "Whether it takes its part; false = it is listened to, and emptied by --move-redis-streams.");
        if (main is null)
        {
            return null;
        }

        if (address is null && sentinel.Length > 0 && main.Sentinel is not null)
        {
            address = new RedisAddress(main.Endpoints, main.Tls, main.User, main.Password, main.Database);
        }

        if (address is null)
        {
            if (!section.IsSet("Endpoints") || sentinel.Length > 0)
            {
                section.Problem("Endpoints", null, "a further server needs an address", "127.0.0.1:6380");
            }

            return null;
        }

        if (address.Tls != main.Tls)
        {
            section.Problem("Endpoints", address.ToString(), "servers use TLS (rediss://) all or none, as Redis:Endpoints does", $"{(main.Tls ? "rediss" : "redis")}://{string.Join(',', address.Endpoints)}");
        }

        return new RedisServerOptions(name, main.ForServer(name, address, sentinel.Length > 0 ? sentinel : null), shares);
    }

    private static void Check(SettingReader reader, List<RedisServerOptions> all, int named)
    {
        if (all.Skip(1).FirstOrDefault(static server => server.Name == RedisServers.MainName) is { } reserved)
        {
            reader.Problem("Redis:Servers:" + reserved.Name, null, $"'{RedisServers.MainName}' is the name of the server of Redis:Endpoints; give it another", null);
        }

        if (named > MaxServers)
        {
            reader.Problem("Redis:Servers", null, $"{named} servers are named, and {MaxServers} are the most", null);
        }

        if (!all.Exists(static server => server.Shares))
        {
            reader.Problem("Redis:Share", "false", "no server is left that shares: name one under Redis:Servers, or leave this true", "true");
        }

        for (var i = 1; i < all.Count; i++)
        {
            var own = all[i].Connection;
            if (all.Take(i).FirstOrDefault(other => other.Connection.Sentinel == own.Sentinel && other.Connection.Endpoints.Intersect(own.Endpoints).Any()) is { } same)
            {
                reader.Problem($"Redis:Servers:{all[i].Name}:Endpoints", string.Join(',', own.Endpoints), $"is the same server as '{same.Name}'; each must be one of its own", null);
            }
        }
    }
}
