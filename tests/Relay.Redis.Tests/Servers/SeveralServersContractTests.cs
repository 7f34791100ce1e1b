using Relay.Cluster.Engine;
using Relay.Cluster.TestKit;
using Relay.Redis.Tests.Cluster;
using Relay.Redis.Tests.Contract;

namespace Relay.Redis.Tests.Servers;

/// <summary>The engine over several servers keeps the contract that it keeps on one.</summary>
public sealed class SeveralServersContractTests : ClusterEngineContract, IAsyncLifetime
{
    private readonly List<ClusterNode> _nodes = [];
    private ServerTrio? _trio;

    public async Task InitializeAsync() => _trio = await ServerTrio.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await _trio!.DisposeAsync();
    }

    protected override async Task<IClusterEngine> ConnectAsync()
    {
        var node = await ClusterNode.StartAsync("contract", _trio!.Options());
        _nodes.Add(node);
        return node.Engine;
    }

    protected override async Task ForgetAsync()
    {
        await using var redis = await Contracts.ReadyAsync(_trio!["main"]);
        await redis.SendAsync("FLUSHALL");
    }
}
