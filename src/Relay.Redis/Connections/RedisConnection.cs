using Relay.Redis.Resp;

namespace Relay.Redis.Connections;

/// <summary>
/// One multiplexed connection: commands of many callers go out in the order of their calls, many in one write; answers come back in that order.
/// </summary>
/// <remarks>
/// <para>
/// Three activities, started by <see cref="Start"/> and ended together: the writer sends whatever has gathered while its last write was under way
/// (which is what makes batches: nobody waits for one to fill), the reader takes replies apart and matches them (a loop, or the calls of
/// an <see cref="ISocketWatcher"/>), the watch looks after time-outs and keep-alive. <see cref="Completion"/> ends with the reason once all three are done.
/// </para>
/// <para>
/// One lock orders callers: encoding a command into the output buffer and entering it into the queue of answers must be one step, or an answer
/// would reach the wrong caller. It is held for a copy of the arguments and never across I/O. A lock-free queue of encoded commands was
/// the alternative; it costs a buffer per command, which is more than an uncontended lock.
/// </para>
/// <para>A connection is never repaired. Whatever goes wrong ends it, fails what is in flight, and its owner opens another.</para>
/// </remarks>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly RedisTransport _transport;
    private readonly Stream _stream;
    private readonly RedisEndpoint _endpoint;
    private readonly RedisOptions _options;
    private readonly RedisServices _services;
    private readonly string _role;
    private readonly IPushSink? _sink;
    private readonly RespReader _replies;
    private readonly PendingReplyPool _pool = new();
    private readonly InFlightQueue _inFlight = new();
    private readonly AsyncSignal _wake = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly KeepAlive _keepAlive;
    private readonly TimeSpan _watchPeriod;
    private OutputBuffer _filling = new();
    private OutputBuffer _spare = new();
    private bool _writerBusy;
    private long _blockedUntil;
    private RedisException? _fault;

    public RedisConnection(RedisTransport transport, RedisEndpoint endpoint, RedisOptions options, RedisServices services, string role, IPushSink? sink)
    {
        _transport = transport;
        _stream = transport.Stream;
        _endpoint = endpoint;
        _options = options;
        _services = services;
        _role = role;
        _sink = sink;
        _replies = new RespReader(options.ReplyLimits);
        _watchPeriod = options.WatchPeriod;
        _keepAlive = new KeepAlive(services.Time, options.KeepAliveInterval, options.KeepAliveTimeout, _watchPeriod);
        Completion = Task.FromException<RedisException>(new InvalidOperationException("The connection was not started."));
    }

    public RedisEndpoint Endpoint => _endpoint;

    /// <summary>Why the connection is over; null while it is not.</summary>
    public RedisException? Fault => Volatile.Read(ref _fault);

    /// <summary>Ends with the reason when the connection is over. Never fails.</summary>
    public Task<RedisException> Completion { get; private set; }

    public void Start() => Completion = RunAsync();

    public ValueTask<RedisValue> SendAsync(ReadOnlySpan<RedisArg> command, TimeSpan timeout, TimeSpan block = default)
    {
        var measured = RespWriter.Measure(command);
        ValueTask<RedisValue> answer;
        bool wake;
        lock (_gate)
        {
            if (Refusal(measured) is { } refusal)
                return Failed(refusal);
            _filling.Append(command, measured);
            answer = Enqueue(measured, timeout, block, subscription: null);
            wake = TakeWake();
        }

        if (wake)
            _wake.Set();
        return answer;
    }

    /// <summary>As the other, for a command that was encoded before.</summary>
    public ValueTask<RedisValue> SendAsync(ReadOnlySpan<byte> encoded, TimeSpan timeout, TimeSpan block = default)
    {
        ValueTask<RedisValue> answer;
        bool wake;
        lock (_gate)
        {
            if (Refusal(encoded.Length) is { } refusal)
                return Failed(refusal);
            _filling.Append(encoded);
            answer = Enqueue(encoded.Length, timeout, block, subscription: null);
            wake = TakeWake();
        }

        if (wake)
            _wake.Set();
        return answer;
    }

    /// <summary>
    /// A SUBSCRIBE, PSUBSCRIBE, UNSUBSCRIBE or PUNSUBSCRIBE of exactly one channel, which the server answers by one push (or one error).
    /// It has no time-out of its own: keep-alive notices a server that does not answer.
    /// </summary>
    public ValueTask<RedisValue> SendSubscriptionAsync(ReadOnlySpan<RedisArg> command, object subscription)
    {
        var measured = RespWriter.Measure(command);
        ValueTask<RedisValue> answer;
        bool wake;
        lock (_gate)
        {
            if (Refusal(measured) is { } refusal)
                return Failed(refusal);
            _filling.Append(command, measured);
            answer = Enqueue(measured, Timeout.InfiniteTimeSpan, TimeSpan.Zero, subscription);
            wake = TakeWake();
        }

        if (wake)
            _wake.Set();
        return answer;
    }

    /// <summary>Ends the connection for a reason its owner has found, for example that the server has become a replica.</summary>
    public void Abort(RedisException why) => End(why);

    public async ValueTask DisposeAsync()
    {
        End(new RedisException(RedisErrorKind.Closed, $"the connection to {_endpoint} was closed by this side"));
        await Completion;
        _ending.Dispose();
        lock (_gate)
        {
            _filling.Dispose();
            _spare.Dispose();
        }
    }

    /// <summary>True for the caller that has to wake the writer: a writer at work looks for more before it sleeps.</summary>
    private bool TakeWake()
    {
        var idle = !_writerBusy;
        _writerBusy = true;
        return idle;
    }

    private RedisException? Refusal(int bytes)
    {
        if (_fault is { } fault)
            return new RedisException(fault.Kind == RedisErrorKind.Closed ? RedisErrorKind.Closed : RedisErrorKind.Unavailable, fault.Message, fault);
        if (_inFlight.Count >= _options.MaxPendingCommands)
            return new RedisException(RedisErrorKind.Overloaded, $"{_inFlight.Count} commands to {_endpoint} are unanswered, the limit of Relay:Redis:MaxPendingCommands");
        if (_inFlight.Bytes + bytes > _options.MaxPendingBytes)
            return new RedisException(RedisErrorKind.Overloaded, $"a command of {bytes} bytes on top of {_inFlight.Bytes} unanswered bytes to {_endpoint} exceeds Relay:Redis:MaxPendingBytes ({_options.MaxPendingBytes})");
        return null;
    }

    private ValueTask<RedisValue> Failed(RedisException error)
    {
        _services.Metrics.Failed(_role, error);
        return ValueTask.FromException<RedisValue>(error);
    }

    private ValueTask<RedisValue> Enqueue(int bytes, TimeSpan timeout, TimeSpan block, object? subscription)
    {
        var reply = _pool.Rent();
        var deadline = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue : Later(timeout + block);
        if (block > TimeSpan.Zero)
            _blockedUntil = Math.Max(_blockedUntil, Later(block));
        _inFlight.Enqueue(new InFlight(reply, subscription, deadline, bytes, KeepAlive: false));
        return reply.Task;
    }

    private long Later(TimeSpan span) => _services.Time.GetTimestamp() + (long)(span.TotalSeconds * _services.Time.TimestampFrequency);

    private async Task<RedisException> RunAsync()
    {
        var loops = new[] { GuardAsync(ReadAsync()), GuardAsync(WriteLoopAsync()), GuardAsync(WatchLoopAsync()) };
        await Task.WhenAll(loops);
        await _stream.DisposeAsync();
        return _fault!;
    }

    /// <summary>The first loop that ends, for whatever reason, ends the others.</summary>
    private async Task GuardAsync(Task loop)
    {
        try
        {
            await loop;
            End(new RedisException(RedisErrorKind.Unavailable, $"the connection to {_endpoint} ended"));
        }
        catch (Exception error)
        {
            End(RedisFaults.Lost(error, _endpoint));
        }
    }

    private void End(RedisException why)
    {
        var orphans = new List<PendingReply>();
        lock (_gate)
        {
            if (_fault is not null)
                return;
            _fault = why;
            while (_inFlight.TryDequeue(out var command))
            {
                if (command.Reply is not null)
                    orphans.Add(command.Reply);
            }
        }

        _ending.Cancel();
        _wake.Set();
        var kind = why.Kind == RedisErrorKind.Closed ? RedisErrorKind.Closed : RedisErrorKind.Unavailable;
        foreach (var orphan in orphans)
        {
            var error = new RedisException(kind, $"{why.Message}; the command was in flight, so whether it was executed is unknown", why);
            _services.Metrics.Failed(_role, error);
            orphan.Fail(error);
        }
    }

    private async Task WriteLoopAsync()
    {
        while (true)
        {
            await _wake.WaitAsync();
            while (TakeOutput() is { } output)
            {
                // Before the write: whoever gets the answer finds its question counted.
                _services.Metrics.Sent(_role, output.Commands, output.Length);
                await _stream.WriteAsync(output.Written, _ending.Token);
                lock (_gate)
                {
                    output.Clear();
                    _spare = output;
                }
            }

            _ending.Token.ThrowIfCancellationRequested();
        }
    }

    private OutputBuffer? TakeOutput()
    {
        lock (_gate)
        {
            if (_filling.Length == 0 || _fault is not null)
            {
                _writerBusy = false;
                return null;
            }

            var output = _filling;
            _filling = _spare;
            return output;
        }
    }
}
