using System.Threading.Channels;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

/// <summary>Options, services and listeners that the contract tests share.</summary>
internal static class Contracts
{
    // A bound for failing tests only.
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static RedisOptions Options(string endpoint) => new()
    {
        Endpoints = RedisOptionsParser.Parse(endpoint).Endpoints,
        Tls = RedisOptionsParser.Parse(endpoint).Tls,
        CommandTimeout = TimeSpan.FromSeconds(30),
        ConnectTimeout = TimeSpan.FromSeconds(30),
        BackoffMin = TimeSpan.FromMilliseconds(20),
        BackoffMax = TimeSpan.FromMilliseconds(200),
        MaxPendingCommands = 200_000,
    };

    public static RedisOptions With(this RedisOptions o, Action<MutableOptions> change)
    {
        var m = new MutableOptions(o);
        change(m);
        return m.Build();
    }

    public static async Task<RedisClient> ReadyAsync(RedisOptions options, ISocketWatcher? sockets = null)
    {
        var redis = new RedisClient(options, new RedisServices { Sockets = sockets });
        redis.Start();
        await redis.WaitReadyAsync().WaitAsync(Patience, TimeProvider.System);
        return redis;
    }

    public static Task<RedisClient> ReadyAsync(RedisServerProcess server) => ReadyAsync(Options(server.Endpoint));

    /// <summary>Starts the client and returns what it says when it is down for the first time.</summary>
    public static async Task<RedisStateChange> FirstDownAsync(RedisClient redis)
    {
        var states = new StateLog(redis);
        redis.Start();
        return await states.NextAsync(RedisState.Down);
    }
}

/// <summary>Tests of what holds whichever way a connection is read.</summary>
public abstract class ContractTests(bool watched)
{
    private protected ISocketWatcher? Sockets { get; } = watched ? new ThreadWatcher() : null;

    private protected Task<RedisClient> ReadyAsync(RedisOptions options) => Contracts.ReadyAsync(options, Sockets);

    private protected Task<RedisClient> ReadyAsync(RedisServerProcess server) => ReadyAsync(Contracts.Options(server.Endpoint));
}

/// <summary>Options are immutable; tests change a few at a time.</summary>
internal sealed class MutableOptions(RedisOptions o)
{
    public bool TlsSkipVerify { get; set; } = o.TlsSkipVerify;

    public string? TlsCaFile { get; set; } = o.TlsCaFile;

    public string? User { get; set; } = o.User;

    public string? Password { get; set; } = o.Password;

    public int Database { get; set; } = o.Database;

    public TimeSpan ConnectTimeout { get; set; } = o.ConnectTimeout;

    public TimeSpan CommandTimeout { get; set; } = o.CommandTimeout;

    public TimeSpan KeepAliveInterval { get; set; } = o.KeepAliveInterval;

    public TimeSpan KeepAliveTimeout { get; set; } = o.KeepAliveTimeout;

    public TimeSpan WaitWhenDown { get; set; } = o.WaitWhenDown;

    public TimeSpan BackoffMax { get; set; } = o.BackoffMax;

    public int MaxPendingCommands { get; set; } = o.MaxPendingCommands;

    public int MaxPendingBytes { get; set; } = o.MaxPendingBytes;

    public RedisOptions Build() => new()
    {
        Endpoints = o.Endpoints,
        Tls = o.Tls,
        TlsSkipVerify = TlsSkipVerify,
        TlsCaFile = TlsCaFile,
        User = User,
        Password = Password,
        Database = Database,
        ConnectTimeout = ConnectTimeout,
        CommandTimeout = CommandTimeout,
        KeepAliveInterval = KeepAliveInterval,
        KeepAliveTimeout = KeepAliveTimeout,
        WaitWhenDown = WaitWhenDown,
        BackoffMin = o.BackoffMin,
        BackoffMax = BackoffMax,
        MaxPendingCommands = MaxPendingCommands,
        MaxPendingBytes = MaxPendingBytes,
    };
}

/// <summary>State changes to be waited for, in order.</summary>
internal sealed class StateLog
{
    private readonly Channel<RedisStateChange> _changes = Channel.CreateUnbounded<RedisStateChange>();

    public StateLog(RedisClient redis) => redis.StateChanged += change => _changes.Writer.TryWrite(change);

    public StateLog(RedisSubscriber subscriber) => subscriber.StateChanged += change => _changes.Writer.TryWrite(change);

    public Task<RedisStateChange> NextAsync(RedisState state) => FindAsync(state).WaitAsync(Contracts.Patience, TimeProvider.System);

    private async Task<RedisStateChange> FindAsync(RedisState state)
    {
        while (true)
        {
            var change = await _changes.Reader.ReadAsync();
            if (change.State == state)
                return change;
        }
    }
}

/// <summary>What a handler of messages was told, as text, in order.</summary>
internal sealed class MessageLog : IRedisPushHandler
{
    private readonly Channel<string> _told = Channel.CreateUnbounded<string>();

    public ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
    {
        foreach (ref readonly var message in messages.Span)
            _told.Writer.TryWrite($"{System.Text.Encoding.UTF8.GetString(message.Channel.Span)}={System.Text.Encoding.UTF8.GetString(message.Payload.Span)}");
        return ValueTask.CompletedTask;
    }

    public void OnSubscribed(RedisSubscription subscription) => _told.Writer.TryWrite($"subscribed {subscription.Name}");

    public void OnDisconnected(RedisSubscription subscription, string reason) => _told.Writer.TryWrite($"disconnected {subscription.Name}");

    public void OnReconnected(RedisSubscription subscription) => _told.Writer.TryWrite($"reconnected {subscription.Name}");

    public void OnRefused(RedisSubscription subscription, RedisException error) => _told.Writer.TryWrite($"refused {subscription.Name} {error.Code}");

    public async Task<string> NextAsync() => await _told.Reader.ReadAsync().AsTask().WaitAsync(Contracts.Patience, TimeProvider.System);

    public async Task ExpectAsync(params IReadOnlyList<string> expected)
    {
        foreach (var text in expected)
            Assert.Equal(text, await NextAsync());
    }
}
