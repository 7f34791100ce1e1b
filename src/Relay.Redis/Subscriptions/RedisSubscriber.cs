using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Redis.Connections;
using Relay.Redis.Sentinels;

namespace Relay.Redis;

/// <summary>
/// Subscriptions to channels and patterns on a supervised connection of their own. Subscriptions may be made before the server is there;
/// after every reconnect all of them are asked for again, and each handler is told when its messages flow again.
/// </summary>
public sealed partial class RedisSubscriber : IAsyncDisposable
{
    public const string SubscriberRole = "subscriber";

    private readonly ConcurrentDictionary<byte[], RedisSubscription> _channels = new(ChannelNameComparer.Instance);
    private readonly ConcurrentDictionary<byte[], RedisSubscription> _patterns = new(ChannelNameComparer.Instance);
    private readonly RedisOptions _options;
    private readonly RedisServices _services;
    private readonly RedisSupervisor _supervisor;
    private readonly PushRouter _router;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly HashSet<Task> _asking = [];
    private RedisConnection? _connection;
    private bool _handlerFailing;
    private bool _disposed;

    internal RedisSubscriber(RedisOptions options, RedisServices services, string role, SentinelDirectory? directory)
    {
        _options = options;
        _services = services;
        _log = services.Loggers.CreateLogger<RedisSubscriber>();
        _router = new PushRouter(this);
        _supervisor = new RedisSupervisor(options, services, role, _router, directory) { Opened = SubscribeAll, Lost = TellInterruptedAsync };
    }

    /// <summary>As <see cref="RedisClient.StateChanged"/>. Ready says that the connection stands; that messages flow is told to the handlers.</summary>
    public event Action<RedisStateChange>? StateChanged
    {
        add => _supervisor.StateChanged += value;
        remove => _supervisor.StateChanged -= value;
    }

    public RedisStateChange State => _supervisor.State;

    public void Start() => _supervisor.Start();

    public Task WaitReadyAsync(CancellationToken cancellationToken = default) => _supervisor.WaitReadyAsync(cancellationToken);

    /// <summary>Asks for the messages of exactly one channel. Returns at once; see <see cref="RedisSubscription.Confirmed"/>.</summary>
    /// <exception cref="InvalidOperationException">There is a subscription to this channel. One handler takes a channel; it may pass messages on.</exception>
    public RedisSubscription Subscribe(string channel, IRedisPushHandler handler) => Add(_channels, channel, isPattern: false, handler);

    /// <summary>Asks for the messages of all channels that match a glob-style pattern (PSUBSCRIBE).</summary>
    /// <exception cref="InvalidOperationException">There is a subscription to this pattern.</exception>
    public RedisSubscription SubscribePattern(string pattern, IRedisPushHandler handler) => Add(_patterns, pattern, isPattern: true, handler);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }

        await _ending.CancelAsync();
        await _supervisor.DisposeAsync();
        Task[] asking;
        lock (_gate)
            asking = [.. _asking];
        await Task.WhenAll(asking);
        foreach (var subscription in All())
            subscription.Dispose();
        _ending.Dispose();
    }

    /// <summary>Gives up the current connection, if there is one, for what its owner has noticed about it; the next is opened as after any loss.</summary>
    internal void Reconnect(string reason)
    {
        RedisConnection? connection;
        lock (_gate)
            connection = _connection;
        connection?.Abort(new RedisException(RedisErrorKind.Unavailable, reason));
    }

    internal void Remove(RedisSubscription subscription)
    {
        lock (_gate)
        {
            if (subscription.Removed)
                return;
            subscription.Removed = true;
            Table(subscription).TryRemove(subscription.NameBytes, out _);
            if (_connection is { } connection)
                Track(LeaveAsync(connection, subscription));
        }
    }

    private RedisSubscription Add(ConcurrentDictionary<byte[], RedisSubscription> table, string name, bool isPattern, IRedisPushHandler handler)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = new RedisSubscription(this, Encoding.UTF8.GetBytes(name), isPattern, handler);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!table.TryAdd(subscription.NameBytes, subscription))
                throw new InvalidOperationException($"There is a subscription to '{name}' already.");
            if (_connection is { } connection)
                Track(AskAsync(connection, subscription));
        }

        return subscription;
    }

    private ConcurrentDictionary<byte[], RedisSubscription> Table(RedisSubscription subscription) => subscription.IsPattern ? _patterns : _channels;

    private IEnumerable<RedisSubscription> All() => _channels.Values.Concat(_patterns.Values);

    private void SubscribeAll(RedisConnection connection)
    {
        lock (_gate)
        {
            _connection = connection;
            _handlerFailing = false;
            foreach (var subscription in All())
                Track(AskAsync(connection, subscription));
        }
    }

    private async ValueTask TellInterruptedAsync(RedisException why)
    {
        lock (_gate)
            _connection = null;
        foreach (var subscription in All())
        {
            if (!subscription.IsLive)
                continue;
            subscription.IsLive = false;
            await TellAsync(subscription, why, static (s, error) => s.Handler.OnDisconnected(s, error!.Message));
        }
    }

    /// <summary>Until the server has confirmed, the subscription is no longer wanted, or the connection is over (the next one asks again).</summary>
    private async Task AskAsync(RedisConnection connection, RedisSubscription subscription)
    {
        var told = false;
        while (!subscription.Removed)
        {
            try
            {
                await connection.SendSubscriptionAsync([subscription.Verb, subscription.NameBytes], subscription);
                return;
            }
            catch (RedisException error) when (error.Kind == RedisErrorKind.ServerError)
            {
                if (!told)
                    await RefusedAsync(subscription, error);
                told = true;
            }
            catch (RedisException error) when (error.Kind != RedisErrorKind.Overloaded)
            {
                return;
            }

            if (await PauseAsync())
                return;
        }
    }

    private async Task<bool> PauseAsync()
    {
        await Task.Delay(_options.BackoffMax, _services.Time, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _ending.IsCancellationRequested;
    }

    private async Task LeaveAsync(RedisConnection connection, RedisSubscription subscription)
    {
        try
        {
            await connection.SendSubscriptionAsync([subscription.LeaveVerb, subscription.NameBytes], subscription);
        }
        catch (RedisException error)
        {
            // With the connection gone the server has forgotten the subscription as well; messages that still come find no handler.
            LogNotLeft(subscription.Name, error.Message);
        }
    }

    private ValueTask RefusedAsync(RedisSubscription subscription, RedisException error)
    {
        LogRefused(subscription.Name, error.Message);
        return TellAsync(subscription, error, static (s, why) => s.Handler.OnRefused(s, why!));
    }

    /// <summary>Called under the lock.</summary>
    private void Track(Task asking)
    {
        if (asking.IsCompleted)
            return;
        _asking.Add(asking);
        _ = asking.ContinueWith(Untrack, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Untrack(Task asking)
    {
        lock (_gate)
            _asking.Remove(asking);
    }

    private async ValueTask ConfirmAsync(RedisSubscription subscription)
    {
        if (subscription.Removed)
            return;
        subscription.IsLive = true;
        if (subscription.WasConfirmed)
        {
            await TellAsync(subscription, error: null, static (s, _) => s.Handler.OnReconnected(s));
            return;
        }

        subscription.WasConfirmed = true;
        await TellAsync(subscription, error: null, static (s, _) => s.Handler.OnSubscribed(s));
        subscription.TellConfirmed();
    }

    private async ValueTask TellAsync(RedisSubscription subscription, RedisException? error, Action<RedisSubscription, RedisException?> call)
    {
        try
        {
            await _router.ExclusivelyAsync(subscription, error, call);
        }
        catch (Exception failure)
        {
            HandlerFailed(failure);
        }
    }

    private void HandlerFailed(Exception error)
    {
        if (!_handlerFailing)
            LogHandlerFailed(error);
        _handlerFailing = true;
    }

    [LoggerMessage(EventId = 10, Level = LogLevel.Warning, Message = "Redis refused the subscription to {Channel}: {Reason}; it is asked for again")]
    private partial void LogRefused(string channel, string reason);

    [LoggerMessage(EventId = 11, Level = LogLevel.Debug, Message = "UNSUBSCRIBE {Channel} was not confirmed: {Reason}")]
    private partial void LogNotLeft(string channel, string reason);

    [LoggerMessage(EventId = 12, Level = LogLevel.Error, Message = "A handler of Redis messages failed; further failures are not logged until the next connection")]
    private partial void LogHandlerFailed(Exception error);
}
