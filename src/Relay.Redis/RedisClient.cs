using Relay.Redis.Connections;
using Relay.Redis.Resp;
using Relay.Redis.Sentinels;

namespace Relay.Redis;

/// <summary>
/// A supervised, multiplexed connection to Redis. Safe for concurrent use. Commands are sent in the order of the calls and answered in that order.
/// </summary>
/// <remarks>
/// Nothing is ever re-sent: a command that was in flight when the connection broke fails with Unavailable, and whether it was executed is for
/// the caller to find out. Commands cannot be recalled, so they take no cancellation token; each has a time-out instead.
/// The connection is shared, so a command that blocks the server side (BLPOP, XREADGROUP BLOCK) is only taken by a client of its own,
/// made by <see cref="Dedicated"/>.
/// </remarks>
public sealed class RedisClient : IAsyncDisposable
{
    public const string CommandsRole = "commands";

    private readonly RedisOptions _options;
    private readonly RedisServices _services;
    private readonly SentinelDirectory? _directory;
    private readonly RedisSupervisor _supervisor;
    private readonly Lazy<RedisSubscriber> _subscriber;
    private readonly bool _dedicated;

    /// <exception cref="ArgumentException">The options contradict each other; the text names the settings.</exception>
    public RedisClient(RedisOptions options, RedisServices services)
        : this(options, services, DirectoryOf(options, services), CommandsRole, dedicated: false)
    {
    }

    private RedisClient(RedisOptions options, RedisServices services, SentinelDirectory? directory, string role, bool dedicated)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(services);
        _options = options;
        _services = services;
        _dedicated = dedicated;
        _directory = directory;
        _supervisor = new RedisSupervisor(options, services, role, sink: null, directory);
        _subscriber = new Lazy<RedisSubscriber>(() => new RedisSubscriber(options, services, RedisSubscriber.SubscriberRole, directory));
    }

    /// <summary>Raised by the supervising loop, one change after the other. Handlers must not block and must not wait for this client.</summary>
    public event Action<RedisStateChange>? StateChanged
    {
        add => _supervisor.StateChanged += value;
        remove => _supervisor.StateChanged -= value;
    }

    public RedisOptions Options => _options;

    public RedisStateChange State => _supervisor.State;

    /// <summary>
    /// The subscriptions of this deployment, on a connection of their own, so that a slow receiver never holds up an answer to a command.
    /// Made at first use; <see cref="RedisSubscriber.Start"/> is the caller's, disposal is this client's.
    /// </summary>
    public RedisSubscriber Subscriber => _subscriber.Value;

    /// <summary>Begins to connect; returns at once. A server that is not there is no error: the client goes on trying.</summary>
    public void Start() => _supervisor.Start();

    /// <summary>Ends when the client is ready. Failures to connect do not end the wait; see <see cref="StateChanged"/> for them.</summary>
    /// <exception cref="RedisException">Kind Closed.</exception>
    public Task WaitReadyAsync(CancellationToken cancellationToken = default) => _supervisor.WaitReadyAsync(cancellationToken);

    /// <summary>A client with the same options and a connection of its own, not started yet. The caller disposes it.</summary>
    /// <param name="role">Names it in logs, metrics and CLIENT LIST.</param>
    public RedisClient Dedicated(string role) => new(_options, _services, _directory, role, dedicated: true);

    /// <summary>Sends a command; the arguments are copied before this method returns.</summary>
    /// <returns>The answer, to be awaited once.</returns>
    /// <exception cref="RedisException">Thrown by the returned task; every kind is possible. An error reply is kind ServerError.</exception>
    /// <exception cref="ArgumentException">Thrown at once: no arguments, or text with a lone surrogate.</exception>
    public ValueTask<RedisValue> SendAsync(params ReadOnlySpan<RedisArg> command) => SendAsync(_options.CommandTimeout, TimeSpan.Zero, command);

    /// <summary>As <see cref="SendAsync(ReadOnlySpan{RedisArg})"/>, with a time-out of its own.</summary>
    public ValueTask<RedisValue> SendAsync(TimeSpan timeout, params ReadOnlySpan<RedisArg> command) => SendAsync(timeout, TimeSpan.Zero, command);

    /// <summary>Sends a command that the server may answer only after <paramref name="block"/>; the usual time-out begins then.</summary>
    /// <exception cref="InvalidOperationException">This client is not <see cref="Dedicated"/>: everybody else's commands would wait behind this one.</exception>
    public ValueTask<RedisValue> SendBlockingAsync(TimeSpan block, params ReadOnlySpan<RedisArg> command) => _dedicated
        ? SendAsync(_options.CommandTimeout, block, command)
        : throw new InvalidOperationException("A blocking command needs a client of its own: RedisClient.Dedicated(role).");

    /// <summary>The connection that is used now, by itself; null while there is none.</summary>
    /// <exception cref="InvalidOperationException">This client is not <see cref="Dedicated"/>: a line is for those who share it with nobody.</exception>
    public RedisLine? Line => !_dedicated
        ? throw new InvalidOperationException("A line needs a client of its own: RedisClient.Dedicated(role).")
        : _supervisor.Current is { } connection ? new RedisLine(connection, _options) : null;

    public async ValueTask DisposeAsync()
    {
        if (_subscriber.IsValueCreated)
            await _subscriber.Value.DisposeAsync();
        await _supervisor.DisposeAsync();
    }

    private static SentinelDirectory? DirectoryOf(RedisOptions options, RedisServices services) =>
        options is { Sentinel: not null, Endpoints.Count: > 0 } && services is not null ? new SentinelDirectory(options, services) : null;

    private ValueTask<RedisValue> SendAsync(TimeSpan timeout, TimeSpan block, ReadOnlySpan<RedisArg> command)
    {
        if (_supervisor.Current is { } connection)
            return connection.SendAsync(command, timeout, block);
        if (_options.WaitWhenDown > TimeSpan.Zero && !_supervisor.IsDisposed)
            return SendWhenReadyAsync(Encode(command), timeout, block);
        var error = _supervisor.Unavailable();
        _services.Metrics.Failed(_supervisor.State.Role, error);
        return ValueTask.FromException<RedisValue>(error);
    }

    private static byte[] Encode(ReadOnlySpan<RedisArg> command)
    {
        var encoded = new byte[RespWriter.Measure(command)];
        RespWriter.Write(encoded, command);
        return encoded;
    }

    private async ValueTask<RedisValue> SendWhenReadyAsync(byte[] encoded, TimeSpan timeout, TimeSpan block)
    {
        try
        {
            await _supervisor.WaitReadyAsync(_options.WaitWhenDown);
        }
        catch (TimeoutException)
        {
            throw _supervisor.Unavailable();
        }

        var connection = _supervisor.Current ?? throw _supervisor.Unavailable();
        return await connection.SendAsync(encoded, timeout, block);
    }
}
