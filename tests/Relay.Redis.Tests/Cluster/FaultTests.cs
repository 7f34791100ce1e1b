using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Trouble with the store: what callers are told, and what it leaves behind.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task Steps_that_a_paused_server_carries_out_late_do_no_harm()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        var quick = TimeSpan.FromMilliseconds(200);
        await using var a = await ClusterNode.StartAsync(
            "a", Contracts.Options(server.Endpoint).With(o => o.CommandTimeout = quick), ClusterNode.Silent with { StepTimeout = quick });
        await using var b = await ClusterNode.JoinAsync("b", server);
        await a.HeartbeatAsync();
        var held = Assert.Single(await a.ClaimAsync(1));
        await admin.SendAsync("CLIENT", "PAUSE", 600_000, "WRITE");
        var late = a.Next(held);
        var timedOut = await Assert.ThrowsAsync<ClusterEngineException>(() => a.Engine.HeartbeatAsync(late).AsTask());
        Assert.True(timedOut.IsRetryable);
        Assert.NotNull(a.Engine.Illness);
        await Assert.ThrowsAsync<ClusterEngineException>(() => a.ClaimAsync(1, 2));
        await Assert.ThrowsAsync<ClusterEngineException>(() => a.HandOverAsync(b, 1, held.Fence));
        await admin.SendAsync("CLIENT", "UNPAUSE");

        // All of it has been carried out by now, in its order: the claim took the effect from the hand-over behind it.
        var answer = await a.HeartbeatAsync(held);
        Assert.Equal([1], answer.LostLeases);
        Assert.Equal(late.Beat + 1, answer.Members.Single(member => member.Node == a.Id).Beat);
        Assert.Equal([a.Id, a.Id], answer.Table!.Select(static entry => entry.Owner));
        Assert.Null(a.Engine.Illness);
    }

    [Fact]
    public async Task A_server_that_is_gone_is_worth_another_try_and_illness_says_why()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await server.KillAsync();
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.HeartbeatAsync());
        Assert.True(error.IsRetryable);
        Assert.True((await Assert.ThrowsAsync<ClusterEngineException>(() => a.Engine.SendAsync(a.Id, default).AsTask())).IsRetryable);
        Assert.True((await Assert.ThrowsAsync<ClusterEngineException>(() => a.Engine.ReserveAsync(1, 1).AsTask())).IsRetryable);
        Assert.NotNull(a.Engine.Illness);
        await server.StartAgainAsync();
        await a.Engine.WaitReadyAsync().WaitAsync(Contracts.Patience, TimeProvider.System);
        await a.HeartbeatAsync();
        Assert.Null(a.Engine.Illness);
    }

    [Fact]
    public async Task A_key_of_another_type_is_no_reason_to_try_again()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", server);
        await admin.SendAsync("SET", "{relay}:state", "x");
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.HeartbeatAsync());
        Assert.False(error.IsRetryable);
        Assert.Contains("WRONGTYPE", error.Message, StringComparison.Ordinal);
        Assert.Contains("heartbeat", a.Engine.Illness, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_is_no_reason_to_try_again()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Password = "right" });
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.Password = "wrong"), new RedisServices());
        await using var engine = new RedisClusterEngine(redis, new RedisServices(), ClusterNode.Silent);
        engine.Start();
        await Eventually.Until(() => engine.Illness != null);

        // The same between two attempts to connect.
        for (var i = 0; i < 1000; i++)
        {
            var error = await Assert.ThrowsAsync<ClusterEngineException>(() => engine.LeaveAsync(new NodeId("a", 1)).AsTask());
            Assert.False(error.IsRetryable);
            Assert.Contains("WRONGPASS", error.Message, StringComparison.Ordinal);
        }

        Assert.Contains("WRONGPASS", engine.Illness, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+info", true)]
    [InlineData("", false)]
    public async Task The_rights_that_are_documented_suffice_and_a_missing_one_is_named(string info, bool suffices)
    {
        const string Rights = "-@all +@connection +evalsha +script|load +time +publish +subscribe +unsubscribe +hset +hget +hmget +hgetall +hdel +hexists +hincrby +pexpire";
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Acl = ["user default on nopass ~* &* +@all", $"user relay on >secret ~{{relay}}:* resetchannels &{{relay}}:* {Rights} {info}"],
        });
        await using var b = await ClusterNode.JoinAsync("b", server);
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "secret")));
        if (!suffices)
        {
            var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.HeartbeatAsync());
            Assert.False(error.IsRetryable);
            Assert.StartsWith("NORUNID", error.Message, StringComparison.Ordinal);
            Assert.Contains("+info", error.Message, StringComparison.Ordinal);
            return;
        }

        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        await a.Engine.SendAsync(a.Id, "x"u8.ToArray());
        Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());
        await a.HeartbeatAsync();
        var held = await a.ClaimAsync(1, 2);
        Assert.Equal(HandOverOutcome.Done, (await a.HandOverAsync(b, 1, held[0].Fence)).Outcome);
        await a.Engine.ReleaseAsync(a.Id, a.Epoch, [held[1]]);
        await a.Engine.ReserveAsync(1, 1);
        await a.HeartbeatAsync(a.Next() with { Silent = [new SilentMember(b.Id, b.Beat)] });
        await a.Engine.LeaveAsync(a.Id);
    }

    [Fact]
    public async Task A_server_without_memory_refuses_a_step_as_a_whole()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        var held = await a.ClaimAsync(1);
        var before = await a.TableAsync();
        await admin.SendAsync("CONFIG", "SET", "maxmemory", "1");
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.ClaimAsync(1, 2));
        Assert.True(error.IsRetryable);
        Assert.Contains("OOM", error.Message, StringComparison.Ordinal);
        await admin.SendAsync("CONFIG", "SET", "maxmemory", "0");
        Assert.Equal(before, await a.TableAsync());
        Assert.Empty((await a.HeartbeatAsync(held)).LostLeases);
    }

    [Fact]
    public async Task A_state_that_cannot_be_read_is_told_and_not_guessed()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.JoinAsync("a", server);
        await a.ClaimAsync(1);
        await admin.SendAsync("HSET", "{relay}:state", "s:1", "2 from a later version");
        Assert.Empty(await a.ClaimAsync(1));
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.HeartbeatAsync());
        Assert.False(error.IsRetryable);
        Assert.Contains("from a later version", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disposed_engine_says_that_it_is_closed_and_tells_its_listener_nothing_more()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        var (inbox, other) = (new InboxLog(), new InboxLog());
        a.Engine.Listen(a.Id, inbox);
        b.Engine.Listen(b.Id, other);
        await inbox.ExpectAsync("restored");
        await other.ExpectAsync("restored");
        await a.Engine.DisposeAsync();
        await a.Engine.DisposeAsync();
        await b.Engine.SendAsync(a.Id, "x"u8.ToArray());
        Assert.False((await Assert.ThrowsAsync<ClusterEngineException>(() => a.HeartbeatAsync())).IsRetryable);
        Assert.False((await Assert.ThrowsAsync<ClusterEngineException>(() => a.Engine.SendAsync(b.Id, default).AsTask())).IsRetryable);
        Assert.True(inbox.IsEmpty);
    }
}
