using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;

namespace Relay.Redis.Bridge;

/// <summary>What to read from streams. Immutable.</summary>
public sealed record RedisStreamOptions
{
    /// <summary>Keys of the streams.</summary>
    public required IReadOnlyList<string> Streams { get; init; }

    /// <summary>Name of their server among several, where streams of the same name may lie; null for the main one.</summary>
    public string? Server { get; init; }

    /// <summary>Consumer group, the same on every node.</summary>
    public string Group { get; init; } = "relay";

    /// <summary>
    /// This node's name in the group. The same at every start: it then takes up at once what it had left, in order; with another name that is taken over
    /// after <see cref="ClaimIdle"/>.
    /// </summary>
    public required string Consumer { get; init; }

    /// <summary>Entries of one batch.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>An entry that a consumer has held for so long without acknowledging it is taken over by another.</summary>
    public TimeSpan ClaimIdle { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A consumer that holds nothing and did not ask for so long is removed from the group.</summary>
    public TimeSpan ConsumerIdle { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Key of the stream that takes entries which cannot be delivered; <c>{stream}</c> in it stands for their stream's key.</summary>
    public string DeadLetters { get; init; } = "{stream}:dead";

    /// <summary>About so many entries of it are kept.</summary>
    public int DeadKept { get; init; } = 10_000;

    /// <summary>Failed tries that make an entry a dead letter, where the failure may pass. What is no envelope needs one.</summary>
    public int MaxTries { get; init; } = 5;

    /// <summary>Between the first try of such an entry and the second; doubles from there, up to 15 s.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A larger envelope, in bytes, is a dead letter.</summary>
    public int MaxBytes { get; init; } = BridgeServices.MaxMessageBytes;

    /// <summary>In a cluster: whether it is this node that reads the stream of this <see cref="NameOf"/>. Null = this node is alone.</summary>
    public Func<string, bool>? IsReader { get; init; }

    /// <summary>A stream's name over all servers: entries of two of them may have the same ids.</summary>
    public string NameOf(string stream) => Server is null ? stream : $"{Server}/{stream}";

    /// <summary>Key of the dead letters of a stream.</summary>
    public string DeadLettersOf(string stream) => DeadLetters.Replace("{stream}", stream, StringComparison.Ordinal);
}

/// <summary>
/// Workers' updates from Redis streams through a consumer group, for workers that must not lose any: protocols.md, <c>updates</c>. An entry carries its envelope in
/// the field <c>json</c> and is acknowledged (XACK) only after every channel it goes to has accepted it.
/// </summary>
/// <remarks>
/// <para>
/// Each entry reaches its channels at least once, and an idempotency key makes it once: the envelope's <c>id</c>, else <c>stream:{stream}:{id of the entry}</c>. What is
/// read again after a failure (a batch at most) is far inside the window in which channels remember keys.
/// </para>
/// <para>
/// Order is that of the stream: one batch at a time, own unacknowledged entries first. Only a take-over from another consumer brings older entries later.
/// A group that does not exist is made from the beginning of the stream, so nothing written before the first node came is lost; the same happens after
/// FLUSHALL.
/// </para>
/// <para>
/// In a cluster one node reads a stream at a time (<see cref="RedisStreamOptions.IsReader"/>); the next one takes over at once what the last one left.
/// </para>
/// <para>
/// A channel that takes nothing (its journal is ill) is waited for, however long, and the stream waits with it. An entry whose own handling fails is set aside, so that those
/// behind it go on, and tried again up to <see cref="RedisStreamOptions.MaxTries"/> times. It then becomes a dead letter with the reason, as what is no envelope does at once.
/// </para>
/// <para>Each stream has a loop and a connection of its own, because XREADGROUP BLOCK holds up every other command of its connection.</para>
/// </remarks>
public sealed partial class RedisStreamSource : IAsyncDisposable
{
    /// <summary>Name of this source in metrics and logs.</summary>
    public const string SourceName = "redis-stream";

    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    private readonly RedisStreamLoop[] _loops;
    private readonly BridgeServices _services;
    private readonly ILogger _log;

    /// <param name="redis">Gives the server; each stream gets a connection of its own.</param>
    /// <param name="options">What to read.</param>
    /// <param name="services">The way into the relay and the surroundings.</param>
    /// <param name="health">Told null when all streams are read, else the reason. Must not block.</param>
    public RedisStreamSource(RedisClient redis, RedisStreamOptions options, BridgeServices services, Action<string?> health)
    {
        ArgumentNullException.ThrowIfNull(redis);
        ArgumentNullException.ThrowIfNull(options);
        _services = services;
        _log = services.Loggers.CreateLogger<RedisStreamSource>();
        var shared = new BridgeHealth(health);
        _loops = [.. options.Streams.Distinct(StringComparer.Ordinal).Select(stream => new RedisStreamLoop(redis.Dedicated("stream"), stream, options, services, shared))];
    }

    /// <summary>Begins to connect and to read; returns at once.</summary>
    public void Start()
    {
        foreach (var loop in _loops)
        {
            loop.Start();
        }
    }

    /// <summary>Ends the reading; a batch under way is finished and acknowledged within 5 s, or comes again at the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Task.WhenAll(_loops.Select(static loop => loop.StopAsync())).WaitAsync(StopBound, _services.Time);
        }
        catch (TimeoutException)
        {
            LogNotEnded(StopBound.TotalSeconds);
        }

        foreach (var loop in _loops)
        {
            await loop.DisposeAsync();
        }
    }

    [LoggerMessage(EventId = 50, Level = LogLevel.Warning, Message = "The last batch of a stream was not accepted within {Seconds} s; it stays unacknowledged")]
    private partial void LogNotEnded(double seconds);
}
