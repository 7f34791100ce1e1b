using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>
/// The conversation of one webui session: messages, open agent requests, last use. Plain data; the time comes in with every call. Owned by the
/// session's actor.
/// </summary>
internal sealed class ChatSession(string sessionId, long createdMicros, int maxMessages)
{
    /// <summary>Lines an agent is given; more context than any prompt uses, and a bound on the request's size.</summary>
    private const int AgentHistory = 50;

    private readonly long _createdMicros = createdMicros;
    private readonly List<Publication> _messages = [];
    private readonly List<(string Id, long AtMicros)> _open = [];

    public long LastActivityMicros { get; private set; } = createdMicros;

    /// <summary>User messages and agent answers, oldest first.</summary>
    public IReadOnlyList<Publication> Messages => _messages;

    /// <summary>Requests the agent has not answered.</summary>
    public int OpenRequests => _open.Count;

    public SessionSummary Summary => new(sessionId, "active", _messages.Count, _createdMicros, LastActivityMicros);

    public void Touch(long nowMicros) => LastActivityMicros = nowMicros;

    /// <summary>An event of the session's channel: stored if it belongs to the conversation. Returns the request it answers, if any.</summary>
    public string? Observe(Publication publication)
    {
        if (publication.Event is "chat_message" or "agent_response")
        {
            Store(publication);
        }

        return publication.Event is "agent_response" or "agent_error" ? Close(RequestOf(publication)) : null;
    }

    public void Open(string requestId, long nowMicros) => _open.Add((requestId, nowMicros));

    /// <summary>Ends one request; false when it had ended before.</summary>
    public bool TryClose(string requestId) => _open.RemoveAll(request => request.Id == requestId) > 0;

    public bool IsOpen(string requestId) => _open.Exists(request => request.Id == requestId);

    /// <summary>The newest lines before the one being answered, oldest first.</summary>
    public IReadOnlyList<ChatLine> History()
    {
        var lines = new List<ChatLine>();
        foreach (var message in _messages.TakeLast(AgentHistory))
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
        LastActivityMicros = publication.TimestampMicros;
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
