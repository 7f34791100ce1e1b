using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Some nodes of one cluster over a Redis of their own, each with the same settings.</summary>
internal sealed class NodeGroup : IAsyncDisposable
{
    private readonly (string Key, string Value)[] _settings;

    private NodeGroup(RedisServerProcess redis, (string Key, string Value)[] settings)
    {
        Redis = redis;
        _settings = settings;
    }

    public RedisServerProcess Redis { get; }

    /// <summary>In the order of their start.</summary>
    public List<NodeProcess> Nodes { get; } = [];

    public NodeProcess this[int index] => Nodes[index];

    /// <summary>Starts so many nodes, <c>n1</c> and so on; returns when all are ready.</summary>
    public static async Task<NodeGroup> StartAsync(int nodes, params (string Key, string Value)[] settings)
    {
        var group = new NodeGroup(await RedisServerProcess.StartAsync(), settings);
        try
        {
            group.Nodes.AddRange(await Task.WhenAll(Enumerable.Range(1, nodes).Select(group.StartOneAsync)));
            await Task.WhenAll(group.Nodes.Select(ReadyAsync));
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>One more node; returns when it is ready, its shards come to it from then on.</summary>
    public async Task<NodeProcess> AddAsync()
    {
        var node = await StartOneAsync(Nodes.Count + 1);
        Nodes.Add(node);
        await ReadyAsync(node);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        // Whoever is last has nobody to hand over to; the test is over.
        await Task.WhenAll(Nodes.Where(static node => node.IsAlive).Select(static node => node.KillAsync()));
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        await Redis.DisposeAsync();
    }

    private static Task ReadyAsync(NodeProcess node) =>
        Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

    private Task<NodeProcess> StartOneAsync(int number) => NodeProcess.StartAsync(NodeStart.With([
        ("Cluster:Enabled", "true"),
        ("Cluster:NodeId", $"n{number}"),
        ("Cluster:Shards", "32"),
        ("Redis:Endpoints", Redis.Endpoint),
        ("Namespaces:sessions:Durability", "redis"),
        .. _settings,
    ]));
}
