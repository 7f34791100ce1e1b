using System.Diagnostics.Metrics;

namespace Relay.Redis;

/// <summary>
/// The instruments of this project's meter <c>Relay.Redis</c>. Counters are raised once per read or write, not once per message.
/// </summary>
/// <remarks>
/// | name | unit | tags |
/// |---|---|---|
/// | relay.redis.commands | {command} | role |
/// | relay.redis.errors | {error} | role, kind, code |
/// | relay.redis.connects | {connect} | role |
/// | relay.redis.disconnects | {disconnect} | role, kind |
/// | relay.redis.pushes | {message} | role |
/// | relay.redis.io | By | role, direction |
/// </remarks>
public sealed class RedisMetrics
{
    public const string MeterName = "Relay.Redis";

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
        _commands = meter.CreateCounter<long>("relay.redis.commands", "{command}", "Commands sent to Redis");
        _errors = meter.CreateCounter<long>("relay.redis.errors", "{error}", "Commands that failed, by kind and server code");
        _connects = meter.CreateCounter<long>("relay.redis.connects", "{connect}", "Connections that became ready");
        _disconnects = meter.CreateCounter<long>("relay.redis.disconnects", "{disconnect}", "Ready connections that were lost");
        _pushes = meter.CreateCounter<long>("relay.redis.pushes", "{message}", "Pub/Sub messages received");
        _bytes = meter.CreateCounter<long>("relay.redis.io", "By", "Bytes read from and written to Redis");
    }

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
