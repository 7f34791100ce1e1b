using Relay.Cluster.Engine;
using Relay.Cluster.TestKit;

namespace Relay.Cluster.Tests;

/// <summary>The simulated engine keeps the contract that the real one keeps: what the schedules prove holds for both.</summary>
public sealed class SimulatedEngineTests : ClusterEngineContract
{
    private readonly SimulatedCluster _cluster = new(TimeProvider.System);

    [Fact]
    public async Task A_store_that_is_away_fails_every_call_and_says_so()
    {
        var engine = await ConnectAsync();
        _cluster.IsUp = false;
        Assert.NotNull(engine.Illness);
        Assert.True((await Assert.ThrowsAsync<ClusterEngineException>(async () => await engine.LeaveAsync(A))).IsRetryable);
        await Assert.ThrowsAsync<ClusterEngineException>(async () => await engine.SendAsync(A, new byte[] { 1 }));
    }

    protected override Task<IClusterEngine> ConnectAsync() => Task.FromResult<IClusterEngine>(new SimulatedEngine(_cluster));

    protected override Task ForgetAsync()
    {
        _cluster.Store.Forget();
        return Task.CompletedTask;
    }
}
