using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>Begins the session; answered with <see cref="SessionJoined"/> or <see cref="SessionRefused"/>.</summary>
/// <param name="UserId">Who, null when unknown.</param>
public sealed record CreateSession(string? UserId = null);

/// <summary>Takes part; answered with <see cref="SessionJoined"/>, <see cref="SessionMissing"/> or <see cref="SessionRefused"/>.</summary>
/// <param name="UserId">Who, null when unknown.</param>
public sealed record JoinSession(string? UserId = null);

/// <summary>The session as it stands; everything after <paramref name="Position"/> comes through its channel.</summary>
public sealed record SessionJoined(SessionSummary Summary, IReadOnlyList<Publication> Messages, StreamPosition Position)
{
    /// <summary>Of a durable session: what ended requests without an answer since the newest user message, for those who were away then. Oldest first.</summary>
    public IReadOnlyList<Publication> Endings { get; init; } = [];
}

/// <summary>The session is unknown or expired.</summary>
public sealed record SessionMissing(string SessionId);

/// <summary>The session's journal cannot do it now; trying again later may help.</summary>
/// <param name="SessionId">Which.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record SessionRefused(string SessionId, string Reason);

/// <summary>A participant says something; answered with <see cref="ChatAccepted"/>, <see cref="SessionMissing"/> or <see cref="SessionRefused"/>.</summary>
/// <param name="ConnectionId">The author's connection, which does not get it back; 0 = none.</param>
/// <param name="UserId">Who, null when unknown.</param>
/// <param name="Content">The text.</param>
/// <param name="Data">The JSON shown to the other participants.</param>
public sealed record SayInSession(long ConnectionId, string? UserId, string Content, ReadOnlyMemory<byte> Data);

/// <summary>The message is stored and handed to the agent.</summary>
public sealed record ChatAccepted(string SessionId, string RequestId, Publication Message);

/// <summary>A participant types; answered only with <see cref="SessionMissing"/>.</summary>
public sealed record TypeInSession(long ConnectionId, ReadOnlyMemory<byte> Data);

/// <summary>Ends a session; answered with <see cref="SessionDeleted"/>, <see cref="SessionMissing"/> or <see cref="SessionRefused"/>.</summary>
public sealed record DeleteSession;

/// <summary>
/// Makes the actor of a stored session live, so that it is listed, its requests end and its time runs; answered with <see cref="SessionWoken"/> or
/// <see cref="SessionRefused"/>.
/// </summary>
public sealed record WakeSession;

/// <summary>It lives, or there is no such session.</summary>
public sealed record SessionWoken;

/// <summary>The session is gone.</summary>
public sealed record SessionDeleted(string SessionId);

/// <summary>Waits for the answer to one request; answered with <see cref="AgentAnswered"/>, perhaps at once.</summary>
public sealed record AwaitAnswer(string RequestId);

/// <summary>What came of a request.</summary>
/// <param name="RequestId">Which.</param>
/// <param name="Answer">The <c>agent_response</c>, or the <c>error</c> that ended it; null when the session does not know the request.</param>
public sealed record AgentAnswered(string RequestId, Publication? Answer);

/// <summary>Figures of a session.</summary>
public sealed record SessionSummary(string SessionId, string Status, int MessageCount, long CreatedMicros, long LastActivityMicros);

/// <summary>One line of a conversation, for agents.</summary>
/// <param name="Role"><c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">The text.</param>
public sealed record ChatLine(string Role, string Content);

/// <summary>Work for an agent backend.</summary>
public sealed record AgentRequest(string RequestId, string SessionId, string? UserId, string Content, IReadOnlyList<ChatLine> History);
