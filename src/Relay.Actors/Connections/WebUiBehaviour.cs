using System.Runtime.InteropServices;
using Relay.Actors.Security;
using Relay.Actors.Sessions;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// <c>webui</c>: a user in a chat session (protocols.md, <c>webui</c>). The connection takes part in one session at a time; what is said there comes through
/// the session's channel.
/// </summary>
internal sealed class WebUiBehaviour(ConnectionCore core) : IClientBehaviour
{
    private string? _sessionId;
    private ChatCommand? _firstWords;
    private string? _asked;

    public void Start() => core.Send(new SystemMessage
    {
        TimestampMicros = core.Now,
        MessageId = core.Services.RandomBits(),
        Level = "info",
        Text = "Connected to ActorRelay",
    });

    public bool TryHandle(ClientCommand command)
    {
        switch (command)
        {
            case SessionCreateCommand when NewSession() is { } session:
                Ask(session, new CreateSession(core.Client.Subject));
                return true;
            case SessionJoinCommand join when ChannelName.TryBuild(ChannelName.Sessions, join.SessionId, out var joined) && MayHear(joined):
                Ask(join.SessionId, new JoinSession(core.Client.Subject));
                return true;
            case SessionCreateCommand:
            case SessionJoinCommand denied when ChannelName.TryBuild(ChannelName.Sessions, denied.SessionId, out _) || !core.Principal.MaySubscribe:
            case ChatCommand or TypingCommand when _sessionId is null ? !core.Principal.MayPublish : !core.May(ChannelRights.Publish, ChannelName.Session(_sessionId)):
                core.Error(ErrorCode.NotAuthorized, "These credentials do not allow it");
                return true;
            case SessionJoinCommand join:
                Missing(join.SessionId);
                return true;
            case ChatCommand chat when _sessionId is not null:
                Ask(_sessionId, new SayInSession(core.Client.Id, core.Client.Subject, chat.Content, chat.Data));
                return true;
            case ChatCommand chat when core.Services.Settings.AutoCreateSession && NewSession() is { } session && core.May(ChannelRights.Publish, ChannelName.Session(session)):
                _firstWords = chat;
                Ask(session, new CreateSession(core.Client.Subject));
                return true;
            case ChatCommand when core.Services.Settings.AutoCreateSession:
                core.Error(ErrorCode.NotAuthorized, "These credentials do not allow it");
                return true;
            case TypingCommand typing when _sessionId is not null:
                core.Tell(core.Services.Channels, ChannelName.Session(_sessionId), new TypeInSession(core.Client.Id, typing.Data));
                return true;
            case ChatCommand or TypingCommand:
                core.Error(ErrorCode.NoSession, "Create or join a session first");
                return true;
            default:
                return false;
        }
    }

    public bool TryReceive(object message)
    {
        switch (message)
        {
            case SessionJoined joined:
                core.IsBusy = false;
                Enter(joined);
                return true;
            case SessionMissing missing:
                // Typing is answered like this as well, and nothing waits for that: a question to another session may be open.
                core.IsBusy = core.IsBusy && missing.SessionId != _asked;
                Missing(missing.SessionId);
                return true;
            case SessionRefused refused:
                core.IsBusy = core.IsBusy && refused.SessionId != _asked;
                _firstWords = null;
                core.Error(ErrorCode.Unavailable, "The session cannot be stored or read now; try again", refused.Reason);
                return true;
            case ChatAccepted:
                core.IsBusy = false;
                return true;
            default:
                return false;
        }
    }

    public void Stop()
    {
        // The session goes on without this participant.
    }

    // A session begins with a name nobody knows; only who may use any session, or names none, may begin one.
    private string? NewSession()
    {
        var id = core.Services.RandomBits().ToString("x16") + core.Services.RandomBits().ToString("x16");
        return MayHear(ChannelName.Session(id)) ? id : null;
    }

    // Whoever joins is shown what was said before.
    private bool MayHear(string channel) => core.May(ChannelRights.Subscribe, channel) && core.May(ChannelRights.History, channel);

    private void Ask(string sessionId, object question)
    {
        _asked = sessionId;
        core.IsBusy = true;
        core.Tell(core.Services.Channels, ChannelName.Session(sessionId), question);
    }

    private void Missing(string sessionId) => core.Error(ErrorCode.SessionNotFound, "Session not found", sessionId);

    // Status, then the history, then (by resuming after the position they stand for) everything later: no gap and no repeat.
    private void Enter(SessionJoined joined)
    {
        var summary = joined.Summary;
        var frames = new List<ServerMessage>(joined.Messages.Count + joined.Endings.Count + 1)
        {
            new SessionStatusMessage
            {
                TimestampMicros = core.Now,
                MessageId = core.Services.RandomBits(),
                SessionId = summary.SessionId,
                Status = summary.Status,
                MessageCount = summary.MessageCount,
                CreatedMicros = summary.CreatedMicros,
                LastActivityMicros = summary.LastActivityMicros,
            },
        };
        foreach (var message in joined.Messages)
        {
            frames.Add(new SessionHistoryMessage { TimestampMicros = message.TimestampMicros, SessionId = summary.SessionId, Publication = message });
        }

        foreach (var ending in joined.Endings)
        {
            frames.Add(new SessionHistoryMessage { TimestampMicros = ending.TimestampMicros, SessionId = summary.SessionId, Publication = ending });
        }

        core.Client.Send(CollectionsMarshal.AsSpan(frames));
        if (_sessionId is not null)
        {
            core.Unsubscribe(ChannelName.Session(_sessionId), RequestId.None);
        }

        _sessionId = summary.SessionId;
        core.SubscribeSilently(ChannelName.Session(_sessionId), joined.Position);
        if (_firstWords is { } chat)
        {
            _firstWords = null;
            Ask(_sessionId, new SayInSession(core.Client.Id, core.Client.Subject, chat.Content, chat.Data));
        }
    }
}
