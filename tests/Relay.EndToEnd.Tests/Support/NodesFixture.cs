using Relay.Testing;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>One node, or a cluster of several over a Redis of their own, for all tests of a class.</summary>
public abstract class NodesFixture(int count) : IAsyncLifetime
{
    private RedisServerProcess? _redis;

    internal IReadOnlyList<NodeProcess> All { get; private set; } = [];

    public async Task InitializeAsync()
    {
        if (count == 1)
        {
            All = [await NodeProcess.StartAsync()];
            return;
        }

        _redis = await RedisServerProcess.StartAsync();
        All = await Task.WhenAll(Enumerable.Range(1, count).Select(n => NodeProcess.StartAsync(
            ("Redis:Endpoints", _redis.Endpoint), ("Cluster:Enabled", "true"), ("Cluster:NodeId", $"n{n}"))));
        await Task.WhenAll(All.Select(static node => node.BecomesReadyAsync()));
    }

    public async Task DisposeAsync()
    {
        await Task.WhenAll(All.Select(static node => node.DisposeAsync().AsTask()));
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }
}
