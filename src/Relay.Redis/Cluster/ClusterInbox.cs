using System.Buffers.Text;
using Microsoft.Extensions.Logging;
using Relay.Cluster;
using Relay.Cluster.Engine;

namespace Relay.Redis.Cluster;

/// <summary>
/// What comes in for one node over one server: frames, its own echoes, and changes where the state is, all on one connection. An echo that comes back proves the whole way, also where the connection still
/// answers PING: it may have ended up at another server than the one that everybody publishes to. Only an echo restores the inbox.
/// </summary>
internal sealed partial class ClusterInbox : IRedisPushHandler, IAsyncDisposable
{
    private readonly RedisClient _redis;
    private readonly RedisSubscriber _subscriber;
    private readonly ClusterKeys _keys;
    private readonly NodeId _self;
    private readonly IClusterListener _listener;
    private readonly RedisClusterOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly string _echoChannel;
    private Task _loop = Task.CompletedTask;
    private RedisSubscription? _frames;
    private readonly bool _hearsChanges;
    private RedisSubscription? _changes;
    private RedisSubscription? _echo;

    // All under the lock, which is held while the listener is called.
    private bool _framesConfirmed;
    private bool _echoConfirmed;
    private bool _restored;
    private long _sent;
    private long _accepted;
    private long _acceptedBefore;
    private long _returned;
    private string? _illness = "the inbox is not subscribed yet";
    private long _believedFrom;
    private bool _listenerFailing;
    private bool _closed;

    private volatile bool _isWell;

    /// <param name="redis">Sends the echoes; its subscriber hears.</param>
    /// <param name="hearsChanges">Whether this is the server with the state.</param>
    public ClusterInbox(RedisClient redis, ClusterKeys keys, NodeId self, IClusterListener listener, RedisClusterOptions options, RedisServices services, bool hearsChanges)
    {
        _hearsChanges = hearsChanges;
        _redis = redis;
        _subscriber = redis.Subscriber;
        _keys = keys;
        _self = self;
        _listener = listener;
        _options = options;
        _time = services.Time;
        _log = services.Loggers.CreateLogger<ClusterInbox>();
        _echoChannel = keys.Echo(self);
    }

    public string? Illness => Volatile.Read(ref _illness);

    /// <summary>The server brings this node's echoes.</summary>
    public bool IsWell => _isWell;

    public void Start()
    {
        lock (_gate)
        {
            _frames = _subscriber.Subscribe(_keys.Inbox(_self), this);
            if (_hearsChanges)
                _changes = _subscriber.Subscribe(_keys.Changes, this);
            _echo = _subscriber.Subscribe(_echoChannel, this);
            _loop = EchoLoopAsync(_ending.Token);
        }

        _subscriber.Start();
    }

    public ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
    {
        lock (_gate)
        {
            if (_closed)
                return ValueTask.CompletedTask;
            foreach (ref readonly var message in messages.Span)
                Take(message);
        }

        return ValueTask.CompletedTask;
    }

    public void OnSubscribed(RedisSubscription subscription) => Confirmed(subscription);

    public void OnReconnected(RedisSubscription subscription) => Confirmed(subscription);

    public void OnDisconnected(RedisSubscription subscription, string reason)
    {
        lock (_gate)
        {
            Mark(subscription, confirmed: false);
            Lose(reason);
        }
    }

    public void OnRefused(RedisSubscription subscription, RedisException error)
    {
        lock (_gate)
            Volatile.Write(ref _illness, $"Redis refused the subscription to {subscription.Name}: {error.Message}");
    }

    /// <summary>The server did not take something in time: it is not well before an echo that begins now is back.</summary>
    /// <remarks>Without the lock, which may be held while a listener of another server's inbox sends.</remarks>
    public void Suspect()
    {
        Volatile.Write(ref _believedFrom, Volatile.Read(ref _sent) + 1);
        _isWell = false;
    }

    /// <summary>Gives up the connection, for what was noticed elsewhere.</summary>
    public void Resubscribe(string reason) => _subscriber.Reconnect(reason);

    /// <summary>Nothing is told from here on. The subscriptions end with the client.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
        }

        await _ending.CancelAsync();
        await _loop;
        _ending.Dispose();
    }

    private void Confirmed(RedisSubscription subscription)
    {
        lock (_gate)
        {
            Mark(subscription, confirmed: true);
            if (!_framesConfirmed || !_echoConfirmed || ReferenceEquals(subscription, _changes))
                return;

            // What was not answered before says nothing about this connection.
            _returned = _sent;
            SendEcho();
        }
    }

    private void Mark(RedisSubscription subscription, bool confirmed)
    {
        if (ReferenceEquals(subscription, _frames))
            _framesConfirmed = confirmed;
        else if (ReferenceEquals(subscription, _echo))
            _echoConfirmed = confirmed;
    }

    private void Take(in PushMessage message)
    {
        try
        {
            if (ReferenceEquals(message.Subscription, _frames))
                _listener.OnFrame(message.Payload.Span);
            else if (ReferenceEquals(message.Subscription, _echo))
                Returned(message.Payload.Span);
            else if (Utf8Parser.TryParse(message.Payload.Span, out long version, out _))
                _listener.OnChanged(version);
        }
        catch (Exception error)
        {
            Failed(error);
        }
    }

    private void Returned(ReadOnlySpan<byte> payload)
    {
        if (!Utf8Parser.TryParse(payload, out long number, out _))
            return;
        _returned = Math.Max(_returned, number);
        _isWell = _framesConfirmed && _returned >= Volatile.Read(ref _believedFrom);
        if (_restored || !_framesConfirmed)
            return;
        _restored = true;
        Volatile.Write(ref _illness, null);
        _listener.OnInboxRestored();
    }

    private void Lose(string reason)
    {
        Volatile.Write(ref _illness, $"the inbox is interrupted: {reason}");
        _isWell = false;
        if (!_restored || _closed)
            return;
        _restored = false;
        try
        {
            _listener.OnInboxLost();
        }
        catch (Exception error)
        {
            Failed(error);
        }
    }

    private void Failed(Exception error)
    {
        if (!_listenerFailing)
            LogListenerFailed(error);
        _listenerFailing = true;
    }

    private async Task EchoLoopAsync(CancellationToken ending)
    {
        using var timer = new PeriodicTimer(_options.EchoPeriod, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(ending))
            {
                if (Tick() is { } reason)
                    _subscriber.Reconnect(reason);
            }
        }
        catch (OperationCanceledException)
        {
            // Closed by its owner.
        }
    }

    /// <summary>Why the connection must be given up; null while it need not. Counts echoes, not time: a process that slept sees one tick, whatever lies unread.</summary>
    private string? Tick()
    {
        lock (_gate)
        {
            if (!_framesConfirmed || !_echoConfirmed)
                return null;
            var isLost = _sent - _returned >= _options.EchoesMissed;
            // A server that takes no PUBLISH now is not cured by another connection. What it took just now may still be on its way.
            var isDeaf = isLost && _acceptedBefore > _returned;
            _acceptedBefore = _accepted;
            var reason = $"{_sent - _returned} messages of this node to itself did not come back";
            if (isLost)
                Lose(reason);
            if (isDeaf)
                return reason;
            SendEcho();
            return null;
        }
    }

    private void SendEcho() => _ = SendEchoAsync(++_sent);

    private async Task SendEchoAsync(long number)
    {
        try
        {
            await _redis.SendAsync("PUBLISH", _echoChannel, number);
            lock (_gate)
                _accepted = Math.Max(_accepted, number);
        }
        catch (RedisException)
        {
            // Not accepted: it counts as one that did not come back, and the steps on the same connection tell why.
        }
    }

    [LoggerMessage(EventId = 60, Level = LogLevel.Error, Message = "The listener of the cluster's inbox failed; further failures are not logged")]
    private partial void LogListenerFailed(Exception error);
}
