using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

/// <summary>From the first byte to where commands may be sent, read through the runtime's socket engine.</summary>
public sealed class HandshakeTests() : HandshakeContract(watched: false);

/// <summary>From the first byte to where commands may be sent, read as a watcher reports input.</summary>
public sealed class WatchedHandshakeTests() : HandshakeContract(watched: true);

public abstract class HandshakeContract(bool watched) : ContractTests(watched)
{
    private static readonly RedisServerSettings WithAcl = new()
    {
        Acl = ["user default off", "user relay on >secret ~* &* +@all -flushall", "user mute on >secret ~* &* +get +hello"],
    };

    [Fact]
    public async Task A_right_password_opens_and_the_name_is_shown()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Password = "hunter2" });
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => o.Password = "hunter2"));
        Assert.Equal("relay:commands", (await redis.SendAsync("CLIENT", "GETNAME")).AsString());
    }

    [Theory]
    [InlineData(null, "wrong-one", "WRONGPASS", "Relay:Redis:Password")]
    [InlineData("ghost", "hunter2", "WRONGPASS", "user 'ghost'")]
    [InlineData(null, null, "NOAUTH", "set Relay:Redis:Password")]
    public async Task A_wrong_login_names_the_user_the_server_and_the_settings_but_no_password(string? user, string? password, string code, string advice)
    {
        var lines = new LogLines();
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Password = "hunter2" });
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = (user, password)), new RedisServices { Sockets = Sockets, Loggers = lines });
        var down = await Contracts.FirstDownAsync(redis);
        Assert.Equal((RedisErrorKind.ServerError, code), (down.Error!.Kind, down.Error.Code));
        Assert.Contains(advice, down.Reason, StringComparison.Ordinal);
        Assert.Contains($"127.0.0.1:{server.Port}", down.Reason, StringComparison.Ordinal);
        if (password is not null)
            Assert.DoesNotContain(password, down.Error + string.Join('\n', lines.Lines), StringComparison.Ordinal);
        Assert.Equal(RedisErrorKind.Unavailable, (await Assert.ThrowsAsync<RedisException>(() => redis.PingAsync().AsTask())).Kind);
    }

    [Fact]
    public async Task A_password_for_a_server_without_one_is_explained()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "x")), new RedisServices { Sockets = Sockets });
        Assert.Contains("WRONGPASS for user 'relay'", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_ACL_user_may_do_what_is_granted_and_is_told_NOPERM_otherwise()
    {
        await using var server = await RedisServerProcess.StartAsync(WithAcl);
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "secret")));
        await redis.SetAsync("k", "v");
        var error = await Assert.ThrowsAsync<RedisException>(() => redis.SendAsync("FLUSHALL").AsTask());
        Assert.Equal((RedisErrorKind.ServerError, "NOPERM"), (error.Kind, error.Code));
    }

    [Fact]
    public async Task A_user_without_the_right_to_PING_stays_connected_over_the_keep_alive()
    {
        await using var server = await RedisServerProcess.StartAsync(WithAcl);
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o =>
        {
            (o.User, o.Password) = ("mute", "secret");
            (o.KeepAliveInterval, o.KeepAliveTimeout) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(500));
        }));
        await using var admin = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "secret")));
        await Eventually.UntilAsync(async () => (await admin.InfoAsync("commandstats"))["cmdstat_ping"].Contains("rejected_calls=5", StringComparison.Ordinal), "five refused PINGs");
        Assert.Equal(RedisState.Ready, redis.State.State);
        Assert.Null(await redis.GetAsync("k"));
    }

    [Fact]
    public async Task A_missing_database_is_named()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.Database = 99), new RedisServices { Sockets = Sockets });
        Assert.Contains("Relay:Redis:Database", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-DENIED Redis is running in protected mode because protected mode is enabled\r\n", "protected mode", "DENIED")]
    [InlineData("-ERR unknown command 'HELLO', with args beginning with: '3'\r\n", "Redis 6 or newer", "ERR")]
    [InlineData("-NOPROTO unsupported protocol version\r\n", "Redis 6 or newer", "NOPROTO")]
    [InlineData("-ERR max number of clients reached\r\n", "max number of clients", "ERR")]
    [InlineData("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n", "does not speak the Redis protocol", null)]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n", "does not speak the Redis protocol", null)]
    [InlineData("+OK\r\n", "does not speak the Redis protocol", null)]
    [InlineData("%1\r\n+role\r\n+replica\r\n", "read-only replica", null)]
    public async Task A_strange_greeting_is_explained(string greeting, string expected, string? code)
    {
        await using var server = FakeServer.Answering(greeting);
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets });
        var down = await Contracts.FirstDownAsync(redis);
        Assert.Contains(expected, down.Reason, StringComparison.Ordinal);
        Assert.Contains(server.Endpoint, down.Reason, StringComparison.Ordinal);
        Assert.Equal(code, down.Error!.Code);
    }

    [Fact]
    public async Task A_server_that_is_still_loading_is_not_taken_for_ready()
    {
        await using var server = FakeServer.Answering(FakeServer.Hello, "-LOADING Redis is loading the dataset in memory\r\n");
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets });
        var down = await Contracts.FirstDownAsync(redis);
        Assert.Contains("still reading its data set", down.Reason, StringComparison.Ordinal);
        Assert.Equal("LOADING", down.Error!.Code);
    }

    [Fact]
    public async Task A_server_that_accepts_and_says_nothing_runs_into_the_handshake_timeout()
    {
        await using var server = new FakeServer(static (_, ending) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending));
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.ConnectTimeout = TimeSpan.FromMilliseconds(200)), new RedisServices { Sockets = Sockets });
        var down = await Contracts.FirstDownAsync(redis);
        Assert.Equal(RedisErrorKind.Timeout, down.Error!.Kind);
        Assert.Contains("ConnectTimeout", down.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_hangs_up_during_the_handshake_is_explained()
    {
        await using var server = new FakeServer(FakeServer.SkipAsync);
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets });
        Assert.Contains("rediss://", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("$100\r\nonly the beginning", RedisErrorKind.Unavailable, "closed the connection")]
    [InlineData("*2\r\n:1\r\n", RedisErrorKind.Unavailable, "closed the connection")]
    [InlineData("?what\r\n", RedisErrorKind.Protocol, "not the Redis protocol")]
    [InlineData("$3\r\nabcXX", RedisErrorKind.Protocol, "not the Redis protocol")]
    [InlineData(":1\r\n:2\r\n", RedisErrorKind.Protocol, "nothing was asked")]
    [InlineData(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", RedisErrorKind.Protocol, "push")]
    public async Task A_reply_that_breaks_off_or_is_garbage_fails_the_command_and_the_connection(string reply, RedisErrorKind kind, string expected)
    {
        await using var server = new FakeServer(async (stream, ending) =>
        {
            await FakeServer.SkipAsync(stream, ending);
            await FakeServer.SayAsync(stream, FakeServer.Hello, ending);
            await FakeServer.SkipAsync(stream, ending);
            await FakeServer.SayAsync(stream, FakeServer.Pong, ending);
            await FakeServer.SkipAsync(stream, ending);
            await FakeServer.SayAsync(stream, reply, ending);
        });
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets });
        var states = new StateLog(redis);
        redis.Start();
        await states.NextAsync(RedisState.Ready);
        var answer = redis.SendAsync("GET", "k").AsTask();
        var down = await states.NextAsync(RedisState.Down);
        Assert.Equal(kind, down.Error!.Kind);
        Assert.Contains(expected, down.Reason, StringComparison.Ordinal);
        // Of two answers the first is right. A push takes the command's turn, so the command fails by it and not by the end of the connection.
        if (!reply.StartsWith(':'))
            Assert.Equal(reply.StartsWith('>') ? RedisErrorKind.Protocol : RedisErrorKind.Unavailable, (await Assert.ThrowsAsync<RedisException>(() => answer)).Kind);
    }

    [Fact]
    public async Task TLS_with_the_right_authority_works_for_commands_and_messages()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true });
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => o.TlsCaFile = server.Certificates!.CaFile));
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        var large = new byte[1_000_000];
        await redis.SetAsync("large", large);
        Assert.Equal(large.Length, (await redis.GetAsync("large"))!.Value.Length);
        await redis.PublishAsync("c", "x"u8.ToArray());
        await log.ExpectAsync("subscribed c", "c=x");
    }

    [Fact]
    public async Task TLS_without_the_authority_is_refused_unless_verification_is_switched_off_which_is_logged()
    {
        var lines = new LogLines();
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true });
        await using (var strict = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets }))
            Assert.Contains("Relay:Redis:TlsCaFile", (await Contracts.FirstDownAsync(strict)).Reason, StringComparison.Ordinal);
        await using var lax = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.TlsSkipVerify = true), new RedisServices { Sockets = Sockets, Loggers = lines });
        lax.Start();
        await lax.WaitReadyAsync();
        await lax.PingAsync();
        Assert.Contains(lines.Lines, static line => line.StartsWith("Warning 4", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TLS_with_another_authority_a_missing_file_or_no_certificates_is_refused()
    {
        using var folder = new TempFolder();
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true });
        await File.WriteAllTextAsync(folder.File("empty.pem"), "no certificate here");
        foreach (var file in new[] { TestCertificates.Create(folder).CaFile, folder.File("none.pem"), folder.File("empty.pem") })
        {
            await using var redis = new RedisClient(Contracts.Options(server.Endpoint).With(o => o.TlsCaFile = file), new RedisServices { Sockets = Sockets });
            Assert.Contains("Relay:Redis:TlsCaFile", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task TLS_to_a_plain_server_and_plain_to_a_TLS_server_are_explained()
    {
        await using var plain = await RedisServerProcess.StartAsync();
        await using var tls = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true });
        await using var one = new RedisClient(Contracts.Options($"rediss://127.0.0.1:{plain.Port}").With(o => o.ConnectTimeout = TimeSpan.FromSeconds(1)), new RedisServices { Sockets = Sockets });
        Assert.Contains("redis://", (await Contracts.FirstDownAsync(one)).Reason, StringComparison.Ordinal);
        await using var other = new RedisClient(Contracts.Options($"redis://127.0.0.1:{tls.Port}"), new RedisServices { Sockets = Sockets });
        Assert.Contains("rediss://", (await Contracts.FirstDownAsync(other)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_does_not_exist_is_named()
    {
        await using var redis = new RedisClient(Contracts.Options("no-such-host.invalid:1"), new RedisServices { Sockets = Sockets });
        Assert.Contains("no-such-host.invalid:1", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
    }
}
