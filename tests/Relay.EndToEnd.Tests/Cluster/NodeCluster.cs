using Relay.EndToEnd.Tests.Support;
using Relay.Kernel;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Some nodes that share their channels over a Redis of their own.</summary>
internal sealed class NodeCluster : IAsyncDisposable
{
    private const int Shards = 32;

    private readonly RedisServerProcess _redis;
    private readonly (string Key, string Value)[] _settings;
    private readonly List<NodeProcess> _nodes = [];

    private NodeCluster(RedisServerProcess redis, (string Key, string Value)[] settings)
    {
        _redis = redis;
        _settings = settings;
    }

    public RedisServerProcess Redis => _redis;

    /// <summary>By number, from 0; their names are n1, n2, ...</summary>
    public IReadOnlyList<NodeProcess> Nodes => _nodes;

    /// <summary>Starts nodes together; returns when all of them are ready.</summary>
    public static async Task<NodeCluster> StartAsync(int nodes, params (string Key, string Value)[] settings)
    {
        var cluster = new NodeCluster(await RedisServerProcess.StartAsync(), settings);
        try
        {
            cluster._nodes.AddRange(await Task.WhenAll(Enumerable.Range(1, nodes).Select(cluster.StartNodeAsync)));
            await Task.WhenAll(cluster._nodes.Select(ReadyAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Another node; returns when it is ready, which is before anything has moved to it.</summary>
    public async Task<NodeProcess> AddAsync()
    {
        var node = await StartNodeAsync(_nodes.Count + 1);
        _nodes.Add(node);
        await ReadyAsync(node);
        return node;
    }

    /// <summary>The number of the node that owns a channel by the cluster's table; -1 when none does.</summary>
    public async Task<int> OwnerOfAsync(string channel)
    {
        var shard = ShardHash.ShardOf(channel, Shards).ToString(System.Globalization.CultureInfo.InvariantCulture);
        var entry = await _redis.RunAsync("HGET", "{relay}:state", "s:" + shard);
        return Enumerable.Range(0, _nodes.Count).Where(node => entry.Split(' ') is [_, var owner, ..] && owner.StartsWith($"n{node + 1}#", StringComparison.Ordinal)).Append(-1).First();
    }

    /// <summary>Waits until a node owns at least one of some channels.</summary>
    public Task OwnsSomeAsync(int node, IReadOnlyList<string> channels) => Eventually.UntilAsync(
        async () =>
        {
            foreach (var channel in channels)
            {
                if (await OwnerOfAsync(channel) == node)
                {
                    return true;
                }
            }

            return false;
        },
        $"node {node + 1} owns one of the channels");

    /// <summary>SIGKILL.</summary>
    public Task KillAsync(int node) => _nodes[node].KillAsync();

    public void AssertNoFailuresInLogs() => _nodes.ForEach(static node => node.AssertNoFailuresInLog());

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    private Task<NodeProcess> StartNodeAsync(int number) => NodeProcess.StartAsync(NodeStart.With(_settings).Or(
        ("Redis:Endpoints", _redis.Endpoint),
        ("Cluster:Enabled", "true"),
        ("Cluster:NodeId", "n" + number.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("Cluster:Shards", Shards.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("Namespaces:sessions:Durability", "redis")));

    private static Task ReadyAsync(NodeProcess node) =>
        Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready", TimeSpan.FromSeconds(60));
}
