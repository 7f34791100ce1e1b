using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Nodes of one cluster over one Redis, and which of them a balancer would send new clients to.</summary>
internal sealed class RollingCluster : IAsyncDisposable
{
    private readonly RedisServerProcess _redis;
    private readonly (string Key, string Value)[] _settings;
    private readonly List<NodeProcess> _inService = [];
    private readonly Lock _gate = new();
    private int _next;

    private RollingCluster(RedisServerProcess redis, (string Key, string Value)[] settings)
    {
        _redis = redis;
        _settings = settings;
    }

    public RedisServerProcess Redis => _redis;

    /// <summary>By their number; one that is being restarted is the old one until the new one has started.</summary>
    public List<NodeProcess> Nodes { get; } = [];

    /// <summary>Starts so many nodes, <c>n1</c> and so on; returns when all are ready.</summary>
    public static async Task<RollingCluster> StartAsync(int nodes, params (string Key, string Value)[] settings)
    {
        var cluster = new RollingCluster(await RedisServerProcess.StartAsync(), settings);
        try
        {
            cluster.Nodes.AddRange(await Task.WhenAll(Enumerable.Range(1, nodes).Select(number => cluster.StartNodeAsync(number, []))));
            foreach (var node in cluster.Nodes)
            {
                await cluster.EnterAsync(node);
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>One more node; returns when it is ready.</summary>
    public async Task<NodeProcess> AddAsync(params (string Key, string Value)[] settings)
    {
        var node = await StartNodeAsync(Nodes.Count + 1, settings);
        Nodes.Add(node);
        await EnterAsync(node);
        return node;
    }

    /// <summary>A node that takes clients, in turn.</summary>
    public NodeProcess Pick()
    {
        lock (_gate)
        {
            return _inService[_next++ % _inService.Count];
        }
    }

    /// <summary>SIGTERM, then a new process under the same name; returns the exit code of the old one when the new one is ready.</summary>
    public async Task<int> RestartAsync(int number)
    {
        var old = Nodes[number - 1];
        lock (_gate)
        {
            _inService.Remove(old);
        }

        var code = await old.StopAsync();
        old.AssertNoFailuresInLog();
        await old.DisposeAsync();
        Nodes[number - 1] = await StartNodeAsync(number, []);
        await EnterAsync(Nodes[number - 1]);
        return code;
    }

    public static Task ReadyAsync(NodeProcess node) =>
        Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

    public async ValueTask DisposeAsync()
    {
        // Whoever is last has nobody to hand over to; the test is over.
        await Task.WhenAll(Nodes.Where(static node => node.IsAlive).Select(static node => node.KillAsync()));
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    private Task<NodeProcess> StartNodeAsync(int number, (string Key, string Value)[] settings) => NodeProcess.StartAsync(
        NodeStart.With([
            ("Cluster:Enabled", "true"),
            ("Cluster:NodeId", $"n{number}"),
            ("Cluster:Shards", "32"),
            ("Namespaces:sessions:Durability", "redis"),
            .. _settings.Any(static one => one.Key == "Cluster:RebalanceTime") ? [] : new[] { ("Cluster:RebalanceTime", "0s") },
            .. settings.Any(static one => one.Key == "Redis:Endpoints") ? [] : new[] { ("Redis:Endpoints", $"127.0.0.1:{_redis.Port}") },
            .. _settings,
            .. settings,
        ]));

    private async Task EnterAsync(NodeProcess node)
    {
        await ReadyAsync(node);
        lock (_gate)
        {
            _inService.Add(node);
        }
    }
}
