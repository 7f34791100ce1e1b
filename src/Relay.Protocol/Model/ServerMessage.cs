namespace Relay.Protocol;

/// <summary>
/// What the relay says to one client, events of channels aside (those are <see cref="Publication"/>s and encoded once for all). A dialect
/// that has no words for a message encodes nothing.
/// </summary>
public abstract class ServerMessage
{
    /// <summary>When it is said, microseconds since 1970-01-01 UTC.</summary>
    public required long TimestampMicros { get; init; }

    /// <summary>webui: random bits of the <c>message_id</c> for messages that have no id of their own; 0 = derived from the timestamp.</summary>
    public ulong MessageBits { get; init; }
}

/// <summary>First frame of <c>context</c> and <c>relay</c> connections.</summary>
public sealed class ConnectedMessage : ServerMessage
{
    /// <summary><c>ws_…</c></summary>
    public required string ClientId { get; init; }

    /// <summary>Native: the node's id.</summary>
    public string Node { get; init; } = "";

    /// <summary>Native: resume token.</summary>
    public string Session { get; init; } = "";

    /// <summary>Native: interval of WebSocket pings in milliseconds.</summary>
    public long PingIntervalMilliseconds { get; init; }

    /// <summary>Native: largest frame the client may send, in bytes.</summary>
    public int MaxFrameBytes { get; init; }
}

/// <summary>Answer to a request that carried an id. Never built for <see cref="RequestId.None"/>.</summary>
public class AckMessage : ServerMessage
{
    /// <summary>The request's id.</summary>
    public required RequestId RequestId { get; init; }

    /// <summary>Null on success.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>The refusal's text; empty on success.</summary>
    public string ErrorText { get; init; } = "";

    /// <summary>Native, refusals: a retry after so many milliseconds can help; 0 = it cannot.</summary>
    public long RetryAfterMilliseconds { get; init; }
}

/// <summary>Positive answer to a native <c>subscribe</c>; older dialects see a plain ack.</summary>
public sealed class SubscribedMessage : AckMessage
{
    /// <summary>What was subscribed to, for clients whose request has no id of theirs (<c>sse</c>).</summary>
    public string Channel { get; init; } = "";

    /// <summary>Position from which the subscription runs: later events follow.</summary>
    public required StreamPosition Position { get; init; }

    /// <summary>Position behind which everything follows, events brought later included: where to resume if none of them arrives.</summary>
    public StreamPosition Start { get; init; }

    /// <summary>True when everything after <c>since</c> follows without a gap; null when the client asked for no resume.</summary>
    public bool? Recovered { get; init; }
}

/// <summary>Positive answer to a <c>publish</c>; older dialects see a plain ack.</summary>
public sealed class PublishedMessage : AckMessage
{
    /// <summary>Position the event got (or, for a duplicate, had got the first time).</summary>
    public required StreamPosition Position { get; init; }

    /// <summary>True when the idempotency key was known.</summary>
    public bool Duplicate { get; init; }

    /// <summary>How many subscribers the channel has on all nodes.</summary>
    public int Subscribers { get; init; }
}

/// <summary>Native: the key of a versioned publish is not at the version expected; older dialects see a plain refusal.</summary>
public sealed class VersionMismatchMessage : AckMessage
{
    /// <summary>The version it has; default = it has no value.</summary>
    public required StreamPosition Current { get; init; }
}

/// <summary>Native: answer to a <c>publish_batch</c>. It is a success when every item is one.</summary>
public sealed class PublishedBatchMessage : AckMessage
{
    /// <summary>In the order of the items.</summary>
    public required IReadOnlyList<PublishResult> Results { get; init; }
}

/// <summary>What became of one item of a batch. Immutable.</summary>
public readonly record struct PublishResult
{
    /// <summary>Where it was published; empty when the item named no valid channel.</summary>
    public string Channel { get; init; }

    /// <summary>Null on success.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>The refusal's text; empty on success.</summary>
    public string ErrorText { get; init; }

    /// <summary>A retry after so many milliseconds can help; 0 = it cannot.</summary>
    public long RetryAfterMilliseconds { get; init; }

    /// <summary>
    /// The place it got (for a duplicate: had got the first time). With <see cref="ErrorCode.VersionMismatch"/> the version the key has, default = it has no
    /// value.
    /// </summary>
    public StreamPosition Position { get; init; }

    /// <summary>True when the idempotency key was known.</summary>
    public bool Duplicate { get; init; }

    /// <summary>How many subscribers the channel has on all nodes.</summary>
    public int Subscribers { get; init; }
}

/// <summary>A refusal that answers no acked request.</summary>
public sealed class ErrorMessage : ServerMessage
{
    /// <summary>The kind.</summary>
    public required ErrorCode Code { get; init; }

    /// <summary>Text for the client.</summary>
    public required string Text { get; init; }

    /// <summary>webui: <c>details</c>.</summary>
    public string Details { get; init; } = "";

    /// <summary>webui: the connection's session for the envelope; null before the first.</summary>
    public string? SessionId { get; init; }
}

/// <summary>The dialect's own ping to the client (<c>context</c>, every 30 s).</summary>
public sealed class PingMessage : ServerMessage;

/// <summary>Answer to the dialect's own ping.</summary>
public sealed class PongMessage : ServerMessage
{
    /// <summary>Native: the ping's id.</summary>
    public RequestId RequestId { get; init; }

    /// <summary>webui: the connection's session for the envelope; null before the first.</summary>
    public string? SessionId { get; init; }
}

/// <summary>Native: the server will close; come back after the given time.</summary>
public sealed class ReconnectMessage : ServerMessage
{
    /// <summary>Milliseconds to wait.</summary>
    public required long AfterMilliseconds { get; init; }

    /// <summary>E.g. <c>drain</c>.</summary>
    public required string Reason { get; init; }
}

/// <summary>Native: the connection's token ends soon; without a <c>refresh</c> the connection ends with it.</summary>
public sealed class TokenExpiringMessage : ServerMessage
{
    /// <summary>When, milliseconds since 1970-01-01 UTC.</summary>
    public required long ExpiresAtMilliseconds { get; init; }
}

/// <summary>Native: events are missing and will not come.</summary>
public sealed class GapMessage : ServerMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>Its epoch.</summary>
    public required Epoch Epoch { get; init; }

    /// <summary>First missing offset.</summary>
    public required long From { get; init; }

    /// <summary>Last missing offset.</summary>
    public required long To { get; init; }
}

/// <summary>One member of a channel.</summary>
/// <param name="ClientId"><c>ws_…</c></param>
/// <param name="UserId">User or agent, null when anonymous.</param>
public sealed record PresenceMember(string ClientId, string? UserId);

/// <summary>Native: answer to <c>presence</c>.</summary>
public sealed class PresenceMessage : AckMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>Members, at most the server's bound.</summary>
    public required IReadOnlyList<PresenceMember> Members { get; init; }

    /// <summary>How many connections there are in all.</summary>
    public required int Count { get; init; }

    /// <summary>How many distinct users they belong to; connections without a user are not counted.</summary>
    public required int Users { get; init; }
}

/// <summary>Native: <c>join</c> or <c>leave</c>, to those who asked.</summary>
public sealed class PresenceChangeMessage : ServerMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>Who.</summary>
    public required PresenceMember Member { get; init; }

    /// <summary>True = join, false = leave.</summary>
    public required bool Joined { get; init; }
}

/// <summary>Native: answer to <c>history</c>.</summary>
public sealed class HistoryMessage : AckMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>Its position when it was asked.</summary>
    public required StreamPosition Position { get; init; }

    /// <summary>
    /// True when nothing of what was asked for is gone (more may follow behind the last event); false when it is not all there any more. Null when the
    /// newest were asked for.
    /// </summary>
    public bool? Recovered { get; init; }

    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<Publication> Events { get; init; }
}

/// <summary><c>hooks</c>: <c>system.status</c>, derived from the events that passed.</summary>
public sealed class HookStatusMessage : ServerMessage
{
    /// <summary>The monitored session; null before the first.</summary>
    public string? SessionId { get; init; }

    /// <summary>Its start as the sender wrote it.</summary>
    public string? SessionStart { get; init; }

    /// <summary><c>stopped</c>, <c>starting</c>, <c>running</c> or <c>error</c>.</summary>
    public string ClaudeStatus { get; init; } = "stopped";

    /// <summary>Process id; null when unknown.</summary>
    public long? ClaudePid { get; init; }

    /// <summary>Connected <c>hooks</c> clients.</summary>
    public required int ConnectedClients { get; init; }

    /// <summary>Port of the hooks listener.</summary>
    public required int Port { get; init; }

    /// <summary>Address of the hooks listener.</summary>
    public required string Host { get; init; }

    /// <summary>Working directory the sender told; null when unknown.</summary>
    public string? WorkingDir { get; init; }
}

/// <summary><c>hooks</c>: answer to <c>get_history</c>.</summary>
public sealed class HookHistoryMessage : ServerMessage
{
    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<Publication> Events { get; init; }

    /// <summary>For a client that said where it was: where the channel stands now.</summary>
    public StreamPosition? Position { get; init; }

    /// <summary>With <see cref="Position"/>: whether nothing the client missed is missing from <see cref="Events"/>.</summary>
    public bool Recovered { get; init; }
}

/// <summary><c>hooks</c>: answer to <c>subscribe</c>.</summary>
public sealed class HookFilterMessage : ServerMessage
{
    /// <summary>The patterns now in force.</summary>
    public required IReadOnlyList<string> Patterns { get; init; }
}

/// <summary><c>hooks</c>: <c>system.heartbeat</c>, every 30 s to all.</summary>
public sealed class HookHeartbeatMessage : ServerMessage
{
    /// <summary>Connected <c>hooks</c> clients.</summary>
    public required int Clients { get; init; }
}

/// <summary><c>webui</c>: <c>system_message</c>.</summary>
public sealed class SystemMessage : ServerMessage
{
    /// <summary>Random bits of the message's id, shown as 16 hex digits.</summary>
    public required ulong MessageId { get; init; }

    /// <summary>E.g. <c>info</c>.</summary>
    public required string Level { get; init; }

    /// <summary>The text.</summary>
    public required string Text { get; init; }
}

/// <summary><c>webui</c>: <c>session_status</c>.</summary>
public sealed class SessionStatusMessage : ServerMessage
{
    /// <summary>Random bits of the message's id.</summary>
    public required ulong MessageId { get; init; }

    /// <summary>32 lower-case hex digits.</summary>
    public required string SessionId { get; init; }

    /// <summary><c>active</c> or <c>expired</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Stored chat messages.</summary>
    public required int MessageCount { get; init; }

    /// <summary>Microseconds since 1970-01-01 UTC.</summary>
    public required long CreatedMicros { get; init; }

    /// <summary>Microseconds since 1970-01-01 UTC.</summary>
    public required long LastActivityMicros { get; init; }
}

/// <summary><c>webui</c>: one stored message of a joined session, with <c>status:"complete"</c> and its original time.</summary>
public sealed class SessionHistoryMessage : ServerMessage
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The stored message, a <c>chat_message</c> or an <c>agent_response</c>.</summary>
    public required Publication Publication { get; init; }
}
