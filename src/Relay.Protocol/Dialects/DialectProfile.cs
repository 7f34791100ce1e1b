namespace Relay.Protocol;

/// <summary>The client families, protocols.md. The value is the index of the family's encoding in a replica's batch.</summary>
public enum DialectKind
{
    /// <summary>Inter-agent context manager.</summary>
    Context,

    /// <summary>Hook-event monitor.</summary>
    Hooks,

    /// <summary>Task tracker.</summary>
    Projects,

    /// <summary>AI-worker relay.</summary>
    Updates,

    /// <summary>Agent chat UI.</summary>
    WebUi,

    /// <summary>Native, JSON.</summary>
    Relay,

    /// <summary>Native, protobuf.</summary>
    RelayProtobuf,

    /// <summary>Native, Server-Sent Events over HTTP; never spoken on a WebSocket.</summary>
    Sse,
}

/// <summary>What differs between client families besides their words (protocols.md, "Rules for every dialect" and the dialect's own section).</summary>
public sealed record DialectProfile
{
    /// <summary>Which family.</summary>
    public required DialectKind Kind { get; init; }

    /// <summary>True for the relay's own family (<c>relay</c>, JSON or protobuf, and <c>sse</c>), which can resume, is told gaps and knows when to come back.</summary>
    public bool IsNative => Kind is DialectKind.Relay or DialectKind.RelayProtobuf or DialectKind.Sse;

    /// <summary>Name in configuration, logs and metrics, e.g. <c>context</c>.</summary>
    public required string Name { get; init; }

    /// <summary>WebSocket subprotocol that chooses it, e.g. <c>relay.context</c>; null when only a listener or path chooses it.</summary>
    public string? Subprotocol { get; init; }

    /// <summary>Largest message a client may send, in bytes; beyond it the connection is closed with 1009.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Interval of WebSocket pings.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>Dead when nothing at all has been received for so long.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Interval of the dialect's own JSON ping, which only a JSON ping of the client answers (close 4000); zero = none.</summary>
    public TimeSpan JsonPingInterval { get; init; }

    /// <summary>True when the server's messages are binary frames.</summary>
    public bool IsBinary { get; init; }

    /// <summary>True when unacked task, subtask and message events are sent again (<c>context</c>).</summary>
    public bool Redelivers { get; init; }

    /// <summary>True when client messages are ignored (<c>projects</c>, <c>updates</c>, <c>sse</c>).</summary>
    public bool IgnoresClient { get; init; }

    /// <summary>
    /// True when what the dialect writes goes out as it is, as part of an HTTP response: no WebSocket frame around it, no control frames (<c>sse</c>).
    /// </summary>
    public bool IsStream { get; init; }
}
