using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

public sealed class WatchedReadingTests
{
    [Fact]
    public async Task Messages_are_handed_over_on_the_watchers_thread()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = new ThreadWatcher() });
        var handler = new Held();
        handler.Release();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", handler).Confirmed;
        await admin.PublishAsync("c", "x"u8.ToArray());
        await handler.UntilAsync(1);
        Assert.Equal("test-watch", handler.ThreadName);
    }

    [Fact]
    public async Task While_the_receiver_is_behind_nothing_is_read_and_the_watch_pauses()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        var watcher = new ThreadWatcher();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = watcher });
        var handler = new Held();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", handler).Confirmed;
        await admin.PublishAsync("c", "0"u8.ToArray());
        await Eventually.UntilAsync(() => Task.FromResult(watcher.Pauses == 1), "the watch pauses");
        for (var i = 1; i < 1000; i++)
            await admin.PublishAsync("c", Encoding.ASCII.GetBytes($"{i}"));
        Assert.Single(handler.Payloads);
        handler.Release();
        await handler.UntilAsync(1000);
        Assert.Equal(string.Join(' ', Enumerable.Range(0, 1000)), string.Join(' ', handler.Payloads));
    }

    [Fact]
    public async Task A_receiver_that_is_behind_when_the_connection_ends_is_waited_for_and_told_afterwards()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        var watcher = new ThreadWatcher();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = watcher });
        var handler = new Held();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", handler).Confirmed;
        await admin.PublishAsync("c", "0"u8.ToArray());
        await Eventually.UntilAsync(() => Task.FromResult(watcher.Pauses == 1), "the watch pauses");
        await admin.SendAsync("CLIENT", "KILL", "TYPE", "pubsub");
        handler.Release();
        await handler.Reconnected.WaitAsync(Contracts.Patience, TimeProvider.System);
        Assert.Equal(2, watcher.Watches);
        await admin.PublishAsync("c", "1"u8.ToArray());
        await handler.UntilAsync(2);
        Assert.Equal("0 1", string.Join(' ', handler.Payloads));
    }

    [Fact]
    public async Task A_socket_that_the_watcher_does_not_take_is_read_all_the_same()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(Contracts.Options(server.Endpoint), new Unwilling());
        Assert.Equal("PONG", (await redis.SendAsync("PING")).AsString());
    }

    [Fact]
    public async Task A_server_that_does_not_accept_is_given_up_after_the_time_out()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var full = Enumerable.Range(0, 4).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        var connects = full.Select(socket => socket.ConnectAsync(listener.LocalEndPoint!)).ToList();
        await connects[0];
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        var options = Contracts.Options($"127.0.0.1:{port}").With(o => o.ConnectTimeout = TimeSpan.FromMilliseconds(200));
        await using (var redis = new RedisClient(options, new RedisServices { Sockets = new ThreadWatcher() }))
            Assert.Contains("did not finish the handshake", (await Contracts.FirstDownAsync(redis)).Reason, StringComparison.Ordinal);
        full.ForEach(static socket => socket.Dispose());
        await Task.WhenAll(connects).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }

    private sealed class Unwilling : ISocketWatcher
    {
        public ISocketWatch? TryWatch(Socket socket, Action readable) => null;
    }

    /// <summary>Does not come back from the first messages before it is released.</summary>
    private sealed class Held : IRedisPushHandler
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _reconnected = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _gate = new();
        private readonly List<string> _payloads = [];

        public string? ThreadName { get; private set; }

        public Task Reconnected => _reconnected.Task;

        public string[] Payloads
        {
            get
            {
                lock (_gate)
                    return [.. _payloads];
            }
        }

        public void Release() => _released.TrySetResult();

        public Task UntilAsync(int count) => Eventually.UntilAsync(() => Task.FromResult(Payloads.Length >= count), $"{count} messages");

        public async ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
        {
            ThreadName = Thread.CurrentThread.Name;
            lock (_gate)
            {
                foreach (ref readonly var message in messages.Span)
                    _payloads.Add(Encoding.ASCII.GetString(message.Payload.Span));
            }

            await _released.Task;
        }

        public void OnSubscribed(RedisSubscription subscription)
        {
        }

        public void OnDisconnected(RedisSubscription subscription, string reason)
        {
        }

        public void OnReconnected(RedisSubscription subscription) => _reconnected.TrySetResult();

        public void OnRefused(RedisSubscription subscription, RedisException error)
        {
        }
    }
}
