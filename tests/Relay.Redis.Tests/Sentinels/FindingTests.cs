using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Sentinels;

/// <summary>How the primary is found, and what is said when it is not.</summary>
public sealed class FindingTests
{
    [Fact]
    public async Task The_next_Sentinel_is_asked_when_one_is_gone_hangs_or_names_a_replica()
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings { Replicas = 1, Sentinels = 2 });
        await using var stale = new StaleSentinel(SentinelSetup.Name, setup.Servers[1].Port);
        setup.Sentinels[0].Freeze();
        await using var redis = await Contracts.ReadyAsync(
            SentinelOptions.Of($"127.0.0.1:{FreePort.Next()},127.0.0.1:{setup.Sentinels[0].Port},{stale.Endpoint},127.0.0.1:{setup.Sentinels[1].Port}"));
        Assert.Equal(setup.Servers[0].Port, redis.State.Endpoint.Port);
        await redis.SetAsync("k", "v");
    }

    [Fact]
    public async Task A_server_that_says_READONLY_on_one_connection_is_left_by_all()
    {
        await using var first = await RedisServerProcess.StartAsync();
        await using var second = await RedisServerProcess.StartAsync();
        await using var sentinel = new StaleSentinel(SentinelSetup.Name, first.Port);
        await using var redis = await Contracts.ReadyAsync(SentinelOptions.Of(sentinel.Endpoint));
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        await using var admin = await Contracts.ReadyAsync(first);
        await admin.SendAsync("REPLICAOF", "127.0.0.1", second.Port);
        var states = new StateLog(redis);
        Assert.Equal("READONLY", (await Assert.ThrowsAsync<RedisException>(() => redis.SetAsync("k", "v").AsTask())).Code);
        var down = await states.NextAsync(RedisState.Down);
        Assert.Contains("read-only replica: the Sentinels are asked again", down.Reason, StringComparison.Ordinal);
        Assert.Contains($"according to the Sentinel at {sentinel.Endpoint}", (await states.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
        await log.ExpectAsync("subscribed c", "disconnected c");

        // Nothing but the announcement ends the pauses of the many attempts that failed meanwhile.
        await sentinel.AnnounceAsync(second.Port);
        Assert.Equal(second.Port, (await states.NextAsync(RedisState.Ready)).Endpoint.Port);
        await log.ExpectAsync("reconnected c");
        await redis.SetAsync("k", "v");
    }

    [Fact]
    public async Task An_announcement_ends_a_connect_that_hangs()
    {
        await using var first = await RedisServerProcess.StartAsync();
        await using var second = await RedisServerProcess.StartAsync();
        await using var sentinel = new StaleSentinel(SentinelSetup.Name, first.Port);
        first.Freeze();
        await using var redis = new RedisClient(SentinelOptions.Of(sentinel.Endpoint), new RedisServices());
        redis.Start();
        await Eventually.Until(() => sentinel.IsListenedTo);
        await sentinel.AnnounceAsync(second.Port);
        await redis.WaitReadyAsync().WaitAsync(Contracts.Patience, TimeProvider.System);
        Assert.Equal(second.Port, redis.State.Endpoint.Port);
    }

    [Fact]
    public async Task A_name_that_no_Sentinel_knows_is_told_with_those_they_know()
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings { Replicas = 0, Sentinels = 1 });
        await using var redis = new RedisClient(SentinelOptions.Of(setup.Endpoints, "other"), new RedisServices());
        var reason = (await Contracts.FirstDownAsync(redis)).Reason;
        Assert.Contains($"the Sentinel at {setup.Endpoints} knows no 'other', only 'mymaster': check Relay:Redis:Sentinel", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sentinels_that_are_not_there_are_all_named()
    {
        var (one, other) = (FreePort.Next(), FreePort.Next());
        await using var redis = new RedisClient(SentinelOptions.Of($"127.0.0.1:{one},127.0.0.1:{other}"), new RedisServices());
        var down = await Contracts.FirstDownAsync(redis);
        Assert.Contains("no Sentinel says where 'mymaster' is", down.Reason, StringComparison.Ordinal);
        Assert.Contains($"nothing listens at 127.0.0.1:{one}", down.Reason, StringComparison.Ordinal);
        Assert.Contains($"nothing listens at 127.0.0.1:{other}", down.Reason, StringComparison.Ordinal);
        Assert.Equal(RedisErrorKind.Unavailable, down.Error!.Kind);
    }

    [Fact]
    public async Task A_server_in_place_of_a_Sentinel_and_a_Sentinel_in_place_of_a_server_are_explained()
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings { Replicas = 0, Sentinels = 1 });
        await using var one = new RedisClient(SentinelOptions.Of($"127.0.0.1:{setup.Servers[0].Port}"), new RedisServices());
        Assert.Contains("is a Redis server and no Sentinel", (await Contracts.FirstDownAsync(one)).Reason, StringComparison.Ordinal);
        await using var other = new RedisClient(SentinelOptions.Of(setup.Endpoints, name: null), new RedisServices());
        Assert.Contains("is a Sentinel: set Relay:Redis:Sentinel", (await Contracts.FirstDownAsync(other)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Servers_and_Sentinels_have_passwords_of_their_own_and_a_missing_one_is_named()
    {
        await using var setup = await SentinelSetup.StartAsync(new SentinelSetupSettings { Replicas = 1, Sentinels = 1, Password = "server", SentinelPassword = "sentinel" });
        await using (var none = new RedisClient(SentinelOptions.Of(setup.Endpoints, password: "server"), new RedisServices()))
        {
            var down = await Contracts.FirstDownAsync(none);
            Assert.Contains("Relay:Redis:SentinelPassword", down.Reason, StringComparison.Ordinal);
            Assert.Equal((RedisErrorKind.ServerError, "NOAUTH"), (down.Error!.Kind, down.Error.Code));
        }

        await using (var wrong = new RedisClient(SentinelOptions.Of(setup.Endpoints, password: "server", sentinelPassword: "server"), new RedisServices()))
            Assert.Contains("check Relay:Redis:SentinelUser and Relay:Redis:SentinelPassword", (await Contracts.FirstDownAsync(wrong)).Reason, StringComparison.Ordinal);
        await using (var without = new RedisClient(SentinelOptions.Of(setup.Endpoints, sentinelPassword: "sentinel"), new RedisServices()))
            Assert.Contains("set Relay:Redis:Password", (await Contracts.FirstDownAsync(without)).Reason, StringComparison.Ordinal);
        await using var redis = await Contracts.ReadyAsync(SentinelOptions.Of(setup.Endpoints, password: "server", sentinelPassword: "sentinel"));
        await redis.SetAsync("k", "v");
    }

    [Fact]
    public void Settings_for_Sentinels_without_one_are_refused()
    {
        Assert.Contains("SentinelPassword need Relay:Redis:Sentinel", Problem(SentinelOptions.Of("a:1", name: null, sentinelPassword: "x")), StringComparison.Ordinal);
        Assert.Empty(SentinelOptions.Of("a:1").Validate());
        Assert.Equal("redis://a:1/0 (Sentinel 'mymaster')", SentinelOptions.Of("a:1").ToString());

        static string Problem(RedisOptions options) => Assert.Single(options.Validate());
    }

    [Fact]
    public async Task A_client_that_never_found_a_primary_closes_at_once_and_leaves_nothing_listening()
    {
        await using var sentinel = new StaleSentinel(SentinelSetup.Name, FreePort.Next());
        var redis = new RedisClient(SentinelOptions.Of(sentinel.Endpoint), new RedisServices());
        redis.Start();
        await Eventually.Until(() => sentinel.IsListenedTo);
        await redis.DisposeAsync();
        await Eventually.Until(() => !sentinel.IsListenedTo);
    }
}
