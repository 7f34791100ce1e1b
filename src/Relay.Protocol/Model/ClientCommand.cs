namespace Relay.Protocol;

/// <summary>
/// What a client asked for, in the words of the core: the result of <see cref="IDialect.Decode"/>. Commands own their memory: payloads are
/// copied out of the frame once, here, and shared from then on.
/// </summary>
public abstract class ClientCommand
{
    /// <summary>The id under which the client expects the answer; None = it wants none.</summary>
    public RequestId RequestId { get; init; }
}

/// <summary>Subscribe to a channel, native clients with a position to resume from.</summary>
public sealed class SubscribeCommand : ClientCommand
{
    /// <summary>A valid channel name, or (native only) a pattern; see <see cref="IsPattern"/>.</summary>
    public required string Channel { get; init; }

    /// <summary>True when <see cref="Channel"/> is a pattern such as <c>agents/*</c>.</summary>
    public bool IsPattern { get; init; }

    /// <summary>Resume after this position; null = only what comes from now on.</summary>
    public StreamPosition? Since { get; init; }

    /// <summary>Replay the newest n events first; 0 = none.</summary>
    public int Last { get; init; }

    /// <summary>
    /// The newest event of each key first. Beside <see cref="Since"/>: only where that position cannot be resumed from.
    /// </summary>
    public bool LastPerKey { get; init; }

    /// <summary>Replay what was accepted at this time or later, microseconds since 1970-01-01 UTC; null = not by time.</summary>
    public long? FromMicros { get; init; }

    /// <summary>Send join and leave events and count this client as present.</summary>
    public PresenceWish Presence { get; init; }

    /// <summary>Only these events; null = all.</summary>
    public EventFilter? Filter { get; init; }
}

/// <summary>End a subscription.</summary>
public sealed class UnsubscribeCommand : ClientCommand
{
    /// <summary>The channel's name as the client wrote it; it need not be valid or known.</summary>
    public required string Channel { get; init; }
}

/// <summary>Publish one event to one channel.</summary>
public sealed class PublishCommand : ClientCommand
{
    /// <summary>A valid channel name.</summary>
    public required string Channel { get; init; }

    /// <summary>The event's name.</summary>
    public required string Event { get; init; }

    /// <summary>The JSON value of <c>data</c>, verbatim; empty when there was none.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Native: the publish id as idempotency key; null = accept every time.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Native: conflation key.</summary>
    public string? Key { get; init; }

    /// <summary>Native: time to live in milliseconds; 0 = no end.</summary>
    public long TtlMilliseconds { get; init; }

    /// <summary>Native: the sampled trace it belongs to; null when there is none.</summary>
    public TraceParent? Trace { get; init; }

    /// <summary>Native: accept only when the key is at this version; null = in any case. Never without a <see cref="Key"/>.</summary>
    public ExpectedVersion? IfVersion { get; init; }
}

/// <summary>Native: publish several events, to one channel or to many; each has its own result.</summary>
public sealed class PublishBatchCommand : ClientCommand
{
    /// <summary>In their order: a <see cref="PublishCommand"/> without a request id, or a <see cref="RejectedCommand"/> for an item that is no valid publish.</summary>
    public required IReadOnlyList<ClientCommand> Items { get; init; }
}

/// <summary>The dialect's own ping (not the WebSocket control frame).</summary>
public sealed class PingCommand : ClientCommand;

/// <summary>The client confirms an event; ends its redelivery.</summary>
public sealed class AckCommand : ClientCommand
{
    /// <summary>Position read from the <c>message_id</c>; null when the id is none of ours.</summary>
    public StreamPosition? Position { get; init; }
}

/// <summary>Authenticate the connection as an agent.</summary>
public sealed class AuthCommand : ClientCommand
{
    /// <summary>The agent's id; null when missing.</summary>
    public string? AgentId { get; init; }

    /// <summary>The session's id; null when missing.</summary>
    public string? SessionId { get; init; }

    /// <summary>The token; null when missing.</summary>
    public string? Token { get; init; }
}

/// <summary>Native: a newer token for the same user, agent or service; nothing else changes.</summary>
public sealed class RefreshCommand : ClientCommand
{
    /// <summary>The token; not empty.</summary>
    public required string Token { get; init; }
}

/// <summary>Native: who is on a channel.</summary>
public sealed class PresenceCommand : ClientCommand
{
    /// <summary>A valid channel name.</summary>
    public required string Channel { get; init; }
}

/// <summary>Native: stored events of a channel.</summary>
public sealed class HistoryCommand : ClientCommand
{
    /// <summary>A valid channel name.</summary>
    public required string Channel { get; init; }

    /// <summary>Events after this position; null = the newest ones.</summary>
    public StreamPosition? Since { get; init; }

    /// <summary>With <see cref="Since"/>: the last offset wanted; null = up to the newest.</summary>
    public long? Until { get; init; }

    /// <summary>Events accepted at this time or later, microseconds since 1970-01-01 UTC; null = not by time.</summary>
    public long? FromMicros { get; init; }

    /// <summary>The newest event of each key; with <see cref="Since"/> only those behind that position.</summary>
    public bool LastPerKey { get; init; }

    /// <summary>With <see cref="LastPerKey"/>: of this key only; null = of all.</summary>
    public string? Key { get; init; }

    /// <summary>At most this many events, at least 1.</summary>
    public int Limit { get; init; } = 100;
}

/// <summary><c>hooks</c>: <c>get_status</c>.</summary>
public sealed class HookStatusCommand : ClientCommand;

/// <summary><c>hooks</c>: <c>get_history</c>.</summary>
public sealed class HookHistoryCommand : ClientCommand
{
    /// <summary>Exact event types wanted; null = all.</summary>
    public IReadOnlyList<string>? EventTypes { get; init; }

    /// <summary>Newest so many; below 1 the answer is empty.</summary>
    public int Limit { get; init; } = 100;

    /// <summary>The client's last place: everything behind it is wanted, whatever the limit; null = it has none.</summary>
    public StreamPosition? Since { get; init; }
}

/// <summary><c>hooks</c>: <c>subscribe</c>, a filter on event types.</summary>
public sealed class HookFilterCommand : ClientCommand
{
    /// <summary>The patterns; <c>*</c> alone when the client named none.</summary>
    public required EventFilter Filter { get; init; }
}

/// <summary><c>hooks</c>: <c>register</c>, from now on only events of one session.</summary>
public sealed class HookRegisterCommand : ClientCommand
{
    /// <summary>The session; null = every event (missing or <c>"global"</c>).</summary>
    public string? SessionId { get; init; }
}

/// <summary><c>hooks</c>: an event of a hook sender, fire and forget.</summary>
public sealed class HookEventCommand : ClientCommand
{
    /// <summary>The <c>type</c>, e.g. <c>hook.user_prompt</c>.</summary>
    public required string Event { get; init; }

    /// <summary><c>data.session_id</c> when it is a non-empty string that fits a channel name, else null.</summary>
    public string? SessionId { get; init; }

    /// <summary>The JSON value of <c>data</c>: a slice of <see cref="Raw"/>; empty when missing.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The whole frame.</summary>
    public required ReadOnlyMemory<byte> Raw { get; init; }
}

/// <summary><c>webui</c>: begin a session.</summary>
public sealed class SessionCreateCommand : ClientCommand;

/// <summary><c>webui</c>: take part in a session.</summary>
public sealed class SessionJoinCommand : ClientCommand
{
    /// <summary>The session's id as the client wrote it; not necessarily one that exists.</summary>
    public required string SessionId { get; init; }
}

/// <summary><c>webui</c>: say something to the session and its agent.</summary>
public sealed class ChatCommand : ClientCommand
{
    /// <summary>The text, unescaped, for the agent.</summary>
    public required string Content { get; init; }

    /// <summary>The whole <c>data</c> object, verbatim, for the other participants.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }
}

/// <summary><c>webui</c>: the user types, or stopped typing.</summary>
public sealed class TypingCommand : ClientCommand
{
    /// <summary>The whole <c>data</c> object, verbatim.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }
}

/// <summary>A frame that is no valid request: the dialect's own error is sent back and the connection stays open.</summary>
public sealed class RejectedCommand : ClientCommand
{
    /// <summary>The kind of mistake.</summary>
    public required ErrorCode Code { get; init; }

    /// <summary>The text for the client.</summary>
    public required string Message { get; init; }

    /// <summary>More about it (webui's <c>details</c>); empty when there is nothing to add.</summary>
    public string Details { get; init; } = "";

    /// <summary>True when the mistake is in a request that would have been acked: the answer is a negative ack, and silence without an id.</summary>
    public bool IsAck { get; init; }
}
