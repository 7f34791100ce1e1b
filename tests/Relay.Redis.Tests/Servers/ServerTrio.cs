using Relay.Cluster;
using Relay.Redis.Cluster;
using Relay.Redis.Servers;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Servers;

/// <summary>Three independent servers: main, b and c.</summary>
internal sealed class ServerTrio : IAsyncDisposable
{
    public static readonly string[] Names = [RedisServers.MainName, "b", "c"];

    private readonly RedisServerProcess[] _servers;

    private ServerTrio(RedisServerProcess[] servers) => _servers = servers;

    /// <summary>By name.</summary>
    public RedisServerProcess this[string name] => _servers[Array.IndexOf(Names, name)];

    public static async Task<ServerTrio> StartAsync() => new(await Task.WhenAll(Names.Select(static _ => RedisServerProcess.StartAsync())));

    /// <summary>As a node is told of them.</summary>
    /// <param name="endpoint">Where the node finds each, by name; the servers themselves when left out.</param>
    /// <param name="mainShares">Whether frames go over the main server as well.</param>
    public IReadOnlyList<RedisServerOptions> Options(Func<string, string>? endpoint = null, bool mainShares = true) =>
        [.. Names.Select(name => new RedisServerOptions(name, Contracts.Options(endpoint?.Invoke(name) ?? this[name].Endpoint), mainShares || name != RedisServers.MainName))];

    /// <summary>The server over which frames of the one for the other go while nothing is wrong.</summary>
    public static string Preferred(NodeId from, NodeId to)
    {
        var ring = new HashRing(Names);
        return ring.Names[ring.OrderOf($"{from}>{to}")[0]];
    }

    /// <summary>All ways of an engine are open.</summary>
    public static Task OpenAsync(RedisClusterEngine engine) => Eventually.Until(() => engine.Detour is null && engine.Illness is null, Contracts.Patience);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
    }
}
