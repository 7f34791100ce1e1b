using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;

namespace Relay.Redis.Bridge;

/// <summary>
/// Workers' updates from Redis Pub/Sub: protocols.md, <c>updates</c>. Messages go to the bridge in the order in which Redis sends them, each once, however many of
/// the configured channels and patterns it matches.
/// </summary>
/// <remarks>
/// <para>
/// Back-pressure: at most <see cref="MaxBatches"/> batches (of at most 1,024 messages, what one read brought) are without an answer from the relay. With that many,
/// the subscription's connection, which is this source's own, is not read any more; the kernel's buffers fill, then Redis' output buffer, and beyond
/// <c>client-output-buffer-limit pubsub</c> (by default 32 MB, or 8 MB for 60 s) Redis cuts the subscription. Nothing grows in this process.
/// </para>
/// <para>
/// Pub/Sub keeps nothing: what is published while the subscription is interrupted is lost, and the health and the log say so. A batch that the relay does not confirm
/// in time is not sent again, because envelopes without an <c>id</c> would then arrive twice; it is counted as unconfirmed. Workers that must not lose anything
/// use a stream (<see cref="RedisStreamSource"/>).
/// </para>
/// </remarks>
public sealed partial class RedisUpdatesSource : IRedisPushHandler, IAsyncDisposable
{
    /// <summary>Batches without an answer.</summary>
    public const int MaxBatches = 8;

    /// <summary>Name of this source in metrics and logs.</summary>
    public const string SourceName = "redis-updates";

    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    private readonly BridgeServices _services;
    private readonly RedisClient _redis;
    private readonly BridgeWindow _window;
    private readonly BridgeHealth _health;
    private readonly ILogger _log;
    private readonly RedisSubscription[] _subscriptions;
    private readonly DeliveryFilter _filter;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _refused = new(StringComparer.Ordinal);
    private readonly HashSet<string> _live = new(StringComparer.Ordinal);
    private string? _down;
    private bool _told;
    private bool _failing;
    private bool _stopped;
    private long _since;

    /// <param name="redis">Gives the server; the subscription gets a connection of its own.</param>
    /// <param name="channels">Names; one with <c>*</c>, <c>?</c> or <c>[</c> is a pattern. Their order is that of patterns which overlap.</param>
    /// <param name="services">The way into the relay and the surroundings.</param>
    /// <param name="health">Told null when all channels are received, else the reason. Must not block.</param>
    /// <param name="sharing">With other nodes; null = this node is alone.</param>
    public RedisUpdatesSource(RedisClient redis, IReadOnlyList<string> channels, BridgeServices services, Action<string?> health, FeedSharing? sharing = null)
    {
        ArgumentNullException.ThrowIfNull(redis);
        _services = services;
        _sharing = sharing;
        _redis = redis.Dedicated("updates");
        _health = new BridgeHealth(health);
        _log = services.Loggers.CreateLogger<RedisUpdatesSource>();
        _window = new BridgeWindow(services.Tell, MaxBatches, Accepted, Failed);
        _since = services.Time.GetTimestamp();
        var subscriber = _redis.Subscriber;
        _subscriptions = [.. channels.Distinct(StringComparer.Ordinal).Select(name =>
            RedisGlob.IsPattern(name) ? subscriber.SubscribePattern(name, this) : subscriber.Subscribe(name, this))];
        if (sharing is not null)
        {
            // With a client of its own: marks must not wait behind others' commands.
            _says = redis.Dedicated("updates-marks");
            _marks = subscriber.Subscribe(sharing.Marks, this);
            _subscriptions = [.. _subscriptions, _marks];
        }

        _filter = new DeliveryFilter(_subscriptions);
        subscriber.StateChanged += OnState;
    }

    /// <summary>Begins to connect; returns at once.</summary>
    public void Start()
    {
        Tell();
        _redis.Subscriber.Start();
        if (_sharing is not null)
        {
            _says!.Start();
            _saying = SayMarksAsync(_sharing, _says);
        }
    }

    /// <summary>
    /// Ends the subscription and waits until the relay has answered for what was read, at most 5 s. What was received and not yet handed over by then is lost as
    /// what is published from now on.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
        }

        await _stopping.CancelAsync();
        await _redis.DisposeAsync();
        await _saying;
        if (_says is not null)
        {
            await _says.DisposeAsync();
        }

        try
        {
            await _window.DrainAsync().WaitAsync(StopBound, _services.Time);
        }
        catch (TimeoutException)
        {
            LogNotEnded(StopBound.TotalSeconds);
        }

        _stopping.Dispose();
    }

    ValueTask IRedisPushHandler.OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
    {
        if (_sharing is not null)
        {
            var own = Hear(_sharing.Feed, messages);
            return own.Count == 0 ? ValueTask.CompletedTask : SendAsync(own);
        }

        var items = new List<BridgeItem>(messages.Length);
        foreach (ref readonly var message in messages.Span)
        {
            if (_filter.Accepts(message) && _services.Envelopes.TryRead(SourceName, message.Payload, key: null, out var item, out _))
            {
                items.Add(item);
            }
        }

        return items.Count == 0 ? ValueTask.CompletedTask : SendAsync(items);
    }

    void IRedisPushHandler.OnSubscribed(RedisSubscription subscription) => Live(subscription);

    void IRedisPushHandler.OnReconnected(RedisSubscription subscription) => Live(subscription);

    void IRedisPushHandler.OnDisconnected(RedisSubscription subscription, string reason)
    {
        lock (_gate)
        {
            _live.Remove(subscription.Name);
            _down = reason;
        }

        Missed();
        Tell();
    }

    void IRedisPushHandler.OnRefused(RedisSubscription subscription, RedisException error)
    {
        lock (_gate)
        {
            _refused[subscription.Name] = error.Message;
        }

        Tell();
    }

    private ValueTask SendAsync(List<BridgeItem> items)
    {
        // Mostly there is room, and nothing to wait for.
        var sending = _sharing is null ? _window.SendAsync(items, _stopping.Token) : SendSharedAsync(_sharing.Feed, items);
        return sending.IsCompletedSuccessfully ? sending : WaitAsync(sending, items);
    }

    private ValueTask SendSharedAsync(SharedFeed feed, List<BridgeItem> items)
    {
        var number = feed.Begin();
        return _window.SendAsync(items, _stopping.Token, accepted => feed.Settled(number, accepted, Now));
    }

    private async ValueTask WaitAsync(ValueTask sending, List<BridgeItem> items)
    {
        try
        {
            await sending;
        }
        catch (OperationCanceledException)
        {
            LogLeft(items.Count);
        }
    }

    private void Live(RedisSubscription subscription)
    {
        lock (_gate)
        {
            _live.Add(subscription.Name);
            _refused.Remove(subscription.Name);
            _down = null;
        }

        Missed();
        Tell();
    }

    private void OnState(RedisStateChange change)
    {
        if (change.State == RedisState.Connecting)
        {
            return;
        }

        lock (_gate)
        {
            _down = change.Reason;
        }

        Tell();
    }

    private void Tell()
    {
        lock (_gate)
        {
            if (_stopped)
            {
                return;
            }

            var missing = string.Join(", ", _subscriptions.Select(static subscription => subscription.Name).Where(name => !_live.Contains(name)));
            if (missing.Length == 0)
            {
                if (_told)
                {
                    var seconds = _services.Time.GetElapsedTime(_since).TotalSeconds;
                    LogHealed(seconds);
                }

                _told = false;
                _health.Set("subscription", null);
                return;
            }

            var why = _down ?? (_refused.Count > 0 ? string.Join(", ", _refused.Values) : null);
            var endpoint = _redis.Subscriber.State.Endpoint;
            _health.Set("subscription", $"Redis {endpoint}: {missing} not received ({why ?? "not subscribed yet"}); updates published there meanwhile are lost");
            if (why is not null && !_told)
            {
                _told = true;
                _since = _services.Time.GetTimestamp();
                _services.Metrics.Interrupted(SourceName);
                LogInterrupted(endpoint, missing, why);
            }
        }
    }

    private void Accepted(int messages)
    {
        _services.Metrics.Accepted(SourceName, messages);
        lock (_gate)
        {
            if (!_failing)
            {
                return;
            }

            _failing = false;
        }

        _health.Set("relay", null);
    }

    private void Failed(int messages, Exception error)
    {
        _services.Metrics.Unconfirmed(SourceName, messages);
        lock (_gate)
        {
            if (_failing)
            {
                return;
            }

            _failing = true;
        }

        _health.Set("relay", $"updates are not accepted in time by their channels: {error.Message}");
        LogUnconfirmed(messages, error.Message);
    }

    [LoggerMessage(EventId = 40, Level = LogLevel.Warning,
        Message = "Redis {Endpoint}: updates of {Channels} are not received: {Reason}; what is published there meanwhile is lost")]
    private partial void LogInterrupted(RedisEndpoint endpoint, string channels, string reason);

    [LoggerMessage(EventId = 41, Level = LogLevel.Information, Message = "Redis: updates are received again after {Seconds:0.###} s")]
    private partial void LogHealed(double seconds);

    [LoggerMessage(EventId = 42, Level = LogLevel.Error,
        Message = "{Count} updates were not confirmed by their channels and are not sent again: {Reason}; further ones are only counted until one is confirmed")]
    private partial void LogUnconfirmed(int count, string reason);

    [LoggerMessage(EventId = 43, Level = LogLevel.Warning, Message = "{Count} updates were received while the node was leaving and not handed over")]
    private partial void LogLeft(int count);

    [LoggerMessage(EventId = 44, Level = LogLevel.Error, Message = "The relay did not answer for the last updates within {Seconds} s")]
    private partial void LogNotEnded(double seconds);
}
