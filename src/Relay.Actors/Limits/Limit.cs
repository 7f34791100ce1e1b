using Relay.Protocol;

namespace Relay.Actors.Limits;

/// <summary>Every bound at which something is refused, slowed or closed. The order is that of docs/limits.md.</summary>
public enum Limit
{
    /// <summary>Connections of the node.</summary>
    Connections,

    /// <summary>Connections of one address.</summary>
    ConnectionsPerAddress,

    /// <summary>Connections of one user.</summary>
    ConnectionsPerUser,

    /// <summary>Handshakes of the node.</summary>
    Handshakes,

    /// <summary>Handshakes of one address.</summary>
    HandshakesPerAddress,

    /// <summary>Messages that one connection sends.</summary>
    Frames,

    /// <summary>Bytes that one connection sends.</summary>
    Bytes,

    /// <summary>Publishes of one connection.</summary>
    PublishesPerConnection,

    /// <summary>Publishes of one user over all its connections.</summary>
    PublishesPerUser,

    /// <summary>Publishes into one namespace.</summary>
    PublishesPerNamespace,

    /// <summary>Subscriptions of one connection.</summary>
    Subscriptions,

    /// <summary>Bytes that wait for one client.</summary>
    UnsentBytes,

    /// <summary>Memory of the process.</summary>
    Memory,

    /// <summary>How long what comes in waits for its turn.</summary>
    Load,
}

/// <summary>What became of whoever met a limit.</summary>
public enum LimitOutcome
{
    /// <summary>Told no.</summary>
    Refused,

    /// <summary>Read later: nothing is lost.</summary>
    Slowed,

    /// <summary>Disconnected.</summary>
    Closed,
}

/// <summary>The names of limits: one word for metrics and logs, the setting for operators, a sentence for clients.</summary>
public static class LimitNames
{
    private static readonly (string Label, string Setting, string Sentence)[] Names =
    [
        ("connections", "Limits:MaxConnections", "Too many connections"),
        ("connections_per_address", "Limits:MaxConnectionsPerAddress", "Too many connections from this address"),
        ("connections_per_user", "Limits:MaxConnectionsPerUser", "Too many connections of this user"),
        ("handshakes", "Limits:HandshakesPerSecond", "Too many new connections at the moment"),
        ("handshakes_per_address", "Limits:HandshakesPerSecondPerAddress", "Too many new connections from this address at the moment"),
        ("frames", "Limits:FramesPerSecond", "Too many messages per second"),
        ("bytes", "Limits:BytesPerSecond", "Too many bytes per second"),
        ("publishes_per_connection", "Limits:PublishesPerSecondPerConnection", "Too many publishes per second on this connection"),
        ("publishes_per_user", "Limits:PublishesPerSecondPerUser", "Too many publishes per second of this user"),
        ("publishes_per_namespace", "Namespaces:{ns}:PublishesPerSecond", "Too many publishes per second into this namespace"),
        ("subscriptions", "Limits:MaxSubscriptionsPerConnection", "Too many subscriptions"),
        ("unsent_bytes", "Limits:UnsentBytes", "Slow consumer"),
        ("memory", "Limits:MemoryBudget", "The node is short of memory"),
        ("load", "Limits:QueueDelay", "The node is overloaded"),
    ];

    private static readonly string[] Sentences = [.. Names.Select(static name => $"{name.Sentence} (limit {name.Label})")];

    /// <summary>All labels, in the order of <see cref="Limit"/>.</summary>
    public static IEnumerable<string> Labels => Names.Select(static name => name.Label);

    /// <summary>For metrics and logs.</summary>
    public static string Label(this Limit limit) => Names[(int)limit].Label;

    /// <summary>The setting to change, without <c>Relay:</c>.</summary>
    public static string Setting(this Limit limit) => Names[(int)limit].Setting;

    /// <summary>For clients: what there was too much of, and which limit says so.</summary>
    public static string Sentence(this Limit limit) => Sentences[(int)limit];

    /// <summary>True for the node's own troubles: whoever comes has done nothing wrong.</summary>
    public static bool IsNodes(this Limit limit) => limit is Limit.Connections or Limit.Handshakes or Limit.Memory or Limit.Load;
}

/// <summary>A refusal, and when trying again can help.</summary>
/// <param name="Limit">Which it was.</param>
/// <param name="RetryAfter">Above zero.</param>
public sealed record LimitRefusal(Limit Limit, TimeSpan RetryAfter)
{
    /// <summary>429 for what the client does too much of, 503 for what the node cannot do.</summary>
    public int Status => Limit.IsNodes() ? 503 : 429;

    /// <summary>The same for a request on a connection.</summary>
    public ErrorCode Code => Limit.IsNodes() ? ErrorCode.Unavailable : ErrorCode.RateLimited;

    /// <summary>For the client.</summary>
    public string Text => Limit.Sentence();

    /// <summary>Whole milliseconds, at least one.</summary>
    public long RetryAfterMilliseconds => Math.Max(1, (long)Math.Ceiling(RetryAfter.TotalMilliseconds));

    /// <summary>Whole seconds for <c>Retry-After</c>, at least one.</summary>
    public long RetryAfterSeconds => Math.Max(1, (long)Math.Ceiling(RetryAfter.TotalSeconds));
}
