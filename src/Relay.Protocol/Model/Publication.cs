namespace Relay.Protocol;

/// <summary>In which wire format <see cref="Publication.Raw"/> stands.</summary>
public enum RawFormat
{
    /// <summary>There is no original frame; every dialect builds its own envelope.</summary>
    None,

    /// <summary>A worker's whole Redis message, forwarded verbatim to <c>updates</c> clients.</summary>
    Updates,

    /// <summary>A hook sender's whole frame, forwarded verbatim to <c>hooks</c> clients.</summary>
    Hooks,
}

/// <summary>
/// One accepted event of one channel. Immutable and shared: by the history, by every replica's batch and by every dialect's encoder.
/// </summary>
public sealed class Publication
{
    /// <summary>The channel that accepted it.</summary>
    public required string Channel { get; init; }

    /// <summary>The event's name or type, e.g. <c>task.completed</c>, <c>agent_update</c>.</summary>
    public required string Event { get; init; }

    /// <summary>One complete JSON value, byte for byte as the publisher wrote it; empty when the publisher sent none.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Epoch of the channel and offset of the event; the offset is 0 for a transient event, which has no place in the sequence.</summary>
    public required StreamPosition Position { get; init; }

    /// <summary>Unique number among the channel's transient events, else 0.</summary>
    public long TransientNumber { get; init; }

    /// <summary>When the channel accepted it, microseconds since 1970-01-01 UTC.</summary>
    public required long TimestampMicros { get; init; }

    /// <summary>The publisher's idempotency key; null when it gave none.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Conflation key: the last event of a key stands for the earlier ones. Null when the publisher set none.</summary>
    public string? Key { get; init; }

    /// <summary>Not delivered or replayed after this instant, microseconds since 1970-01-01 UTC; 0 = never expires.</summary>
    public long ExpiresMicros { get; init; }

    /// <summary>The original frame or message, whole; empty when <see cref="RawFormat"/> is None.</summary>
    public ReadOnlyMemory<byte> Raw { get; init; }

    /// <summary>Whose wire format <see cref="Raw"/> is.</summary>
    public RawFormat RawFormat { get; init; }

    /// <summary>Connection that must not get it back (hooks senders, chat authors); 0 = nobody is left out.</summary>
    public long ExcludedConnection { get; init; }

    /// <summary>
    /// The sampled trace it belongs to, null for nearly all. Set anew by its channel, before anybody else sees the event; neither stored nor shown to clients.
    /// </summary>
    public TraceParent? Trace { get; set; }

    /// <summary>True for an event without a place in the sequence, such as typing: never stored, never replayed.</summary>
    public bool IsTransient => Position.Offset == 0;

    /// <summary>
    /// The server's id of the event: <c>msg_</c>, the epoch, then the offset (<c>msg_k3j9x2ab42</c>); for a transient event <c>t</c> and its
    /// number. Derived, not drawn, so that every node and every dialect gives the same event the same id.
    /// </summary>
    public string MessageId => Protocol.MessageId.Format(this);
}
