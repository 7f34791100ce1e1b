using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Relay.Redis;

/// <summary>What the client takes from its surroundings: time, log, metrics, randomness.</summary>
public sealed class RedisServices
{
    private readonly Lock _gate = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    public RedisMetrics Metrics { get; init; } = new(new Meter(RedisMetrics.MeterName));

    /// <summary>Seeds the jitter of each connection's back-off. Drawn from under a lock when a client is made, never afterwards.</summary>
    public Random Random { get; init; } = new();

    /// <summary>Reports input on connections without TLS; null = they are read through the runtime's socket engine, as TLS always is.</summary>
    public ISocketWatcher? Sockets { get; init; }

    internal Random NextRandom()
    {
        lock (_gate)
            return new Random(Random.Next());
    }
}
