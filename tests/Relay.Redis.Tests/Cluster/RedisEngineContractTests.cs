using Relay.Cluster.Engine;
using Relay.Cluster.TestKit;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>The engine on Redis keeps the contract that the simulated one keeps.</summary>
public sealed class RedisEngineContractTests : ClusterEngineContract, IAsyncLifetime
{
    private readonly List<ClusterNode> _nodes = [];
    private RedisServerProcess? _server;

    public async Task InitializeAsync() => _server = await RedisServerProcess.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await _server!.DisposeAsync();
    }

    protected override async Task<IClusterEngine> ConnectAsync()
    {
        var node = await ClusterNode.StartAsync("contract", _server!);
        _nodes.Add(node);
        return node.Engine;
    }

    protected override async Task ForgetAsync()
    {
        await using var redis = await Contracts.ReadyAsync(_server!);
        await redis.SendAsync("FLUSHALL");
    }
}
