using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

/// <summary>Loss of the connection and its return, read through the runtime's socket engine.</summary>
public sealed class ReconnectTests() : ReconnectContract(watched: false);

/// <summary>Loss of the connection and its return, read as a watcher reports input.</summary>
public sealed class WatchedReconnectTests() : ReconnectContract(watched: true);

public abstract class ReconnectContract(bool watched) : ContractTests(watched)
{
    [Fact]
    public async Task A_restart_in_the_middle_of_traffic_is_told_fails_what_is_in_flight_and_heals()
    {
        var lines = new LogLines();
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets, Loggers = lines });
        var states = new StateLog(redis);
        redis.Start();
        await states.NextAsync(RedisState.Ready);
        var subscriberStates = new StateLog(redis.Subscriber);
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        using var stop = new CancellationTokenSource();
        var traffic = TrafficAsync(redis, stop.Token);

        await server.KillAsync();
        var down = await states.NextAsync(RedisState.Down);
        Assert.Contains(server.Endpoint["redis://".Length..], down.Reason, StringComparison.Ordinal);
        await subscriberStates.NextAsync(RedisState.Down);
        var error = await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask());
        Assert.Equal(RedisErrorKind.Unavailable, error.Kind);
        Assert.Contains("nothing listens", (await states.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
        await server.StartAgainAsync();
        var up = await states.NextAsync(RedisState.Ready);
        Assert.True(up.Attempt >= 2);
        await redis.PingAsync();
        await log.ExpectAsync("subscribed c", "disconnected c", "reconnected c");
        await redis.PublishAsync("c", "later"u8.ToArray());
        await log.ExpectAsync("c=later");

        await stop.CancelAsync();
        Assert.Equal([RedisErrorKind.Unavailable], await traffic);
        var told = lines.Lines.Where(static line => line.Contains("Redis commands", StringComparison.Ordinal)).ToList();
        Assert.StartsWith("Information 1 ", told[0], StringComparison.Ordinal);
        Assert.StartsWith("Warning 3 ", told[1], StringComparison.Ordinal);
        Assert.Contains("nothing listens", told[2], StringComparison.Ordinal);
        Assert.StartsWith("Information 2 ", told[3], StringComparison.Ordinal);
        Assert.Equal(4, told.Count);
    }

    [Fact]
    public async Task Killed_connections_of_both_kinds_come_back_by_themselves()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await ReadyAsync(server);
        await using var redis = await ReadyAsync(server);
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.SubscribePattern("c*", log).Confirmed;
        var (commands, subscriber) = (new StateLog(redis), new StateLog(redis.Subscriber));

        Assert.Equal(1, (await admin.SendAsync("CLIENT", "KILL", "TYPE", "pubsub")).AsInteger());
        await subscriber.NextAsync(RedisState.Down);
        await log.ExpectAsync("subscribed c*", "disconnected c*", "reconnected c*");
        Assert.Equal(1, (await admin.SendAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")).AsInteger());
        await commands.NextAsync(RedisState.Down);
        await commands.NextAsync(RedisState.Ready);
        Assert.Equal(1, await redis.PublishAsync("c1", "x"u8.ToArray()));
        await log.ExpectAsync("c1=x");
    }

    [Fact]
    public async Task Nothing_is_sent_twice_when_the_connection_breaks()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });
        await using var redis = await ReadyAsync(server);
        var states = new StateLog(redis);
        var answers = Enumerable.Range(0, 20_000).Select(_ => redis.SendAsync("INCR", "n").AsTask()).ToList();
        await answers[5000];
        await server.KillAsync();
        await server.StartAgainAsync();
        await states.NextAsync(RedisState.Ready);
        var accepted = 0;
        foreach (var answer in answers)
        {
            if (await Record.ExceptionAsync(() => answer) is RedisException error)
                Assert.Equal(RedisErrorKind.Unavailable, error.Kind);
            else
                accepted++;
        }

        Assert.InRange((await redis.SendAsync("GET", "n")).AsInteger(), accepted, answers.Count);
    }

    [Fact]
    public async Task Commands_wait_for_the_connection_when_they_are_told_to()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await server.StopAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.WaitWhenDown = TimeSpan.FromSeconds(60)), new RedisServices { Sockets = Sockets });
        redis.Start();
        var waiting = redis.SetAsync("k", "v").AsTask();
        Assert.False(waiting.IsCompleted);
        await server.StartAgainAsync();
        await waiting;
        Assert.NotNull(await redis.GetAsync("k"));
    }

    [Fact]
    public async Task A_wait_that_ends_in_vain_tells_why_there_is_no_connection()
    {
        await using var redis = new RedisClient(Contracts.Options($"127.0.0.1:{FreePort.Next()}").With(o => o.WaitWhenDown = TimeSpan.FromMilliseconds(300)), new RedisServices { Sockets = Sockets });
        await Contracts.FirstDownAsync(redis);
        var error = await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask());
        Assert.Equal(RedisErrorKind.Unavailable, error.Kind);
    }

    [Fact]
    public async Task The_next_endpoint_is_tried_when_one_is_gone()
    {
        await using var first = await RedisServerProcess.StartAsync();
        await using var second = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(Contracts.Options($"127.0.0.1:{first.Port},127.0.0.1:{second.Port}"));
        var states = new StateLog(redis);
        Assert.Equal(first.Port, redis.State.Endpoint.Port);
        await first.KillAsync();
        Assert.Equal(second.Port, (await states.NextAsync(RedisState.Ready)).Endpoint.Port);
        await redis.PingAsync();
    }

    [Fact]
    public async Task A_paused_server_answers_late_or_times_out_and_the_connection_stays()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => o.CommandTimeout = TimeSpan.FromMilliseconds(200)));
        await redis.SendAsync("CLIENT", "PAUSE", 2000, "WRITE");
        var late = redis.SendAsync(TimeSpan.FromSeconds(60), "INCR", "late").AsTask();
        var error = await Assert.ThrowsAsync<RedisException>(() => redis.SendAsync("INCR", "n").AsTask());
        Assert.Equal(RedisErrorKind.Timeout, error.Kind);
        Assert.Equal(1, (await late).AsInteger());
        // The answer to the command that timed out was dropped, not given to the next one.
        Assert.Equal(2, (await redis.SendAsync(TimeSpan.FromSeconds(60), "INCR", "n")).AsInteger());
        Assert.Equal(RedisState.Ready, redis.State.State);
    }

    [Fact]
    public async Task A_frozen_server_is_noticed_by_both_connections_and_used_again_when_it_thaws()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o =>
        {
            o.KeepAliveInterval = TimeSpan.FromMilliseconds(200);
            o.KeepAliveTimeout = TimeSpan.FromMilliseconds(400);
        }));
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        var (commands, subscriber) = (new StateLog(redis), new StateLog(redis.Subscriber));
        server.Freeze();
        Assert.Contains("did not answer PING", (await commands.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
        Assert.Contains("did not answer PING", (await subscriber.NextAsync(RedisState.Down)).Reason, StringComparison.Ordinal);
        server.Thaw();
        await commands.NextAsync(RedisState.Ready);
        await log.ExpectAsync("subscribed c", "disconnected c", "reconnected c");
        await redis.PingAsync();
    }

    [Fact]
    public async Task The_queue_to_a_frozen_server_is_bounded_by_count_and_by_bytes()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => (o.MaxPendingCommands, o.MaxPendingBytes) = (1000, 1_000_000)));
        server.Freeze();
        var small = Enumerable.Range(0, 500).Select(_ => redis.SendAsync("PING").AsTask()).ToList();
        var large = Enumerable.Range(0, 9).Select(_ => redis.SetAsync("k", new byte[100_000]).AsTask()).ToList();
        var tooMuch = await Assert.ThrowsAsync<RedisException>(() => redis.SetAsync("k", new byte[100_000]).AsTask());
        Assert.Equal(RedisErrorKind.Overloaded, tooMuch.Kind);
        Assert.Contains("MaxPendingBytes", tooMuch.Message, StringComparison.Ordinal);
        small.AddRange(Enumerable.Range(0, 491).Select(_ => redis.SendAsync("PING").AsTask()));
        var tooMany = await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask());
        Assert.Equal(RedisErrorKind.Overloaded, tooMany.Kind);
        Assert.Contains("MaxPendingCommands", tooMany.Message, StringComparison.Ordinal);
        server.Thaw();
        await Task.WhenAll(small);
        await Task.WhenAll(large);
        await redis.PingAsync();
    }

    [Fact]
    public async Task Closing_fails_what_is_in_flight_and_what_comes_later_as_closed()
    {
        await using var server = await RedisServerProcess.StartAsync();
        var redis = await ReadyAsync(server);
        redis.Subscriber.Start();
        var subscription = redis.Subscriber.Subscribe("c", new MessageLog());
        await subscription.Confirmed;
        server.Freeze();
        var inFlight = redis.SendAsync("PING").AsTask();
        await redis.DisposeAsync();
        await redis.DisposeAsync();
        Assert.Equal(RedisErrorKind.Closed, (await Assert.ThrowsAsync<RedisException>(() => inFlight)).Kind);
        Assert.Equal(RedisErrorKind.Closed, (await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask())).Kind);
        Assert.Equal(RedisErrorKind.Closed, (await Assert.ThrowsAsync<RedisException>(() => redis.WaitReadyAsync())).Kind);
        Assert.Throws<ObjectDisposedException>(() => redis.Subscriber.Subscribe("d", new MessageLog()));
    }

    [Fact]
    public async Task A_client_that_never_connected_closes_at_once()
    {
        await using var silent = new FakeServer(static (_, ending) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending));
        var redis = new RedisClient(Contracts.Options(silent.Endpoint), new RedisServices { Sockets = Sockets });
        var states = new StateLog(redis);
        redis.Start();
        await states.NextAsync(RedisState.Connecting);
        await redis.DisposeAsync();
        Assert.Equal(RedisErrorKind.Closed, (await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask())).Kind);
    }

    private static async Task<HashSet<RedisErrorKind>> TrafficAsync(RedisClient redis, CancellationToken stop)
    {
        var kinds = new HashSet<RedisErrorKind>();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await redis.SendAsync("INCR", "n");
            }
            catch (RedisException error)
            {
                kinds.Add(error.Kind);
                await Task.Yield();
            }
        }

        return kinds;
    }
}
