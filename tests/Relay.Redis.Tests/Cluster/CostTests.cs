using System.Diagnostics.Metrics;
using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>What it costs, counted in commands and bytes.</summary>
public sealed class CostTests : IDisposable
{
    private const string Steps = "relay.redis.commands role=" + RedisClusterEngine.StepsRole;
    private const string Frames = "relay.redis.commands role=" + RedisClusterEngine.FramesRole;

    private readonly Meter _meter = new("cost");
    private readonly CounterSums _sums;
    private readonly RedisServices _services;

    public CostTests()
    {
        _sums = new CounterSums(_meter);
        _services = new RedisServices { Metrics = new RedisMetrics(_meter) };
    }

    public void Dispose()
    {
        _sums.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public async Task A_heartbeat_is_one_small_command_however_many_leases_it_renews()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint), services: _services);
        await a.HeartbeatAsync();
        var held = await a.ClaimAsync([.. Enumerable.Range(0, 4096)]);
        Assert.Equal(4096, (await a.HeartbeatAsync(held)).Table!.Count);
        var before = (Commands: _sums[Steps], Bytes: Bytes());
        for (var i = 0; i < 100; i++)
            Assert.Empty((await a.HeartbeatAsync(held)).LostLeases);
        Assert.Equal(100, _sums[Steps] - before.Commands);
        Assert.InRange(Bytes() - before.Bytes, 0, 100 * 1024);

        long Bytes() => _sums[$"relay.redis.io role={RedisClusterEngine.StepsRole} direction=transmit"] + _sums[$"relay.redis.io role={RedisClusterEngine.StepsRole} direction=receive"];
    }

    [Fact]
    public async Task Every_step_is_one_command()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint), services: _services);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await StepsAsync();
        var (before, frames) = (_sums[Steps], _sums[Frames]);
        Assert.Equal(6, await StepsAsync());
        Assert.Equal(6, _sums[Steps] - before);

        // A frame is one PUBLISH, whatever its size, and goes beside the steps.
        foreach (var size in new[] { 0, 100, 1_000_000 })
            await a.Engine.SendAsync(b.Id, new byte[size]);
        Assert.Equal(6, _sums[Steps] - before);
        Assert.Equal(3, _sums[Frames] - frames);
        await using var admin = await Contracts.ReadyAsync(server);
        await admin.SendAsync("CONFIG", "RESETSTAT");
        await a.Engine.SendAsync(b.Id, "x"u8.ToArray());
        Assert.StartsWith("calls=1,", (await admin.InfoAsync("commandstats"))["cmdstat_publish"], StringComparison.Ordinal);

        async Task<int> StepsAsync()
        {
            await a.HeartbeatAsync();
            var held = await a.ClaimAsync(1, 2);
            await a.HandOverAsync(b, 1, held[0].Fence);
            await a.Engine.ReleaseAsync(a.Id, a.Epoch, [held[^1]]);
            await b.Engine.ReleaseAsync(b.Id, b.Epoch, [.. (await b.TableAsync()).Select(static entry => new OwnedShard(entry.Shard, entry.Fence))]);
            await a.Engine.ReserveAsync(1, 1);
            await a.Engine.LeaveAsync(a.Id);
            return 6;
        }
    }

    [Fact]
    public async Task An_inbox_costs_one_small_command_per_period()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync(
            "a", Contracts.Options(server.Endpoint), new RedisClusterOptions { EchoPeriod = TimeSpan.FromMilliseconds(1) }, _services);
        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        var frames = _sums[Frames];
        await Eventually.Until(() => _sums[Steps] >= 20);
        await a.Engine.DisposeAsync();
        Assert.InRange(_sums[$"relay.redis.io role={RedisClusterEngine.StepsRole} direction=transmit"] / _sums[Steps], 1, 128);
        Assert.Equal(frames, _sums[Frames]);
    }
}
