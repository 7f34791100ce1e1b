using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Redis;

/// <summary>
/// The instruments of this project's meter <c>Relay.Redis</c>. Counters are raised once per read or write, not once per message.
/// </summary>
public sealed class RedisMetrics
{
    public const string MeterName = "Relay.Redis";

    private static readonly MetricTag Role = new("role", "what the connection is for, e.g. `main`, `subscriber`");
    private static readonly MetricTag Kind = new("kind", "`Unavailable`, `Timeout`, `ServerError`, `Overloaded`, `Protocol`, `Closed`");

    private static readonly Metric Commands = Metric.Counter("relay.redis.commands", "{command}", "Commands sent to Redis", Role);
    private static readonly Metric Errors = Metric.Counter("relay.redis.errors", "{error}", "Commands that failed", Role, Kind, new("code", "first word of the server's error, e.g. `OOM`; empty without one"));
    private static readonly Metric Connects = Metric.Counter("relay.redis.connects", "{connect}", "Connections that became ready", Role);
    private static readonly Metric Disconnects = Metric.Counter("relay.redis.disconnects", "{disconnect}", "Ready connections that were lost", Role, Kind);
    private static readonly Metric Pushes = Metric.Counter("relay.redis.pushes", "{message}", "Pub/Sub messages received", Role);
    private static readonly Metric Io = Metric.Counter("relay.redis.io", "By", "Bytes read from and written to Redis", Role, MetricTag.Direction);

    private readonly Counter<long> _commands;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _connects;
    private readonly Counter<long> _disconnects;
    private readonly Counter<long> _pushes;
    private readonly Counter<long> _bytes;

    public RedisMetrics(IMeterFactory factory)
        : this((factory ?? throw new ArgumentNullException(nameof(factory))).Create(MeterName))
    {
    }

    /// <summary>The meter stays its maker's to dispose.</summary>
    public RedisMetrics(Meter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        _commands = meter.Counter(Commands);
        _errors = meter.Counter(Errors);
        _connects = meter.Counter(Connects);
        _disconnects = meter.Counter(Disconnects);
        _pushes = meter.Counter(Pushes);
        _bytes = meter.Counter(Io);
    }

    /// <summary>What is measured.</summary>
    public static MetricGroup Described { get; } = new(MeterName, [Commands, Errors, Connects, Disconnects, Pushes, Io]);

    internal void Sent(string role, int commands, long bytes)
    {
        _commands.Add(commands, Tag("role", role));
        _bytes.Add(bytes, Tag("role", role), Tag("direction", "transmit"));
    }

    internal void Received(string role, long bytes) => _bytes.Add(bytes, Tag("role", role), Tag("direction", "receive"));

    internal void Pushed(string role, int pushes)
    {
        if (pushes > 0)
            _pushes.Add(pushes, Tag("role", role));
    }

    internal void Failed(string role, RedisException error) =>
        _errors.Add(1, Tag("role", role), Tag("kind", error.Kind.ToString()), Tag("code", error.Code));

    internal void Connected(string role) => _connects.Add(1, Tag("role", role));

    internal void Disconnected(string role, RedisErrorKind kind) => _disconnects.Add(1, Tag("role", role), Tag("kind", kind.ToString()));

    private static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);
}
