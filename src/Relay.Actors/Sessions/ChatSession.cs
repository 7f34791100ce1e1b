using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>
/// The conversation of one webui session: messages, open agent requests, who took part, last use. Plain data; the time comes in with every call. Owned by
/// the session's actor.
/// </summary>
internal sealed class ChatSession(string sessionId, long createdMicros, int maxMessages)
{
    /// <summary>Lines an agent is given; more context than any prompt uses, and a bound on the request's size.</summary>
    private const int AgentHistory = 50;

    /// <summary>Known participants kept: a bound, beyond any conversation.</summary>
    private const int MaxParticipants = 64;

    private readonly long _createdMicros = createdMicros;
    private readonly List<Publication> _messages = [];
    private readonly List<OpenRequest> _open = [];
    private readonly List<Publication> _endings = [];
    private readonly List<string> _participants = [];

    /// <summary>A session that was stored.</summary>
    public ChatSession(string sessionId, SessionFacts facts, int maxMessages)
        : this(sessionId, facts.CreatedMicros, maxMessages)
    {
        LastActivityMicros = facts.LastActivityMicros;
        _participants.AddRange(facts.Participants.Take(MaxParticipants));
    }

    public long LastActivityMicros { get; private set; } = createdMicros;

    /// <summary>User messages and agent answers, oldest first.</summary>
    public IReadOnlyList<Publication> Messages => _messages;

    /// <summary>Events that ended a request without an answer, since the newest user message: what somebody who was away has to know. Oldest first.</summary>
    public IReadOnlyList<Publication> Endings => _endings;

    /// <summary>Requests the agent has not answered.</summary>
    public int OpenRequests => _open.Count;

    /// <summary>Those, the oldest first.</summary>
    public IReadOnlyList<OpenRequest> Open => _open;

    /// <summary>What is stored besides the events: see <see cref="SessionFacts"/>.</summary>
    public SessionFacts Facts => new(_createdMicros, LastActivityMicros, [.. _participants]);

    public SessionSummary Summary => new(sessionId, "active", _messages.Count, _createdMicros, LastActivityMicros);

    public void Touch(long nowMicros) => LastActivityMicros = nowMicros;

    /// <summary>Somebody takes part; true when that was not known before.</summary>
    public bool Admit(string? userId)
    {
        if (string.IsNullOrEmpty(userId) || _participants.Count == MaxParticipants || _participants.Contains(userId, StringComparer.Ordinal))
        {
            return false;
        }

        _participants.Add(userId);
        return true;
    }

    /// <summary>An event of the session's channel: stored if it belongs to the conversation. Returns the request it answers, if any.</summary>
    public string? Observe(Publication publication)
    {
        if (publication.Event is "chat_message" or "agent_response")
        {
            Store(publication);
        }

        var closed = publication.Event is "agent_response" or "agent_error" ? Close(RequestOf(publication)) : null;
        if (closed is not null && publication.Event == "agent_error")
        {
            _endings.Add(publication);
        }

        return closed;
    }

    /// <summary>A request is under way.</summary>
    /// <param name="requestId">Its id.</param>
    /// <param name="nowMicros">When it was made.</param>
    /// <param name="userId">By whom, null when unknown.</param>
    /// <param name="offset">Of the message it is about.</param>
    public void Begin(string requestId, long nowMicros, string? userId = null, long offset = 0) => _open.Add(new OpenRequest(requestId, nowMicros, userId, offset));

    /// <summary>Ends one request; false when it had ended before.</summary>
    /// <param name="requestId">Which.</param>
    /// <param name="ending">The event that ends it.</param>
    public bool TryClose(string requestId, Publication? ending = null)
    {
        var closed = _open.RemoveAll(request => request.Id == requestId) > 0;
        if (closed && ending is not null)
        {
            _endings.Add(ending);
        }

        return closed;
    }

    /// <summary>The kept event that answered a request or ended it; null when there is none.</summary>
    public Publication? AnswerTo(string requestId) =>
        _messages.FindLast(message => message.Event == "agent_response" && RequestOf(message) == requestId)
        ?? _endings.FindLast(ending => RequestOf(ending) == requestId || EventData.Text(ending.Data.Span, "details") == requestId);

    public bool IsOpen(string requestId) => _open.Exists(request => request.Id == requestId);

    /// <summary>An open request as it was handed to the agent; null when its message is not kept any more.</summary>
    public AgentRequest? Request(OpenRequest open) =>
        _messages.Find(message => message.Position.Offset == open.Offset) is { } question
            ? new AgentRequest(open.Id, sessionId, open.UserId, EventData.Text(question.Data.Span, "content") ?? "", History(open.Offset))
            : null;

    /// <summary>The newest lines, all of them or those before <paramref name="offset"/>, oldest first.</summary>
    public IReadOnlyList<ChatLine> History(long offset = long.MaxValue)
    {
        var lines = new List<ChatLine>();
        foreach (var message in _messages.Where(message => message.Position.Offset < offset).TakeLast(AgentHistory))
        {
            lines.Add(new ChatLine(message.Event == "chat_message" ? "user" : "assistant", EventData.Text(message.Data.Span, "content") ?? ""));
        }

        return lines;
    }

    private void Store(Publication publication)
    {
        if (_messages.Count == maxMessages)
        {
            _messages.RemoveAt(0);
        }

        _messages.Add(publication);
        LastActivityMicros = Math.Max(LastActivityMicros, publication.TimestampMicros);
        if (publication.Event == "chat_message")
        {
            _endings.Clear();
        }
    }

    private static string? RequestOf(Publication publication) => EventData.Text(publication.Data.Span, "request_id");

    // An answer that names no request ends the oldest one: agents answer in order.
    private string? Close(string? requestId)
    {
        var index = requestId is null ? (_open.Count > 0 ? 0 : -1) : _open.FindIndex(request => request.Id == requestId);
        if (index < 0)
        {
            return null;
        }

        var id = _open[index].Id;
        _open.RemoveAt(index);
        return id;
    }
}

/// <summary>A request the agent has not answered.</summary>
/// <param name="Id">Its id.</param>
/// <param name="AtMicros">When it was made, microseconds since 1970-01-01 UTC.</param>
/// <param name="UserId">By whom, null when unknown.</param>
/// <param name="Offset">Of the message it is about.</param>
internal readonly record struct OpenRequest(string Id, long AtMicros, string? UserId, long Offset);
