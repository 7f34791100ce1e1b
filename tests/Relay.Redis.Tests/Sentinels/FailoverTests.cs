using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Redis.Tests.Sentinels;

/// <summary>Real servers, replicas and Sentinels: every kind of connection follows the primary.</summary>
public sealed class FailoverTests(ITestOutputHelper output) : IAsyncLifetime
{
    private SentinelSetup _setup = null!;

    public async Task InitializeAsync() => _setup = await SentinelSetup.StartAsync();

    public async Task DisposeAsync() => await _setup.DisposeAsync();

    [Fact]
    public async Task All_connections_follow_a_primary_that_was_killed_and_stay_away_when_it_comes_back()
    {
        await using var redis = await Contracts.ReadyAsync(SentinelOptions.Of(_setup.Endpoints));
        await using var dedicated = redis.Dedicated("other");
        dedicated.Start();
        await dedicated.WaitReadyAsync();
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        var former = await _setup.PrimaryAsync();
        Assert.Equal(
            [former.Port, former.Port, former.Port], new[] { redis.State, dedicated.State, redis.Subscriber.State }.Select(static state => state.Endpoint.Port));
        await redis.SetAsync("k", "v");
        var line = dedicated.Line!;
        await dedicated.SetAsync("l", "v");
        Assert.Equal(2, await line.WaitAsync(2, TimeSpan.FromSeconds(30)));

        var began = TimeProvider.System.GetTimestamp();
        await former.KillAsync();
        await Eventually.UntilAsync(async () => (await redis.SendAsync("INCR", "n")).AsInteger() > 0, "a write");
        output.WriteLine($"the first write {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.00} s after the kill");
        await Eventually.UntilAsync(async () => (await dedicated.SendAsync("INCR", "n")).AsInteger() > 0, "a write");
        await log.ExpectAsync("subscribed c", "disconnected c", "reconnected c");
        await _setup.FailedOverAsync(former);
        await Eventually.UntilAsync(async () => await redis.PublishAsync("c", "x"u8.ToArray()) == 1, "a receiver");
        await log.ExpectAsync("c=x");
        Assert.NotNull(await redis.GetAsync("k"));
        Assert.Equal(RedisErrorKind.Unavailable, (await Assert.ThrowsAsync<RedisException>(() => line.WaitAsync(1, TimeSpan.FromSeconds(1)).AsTask())).Kind);

        // It believes to be a primary until a Sentinel makes it a replica. On a busy machine the Sentinels may have chosen another one meanwhile.
        await former.StartAgainAsync();
        await using var admin = await Contracts.ReadyAsync(SentinelOptions.Of(_setup.Endpoints));
        var states = new StateLog(redis);
        await admin.SendAsync("CLIENT", "KILL", "TYPE", "normal");
        Assert.NotEqual(former.Port, (await states.NextAsync(RedisState.Ready)).Endpoint.Port);
        await Eventually.Until(() => former.Log.Contains("MASTER <-> REPLICA sync: Finished with success", StringComparison.Ordinal));
        await Eventually.UntilAsync(
            async () => (await redis.SendAsync("INCR", "n")).AsInteger() > 2 && redis.State.Endpoint.Port == await _setup.Sentinels[0].PrimaryAsync(), "where the Sentinels say");
    }

    [Fact]
    public async Task A_planned_failover_moves_all_connections_at_once_although_the_former_primary_lives()
    {
        await using var redis = await Contracts.ReadyAsync(SentinelOptions.Of(_setup.Endpoints));
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        var former = await _setup.PrimaryAsync();
        Assert.Equal("OK", await _setup.Sentinels[1].RunAsync("SENTINEL", "FAILOVER", SentinelSetup.Name));
        var primary = await _setup.FailedOverAsync(former);
        await Eventually.Until(() => redis.State is { State: RedisState.Ready } state && state.Endpoint.Port == primary.Port);
        await redis.SendAsync("INCR", "n");
        await log.ExpectAsync("subscribed c", "disconnected c", "reconnected c");
        Assert.Equal(primary.Port, redis.Subscriber.State.Endpoint.Port);
    }
}
