using System.Text;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

/// <summary>Subscriptions and their messages, read through the runtime's socket engine.</summary>
public sealed class PubSubTests() : PubSubContract(watched: false);

/// <summary>Subscriptions and their messages, read as a watcher reports input.</summary>
public sealed class WatchedPubSubTests() : PubSubContract(watched: true);

public abstract class PubSubContract(bool watched) : ContractTests(watched)
{
    [Fact]
    public async Task A_hundred_thousand_messages_arrive_in_order_and_in_batches()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var counter = new Counter(100_000);
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("updates", counter).Confirmed;
        for (var i = 0; i < 100_000; i++)
            _ = redis.PublishAsync("updates", Encoding.ASCII.GetBytes($"{i}")).AsTask();
        Assert.Equal("in order", await counter.Done.WaitAsync(Contracts.Patience, TimeProvider.System));
        Assert.InRange(counter.Batches, 1, 99_999);
    }

    [Fact]
    public async Task Channels_and_patterns_each_get_their_messages()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var log = new MessageLog();
        var subscriber = redis.Subscriber;
        var exact = subscriber.Subscribe("news.1", log);
        subscriber.Start();
        await exact.Confirmed;
        using var pattern = subscriber.SubscribePattern("news.*", log);
        await pattern.Confirmed;
        Assert.Equal(2, await redis.PublishAsync("news.1", "a"u8.ToArray()));
        Assert.Equal(1, await redis.PublishAsync("news.2", "b"u8.ToArray()));
        exact.Dispose();
        await Eventually.UntilAsync(async () => (await redis.SendAsync("PUBSUB", "NUMSUB", "news.1")).Items[1].AsInteger() == 0, "unsubscribed");
        Assert.Equal(1, await redis.PublishAsync("news.1", "c"u8.ToArray()));
        await log.ExpectAsync("subscribed news.1", "subscribed news.*", "news.1=a", "news.1=a", "news.2=b", "news.1=c");
    }

    [Fact]
    public async Task A_large_message_arrives_whole_between_small_ones()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("c", log).Confirmed;
        var large = new string('x', 3_000_000);
        foreach (var text in new[] { "before", large, "after" })
            await redis.PublishAsync("c", Encoding.ASCII.GetBytes(text));
        await log.ExpectAsync("subscribed c", "c=before", "c=" + large, "c=after");
    }

    [Fact]
    public async Task A_channel_is_taken_by_one_handler_until_it_is_left()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await ReadyAsync(server);
        redis.Subscriber.Start();
        var (first, second) = (new MessageLog(), new MessageLog());
        var subscription = redis.Subscriber.Subscribe("c", first);
        await subscription.Confirmed;
        Assert.Throws<InvalidOperationException>(() => redis.Subscriber.Subscribe("c", second));
        subscription.Dispose();
        await redis.Subscriber.Subscribe("c", second).Confirmed;
        await redis.PublishAsync("c", "x"u8.ToArray());
        await second.ExpectAsync("subscribed c", "c=x");
    }

    [Fact]
    public async Task A_handler_that_throws_does_not_stop_the_others_and_is_logged_once()
    {
        var lines = new LogLines();
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices { Sockets = Sockets, Loggers = lines });
        redis.Start();
        await redis.WaitReadyAsync();
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("bad", new Thrower()).Confirmed;
        await redis.Subscriber.Subscribe("good", log).Confirmed;
        for (var i = 0; i < 3; i++)
            await redis.PublishAsync("bad", "x"u8.ToArray());
        await redis.PublishAsync("good", "y"u8.ToArray());
        await log.ExpectAsync("subscribed good", "good=y");
        Assert.Single(lines.Lines, static line => line.StartsWith("Error 12", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_channel_that_the_user_may_not_read_is_refused_by_name_and_granted_later()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Acl = ["user default on nopass ~* &* +@all", "user relay on >secret ~* resetchannels &open +@all"],
        });
        await using var admin = await ReadyAsync(server);
        await using var redis = await ReadyAsync(Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "secret")));
        var log = new MessageLog();
        redis.Subscriber.Start();
        await redis.Subscriber.Subscribe("open", log).Confirmed;
        var closed = redis.Subscriber.Subscribe("closed", log);
        await log.ExpectAsync("subscribed open", "refused closed NOPERM");
        await admin.SendAsync("ACL", "SETUSER", "relay", "&closed");
        await closed.Confirmed.WaitAsync(Contracts.Patience, TimeProvider.System);
        await admin.PublishAsync("closed", "x"u8.ToArray());
        await log.ExpectAsync("subscribed closed", "closed=x");
    }

    private sealed class Thrower : IRedisPushHandler
    {
        public ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages) => throw new InvalidOperationException("bad handler");

        public void OnSubscribed(RedisSubscription subscription) => throw new InvalidOperationException("bad handler");

        public void OnDisconnected(RedisSubscription subscription, string reason) => throw new InvalidOperationException("bad handler");

        public void OnReconnected(RedisSubscription subscription) => throw new InvalidOperationException("bad handler");

        public void OnRefused(RedisSubscription subscription, RedisException error) => throw new InvalidOperationException("bad handler");
    }

    private sealed class Counter(int expected) : IRedisPushHandler
    {
        private readonly TaskCompletionSource<string> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _next;

        public int Batches { get; private set; }

        public Task<string> Done => _done.Task;

        public ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
        {
            Batches++;
            foreach (ref readonly var message in messages.Span)
            {
                var number = int.Parse(message.Payload.Span, System.Globalization.CultureInfo.InvariantCulture);
                if (number != _next)
                    _done.TrySetResult($"{number} came where {_next} was due");
                if (++_next == expected)
                    _done.TrySetResult("in order");
            }

            return ValueTask.CompletedTask;
        }

        public void OnSubscribed(RedisSubscription subscription)
        {
            // Messages are all that counts here.
        }

        public void OnDisconnected(RedisSubscription subscription, string reason) => _done.TrySetResult(reason);

        public void OnReconnected(RedisSubscription subscription) => _done.TrySetResult("reconnected");

        public void OnRefused(RedisSubscription subscription, RedisException error) => _done.TrySetResult(error.Message);
    }
}
