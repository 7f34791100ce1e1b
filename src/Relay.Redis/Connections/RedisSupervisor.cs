using Microsoft.Extensions.Logging;
using Relay.Redis.Sentinels;

namespace Relay.Redis.Connections;

/// <summary>
/// Keeps one connection open: connects, waits until it is lost, pauses, connects again, over the endpoints in turn or to
/// where the Sentinels say. One loop, started by
/// <see cref="Start"/> and ended by <see cref="DisposeAsync"/>; it alone changes the state and raises <see cref="StateChanged"/>.
/// </summary>
internal sealed partial class RedisSupervisor : IAsyncDisposable
{
    // While the Sentinels have no primary they are asked at least so often; their word ends every pause.
    private static readonly TimeSpan LongestPauseWithSentinel = TimeSpan.FromSeconds(1);

    private readonly RedisOptions _options;
    private readonly RedisServices _services;
    private readonly string _role;
    private readonly IPushSink? _sink;
    private readonly SentinelGuide? _guide;
    private readonly Backoff _backoff;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _ready = NewReady();
    private volatile RedisConnection? _current;
    private volatile RedisStateChange _state;
    private Task _loop = Task.CompletedTask;
    private int _endpoint;
    private int _attempt;
    private long _downSince;
    private string? _toldReason;
    private bool _wasReady;
    private bool _disposed;

    public RedisSupervisor(RedisOptions options, RedisServices services, string role, IPushSink? sink, SentinelDirectory? directory)
    {
        var problems = options.Validate();
        if (problems.Count > 0)
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
        _options = options;
        _services = services;
        _role = role;
        _sink = sink;
        _guide = directory is null ? null : new SentinelGuide(directory);
        _backoff = new Backoff(options.BackoffMin, LongestPause(options), services.NextRandom());
        _log = services.Loggers.CreateLogger<RedisClient>();
        _downSince = services.Time.GetTimestamp();
        _state = new RedisStateChange(RedisState.Connecting, role, options.Endpoints[0], Reason: null, Error: null, Attempt: 0, TimeSpan.Zero);
    }

    /// <summary>Raised by the loop, one after the other; handlers must not block.</summary>
    public event Action<RedisStateChange>? StateChanged;

    /// <summary>Called by the loop with a fresh connection before it is told to anybody.</summary>
    public Action<RedisConnection>? Opened { get; init; }

    /// <summary>Called by the loop once a connection that was told is over and all its messages are delivered.</summary>
    public Func<RedisException, ValueTask>? Lost { get; init; }

    /// <summary>Null while there is no connection.</summary>
    public RedisConnection? Current => _current;

    public RedisStateChange State => _state;

    public bool IsDisposed => Volatile.Read(ref _disposed);

    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(RedisClient));
            if (_loop != Task.CompletedTask)
                return;
            _guide?.Join();
            _loop = RunAsync(_ending.Token);
        }
    }

    /// <summary>Ends when there is a connection; at once if there is one.</summary>
    public Task WaitReadyAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            return _ready.Task.WaitAsync(cancellationToken);
    }

    public async Task WaitReadyAsync(TimeSpan patience)
    {
        Task ready;
        lock (_gate)
            ready = _ready.Task;
        await ready.WaitAsync(patience, _services.Time);
    }

    /// <summary>Why there is no connection now, as the failure of a command.</summary>
    public RedisException Unavailable()
    {
        if (IsDisposed)
            return new RedisException(RedisErrorKind.Closed, $"the Redis client '{_role}' was closed");
        var state = _state;
        return new RedisException(RedisErrorKind.Unavailable, state.Reason ?? $"not connected to {state.Endpoint} yet", state.Error);
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            CloseReady();
        }

        await _ending.CancelAsync();
        try
        {
            await _loop.WaitAsync(_options.CloseTimeout, _services.Time);
            _ending.Dispose();
            _guide?.Dispose();
        }
        catch (TimeoutException)
        {
            LogNotEnded(_role, _options.CloseTimeout);
        }

        if (_guide is not null)
            await _guide.LeaveAsync();
    }

    /// <summary>Ends all waits for readiness, those that come later as well. Called under the lock.</summary>
    private void CloseReady()
    {
        if (_ready.Task.IsCompleted)
            _ready = NewReady();
        _ready.SetException(new RedisException(RedisErrorKind.Closed, $"the Redis client '{_role}' was closed"));
        // Seen, so that a closed client on which nobody waits leaves no unobserved exception.
        _ = _ready.Task.Exception;
    }

    private static TaskCompletionSource NewReady() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync(CancellationToken ending)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            while (true)
            {
                var turn = _guide?.Begin(ending) ?? ending;
                if (await ConnectAsync(turn, ending))
                    await ServeAsync(turn, ending);
                if (ending.IsCancellationRequested)
                    return;
                _endpoint = (_endpoint + 1) % _options.Endpoints.Count;
                await Task.Delay(_backoff.Next(), _services.Time, turn).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                ending.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Closed by its owner, between two connections.
        }
    }

    private static TimeSpan LongestPause(RedisOptions options) =>
        options.Sentinel is null || options.BackoffMax < LongestPauseWithSentinel ? options.BackoffMax
        : options.BackoffMin > LongestPauseWithSentinel ? options.BackoffMin
        : LongestPauseWithSentinel;

    private async Task<bool> ConnectAsync(CancellationToken turn, CancellationToken ending)
    {
        var endpoint = _guide is null ? _options.Endpoints[_endpoint] : _state.Endpoint;
        _attempt++;
        Tell(new RedisStateChange(RedisState.Connecting, _role, endpoint, Reason: null, Error: null, _attempt, DownFor()));
        try
        {
            if (_guide is not null)
                endpoint = await _guide.FindAsync(turn);
            var connection = await RedisHandshake.OpenAsync(endpoint, _options, _services, _role, _sink, turn);
            Opened?.Invoke(connection);
            _current = connection;
            return true;
        }
        catch (RedisException error)
        {
            TellDown(endpoint, _guide?.Failed(error) ?? error, DownFor());
            return false;
        }
        catch (OperationCanceledException) when (!ending.IsCancellationRequested)
        {
            TellDown(endpoint, _guide!.Moved, DownFor());
            return false;
        }
    }

    private async Task ServeAsync(CancellationToken turn, CancellationToken ending)
    {
        var connection = _current!;
        var since = _services.Time.GetTimestamp();
        TellReady(connection.Endpoint);
        RedisException why;
        using (turn.UnsafeRegister(static supervisor => ((RedisSupervisor)supervisor!).Abort(), this))
        {
            why = await connection.Completion;
        }

        lock (_gate)
        {
            if (!_disposed)
                _ready = NewReady();
        }

        _current = null;
        if (why.IsReplica)
            _guide?.TellDemoted(connection.Endpoint);
        await connection.DisposeAsync();
        _downSince = _services.Time.GetTimestamp();
        // A server that accepts and drops us at once must not be asked ten times a second for ever.
        if (_services.Time.GetElapsedTime(since) >= _options.BackoffMax)
            _backoff.Reset();
        _services.Metrics.Disconnected(_role, why.Kind);
        if (Lost is { } lost)
            await lost(why);
        if (!ending.IsCancellationRequested)
            TellDown(connection.Endpoint, why, TimeSpan.Zero);
    }

    private void Abort() =>
        _current?.Abort(_ending.IsCancellationRequested ? new RedisException(RedisErrorKind.Closed, "the Redis client was closed") : _guide!.Moved);

    private TimeSpan DownFor() => _services.Time.GetElapsedTime(_downSince);

    private void TellReady(RedisEndpoint endpoint)
    {
        _services.Metrics.Connected(_role);
        var downFor = DownFor();
        var seconds = downFor.TotalSeconds;
        if (_wasReady || _attempt > 1)
            LogUpAgain(_role, endpoint, seconds, _attempt);
        else
            LogUp(_role, endpoint);
        if (_options.TlsSkipVerify)
            LogUnverified(endpoint);
        Tell(new RedisStateChange(RedisState.Ready, _role, endpoint, Reason: null, Error: null, _attempt, downFor));
        _wasReady = true;
        _attempt = 0;
        _toldReason = null;
        lock (_gate)
            _ready.TrySetResult();
    }

    private void TellDown(RedisEndpoint endpoint, RedisException why, TimeSpan downFor)
    {
        // One line per episode, and another only when the reason is a new one.
        if (!string.Equals(_toldReason, why.Message, StringComparison.Ordinal))
            LogDown(_role, why.Message);
        _toldReason = why.Message;
        Tell(new RedisStateChange(RedisState.Down, _role, endpoint, why.Message, why, _attempt, downFor));
    }

    private void Tell(RedisStateChange change)
    {
        _state = change;
        try
        {
            StateChanged?.Invoke(change);
        }
        catch (Exception error)
        {
            LogListenerFailed(error, _role);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Redis {Role}: connected to {Endpoint}")]
    private partial void LogUp(string role, RedisEndpoint endpoint);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Redis {Role}: connected to {Endpoint} after {Seconds:0.###} s and {Attempts} attempts")]
    private partial void LogUpAgain(string role, RedisEndpoint endpoint, double seconds, int attempts);

    [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "Redis {Role}: down, reconnecting: {Reason}")]
    private partial void LogDown(string role, string reason);

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "Redis at {Endpoint}: the certificate is not verified (Relay:Redis:TlsSkipVerify)")]
    private partial void LogUnverified(RedisEndpoint endpoint);

    [LoggerMessage(EventId = 5, Level = LogLevel.Error, Message = "Redis {Role}: a listener to state changes failed")]
    private partial void LogListenerFailed(Exception error, string role);

    [LoggerMessage(EventId = 6, Level = LogLevel.Error, Message = "Redis {Role}: the connection did not end within {Bound}")]
    private partial void LogNotEnded(string role, TimeSpan bound);
}
