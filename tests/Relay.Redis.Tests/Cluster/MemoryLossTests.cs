using Relay.Cluster.Engine;
using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>What Redis forgets: everything, scripts, the last moment.</summary>
public sealed class MemoryLossTests
{
    [Fact]
    public async Task An_emptied_server_is_another_epoch_in_which_nobody_holds_anything_and_fences_go_on_growing()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var held = await a.ClaimAsync(1, 2);
        var (epoch, old) = (a.Epoch, held.Max(static owned => owned.Fence));
        await admin.SendAsync("FLUSHALL");

        // Nothing has an effect that was meant for what is gone, whoever comes first.
        var refused = await b.Engine.ClaimAsync(b.Id, b.Epoch, [3]);
        Assert.Empty(refused.Claimed);
        Assert.NotEqual(epoch, refused.Epoch, StringComparer.Ordinal);
        Assert.Equal(HandOverOutcome.NotOwner, (await a.HandOverAsync(b, 1, held[0].Fence)).Outcome);
        await a.Engine.ReleaseAsync(a.Id, epoch, held);

        var answer = await a.HeartbeatAsync(held);
        Assert.Equal(refused.Epoch, answer.Epoch);
        Assert.Equal([1, 2], answer.LostLeases);
        Assert.Equal([a.Id], answer.Members.Select(static member => member.Node));
        Assert.Empty(answer.Table!);
        await b.HeartbeatAsync();
        Assert.True(await b.ClaimOneAsync(1) > old);
    }

    [Fact]
    public async Task Fences_are_above_every_one_that_a_node_remembers_also_when_the_clock_of_the_server_is_behind()
    {
        // As if given by a server whose clock was years ahead.
        const long Remembered = 4_000_000_000_000_000;
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        Assert.InRange(await a.ClaimOneAsync(1), 1, Remembered);
        b.HighestFence = Remembered;
        await b.HeartbeatAsync();
        Assert.Equal(Remembered + 1, await a.ClaimOneAsync(2));
        await admin.SendAsync("FLUSHALL");
        await a.HeartbeatAsync();
        await b.HeartbeatAsync();
        Assert.Equal(
            [Remembered + 1, Remembered + 2, Remembered + 3], (await a.ClaimAsync(1, 2, 3)).Select(static owned => owned.Fence));
        var fence = await a.ClaimOneAsync(4);
        Assert.Equal(new HandOverAnswer(HandOverOutcome.Done, Remembered + 5), await a.HandOverAsync(b, 4, fence));
        Assert.Equal([Remembered + 1, Remembered + 2, Remembered + 3, Remembered + 5], (await a.TableAsync()).Select(static entry => entry.Fence));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1L << 53)]
    public async Task A_fence_that_cannot_be_counted_on_from_is_refused(long fence)
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        a.HighestFence = fence;
        await Assert.ThrowsAsync<ArgumentException>(() => a.HeartbeatAsync());
    }

    [Fact]
    public async Task A_restart_is_another_epoch_also_when_nothing_was_forgotten()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var held = await a.ClaimAsync(1);
        var epoch = a.Epoch;
        await server.RestartAsync();
        await a.Engine.WaitReadyAsync();
        await Eventually.UntilAsync(async () => (await a.Engine.ClaimAsync(a.Id, epoch, [2])).Claimed.Count == 0, "connected again");
        var answer = await a.HeartbeatAsync(held);
        Assert.NotEqual(epoch, answer.Epoch, StringComparer.Ordinal);
        Assert.Equal([1], answer.LostLeases);
        Assert.Equal([a.Id, b.Id], answer.Members.Select(static member => member.Node));
        Assert.Equal([new ShardEntry(1, a.Id, held[0].Fence)], answer.Table!);
        Assert.True(await a.ClaimOneAsync(1) > held[0].Fence);
        Assert.Equal(answer.Epoch, (await a.HeartbeatAsync()).Epoch);
    }

    [Fact]
    public async Task A_replica_that_takes_over_without_the_last_steps_is_another_epoch_and_gives_higher_fences()
    {
        await using var first = await RedisServerProcess.StartAsync();
        await using var second = await RedisServerProcess.StartAsync(new RedisServerSettings { Extra = ["--replicaof", "127.0.0.1", $"{first.Port}"] });
        await using var primary = await Contracts.ReadyAsync(first);
        await Eventually.UntilAsync(async () => (await primary.InfoAsync("replication"))["connected_slaves"] == "1", "a replica");
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options($"127.0.0.1:{first.Port},127.0.0.1:{second.Port}"));
        await a.HeartbeatAsync();
        var replicated = await a.ClaimOneAsync(1);
        Assert.Equal(1, (await primary.SendAsync("WAIT", 1, 30_000)).AsInteger());
        await using var replica = new FormerReplica(second);
        await replica.PromoteAsync();
        var (epoch, forgotten) = (a.Epoch, await a.ClaimOneAsync(1));
        await first.KillAsync();

        await Eventually.UntilAsync(async () =>
        {
            await a.HeartbeatAsync(new OwnedShard(1, forgotten));
            return true;
        }, "the engine has found the new primary");
        Assert.NotEqual(epoch, a.Epoch, StringComparer.Ordinal);
        Assert.Equal([new ShardEntry(1, a.Id, replicated)], await a.TableAsync());
        Assert.True(await a.ClaimOneAsync(1) > forgotten);
    }

    [Fact]
    public async Task Scripts_that_the_server_has_forgotten_are_loaded_unseen_by_every_step()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await FlushAsync();
        await a.HeartbeatAsync();
        await FlushAsync();
        var held = await a.ClaimAsync(1, 2);
        await FlushAsync();
        Assert.Equal(HandOverOutcome.Done, (await a.HandOverAsync(b, 1, held[0].Fence)).Outcome);
        await FlushAsync();
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, [held[1]]);
        await FlushAsync();
        await a.Engine.ReserveAsync(1, 1);
        await FlushAsync();
        await a.Engine.LeaveAsync(a.Id);
        Assert.Equal([b.Id, null], (await b.TableAsync()).Select(static entry => entry.Owner));

        async Task FlushAsync() => await admin.SendAsync("SCRIPT", "FLUSH");
    }

    /// <summary>A plain connection to a replica, which the client of this project refuses to use.</summary>
    private sealed class FormerReplica(RedisServerProcess server) : IAsyncDisposable
    {
        private readonly System.Net.Sockets.TcpClient _client = new();

        public async Task PromoteAsync()
        {
            await _client.ConnectAsync("127.0.0.1", server.Port);
            await _client.GetStream().WriteAsync("REPLICAOF NO ONE\r\n"u8.ToArray());
            var answer = new byte[5];
            await _client.GetStream().ReadExactlyAsync(answer);
            Assert.Equal("+OK\r\n"u8.ToArray(), answer);
        }

        public ValueTask DisposeAsync()
        {
            _client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
