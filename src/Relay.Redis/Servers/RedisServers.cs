namespace Relay.Redis.Servers;

/// <summary>One of several independent servers.</summary>
/// <param name="Name">By which all nodes know it, wherever it stands.</param>
/// <param name="Client">For commands; started by whoever needs it.</param>
/// <param name="Shares">Whether it is on the ring.</param>
public sealed record RedisServer(string Name, RedisClient Client, bool Shares);

/// <summary>
/// The Redis of a node: one server that holds what there is once (members and leases of a cluster), and others over which what loads Redis is spread. Without others it is one server for
/// everything. They know nothing of each other; each may be the primary of Sentinels.
/// </summary>
/// <remarks>Names, not addresses, are on the ring: a server that moves to another host keeps what lies on it, and nodes may reach it in different ways.</remarks>
public sealed class RedisServers : IAsyncDisposable
{
    /// <summary>Name of the one server on the ring.</summary>
    public const string MainName = "main";

    /// <param name="all">The main server, then the others. At least one shares.</param>
    /// <exception cref="ArgumentException">The options contradict each other, or the names make no ring.</exception>
    public RedisServers(IReadOnlyList<RedisServerOptions> all, RedisServices services)
    {
        ArgumentNullException.ThrowIfNull(all);
        Ring = new HashRing(all.Where(static server => server.Shares).Select(static server => server.Name));
        All = [.. all.Select(server => new RedisServer(server.Name, new RedisClient(server.Connection, services), server.Shares))];
        Sharing = [.. Ring.Names.Select(name => All.First(server => server.Name == name))];
    }

    /// <summary>Members, leases, and all that has one place.</summary>
    public RedisClient Main => All[0].Client;

    /// <summary>All, the main one first.</summary>
    public IReadOnlyList<RedisServer> All { get; }

    /// <summary>Those on the ring, as it counts them.</summary>
    public IReadOnlyList<RedisServer> Sharing { get; }

    public HashRing Ring { get; }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in All)
            await server.Client.DisposeAsync();
    }
}

/// <summary>How to reach one of them.</summary>
/// <param name="Name"><see cref="RedisServers.MainName"/> for the main server.</param>
/// <param name="Connection">Its own address and rights.</param>
/// <param name="Shares">Whether it takes a part of what is spread.</param>
public sealed record RedisServerOptions(string Name, RedisOptions Connection, bool Shares = true);
