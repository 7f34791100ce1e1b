using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>
/// What a durable session does besides. Its stream holds the channel's events; what belongs to the conversation stays there beyond the channel's history, because
/// it is stored under keys of its own, and a message says in its own record which request it begins. That there is a session, since when and whose, is
/// the stream's snapshot. So a message and its request, or an answer and its request's end, are stored together or not at all, and removing the stream removes
/// everything.
/// <para>
/// looking -> idle (no session, stream not opened) | opening -> running; running -> creating -> running; running -> ending -> idle.
/// </para>
/// </summary>
public sealed partial class SessionActor : IChannelOwner
{
    /// <summary>Questions kept while the stream is read; further ones are refused.</summary>
    private const int MaxStashed = 1000;

    /// <summary>What could not be written now is tried again after this.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    /// <summary>After a restart every open request gets at least so long, or what an agent gets at all: answers may be waiting outside.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    // Null in memory.
    private readonly StoredSession? _stored;
    private readonly Dictionary<long, Asked> _asked = [];
    private readonly Dictionary<long, string> _ended = [];
    private Phase _phase;
    private StreamPosition _observed;

    // What the event being published is to the session.
    private ChatNote _note;
    private ChatSession? _created;
    private IActorRef? _asker;
    private bool _removing;

    private enum Phase
    {
        Looking,
        Idle,
        Opening,
        Running,
        Creating,
        Ending,
    }

    JournalRecord IChannelOwner.RecordOf(Publication publication, string scope)
    {
        var isConversation = _note.Kind != ChatNoteKind.None || (_chat is not null && publication.Event is "chat_message" or "agent_response" or "agent_error");
        return isConversation || publication.Key is not null
            ? PublicationRecord.Write(publication, scope, isConversation ? publication.Position.Offset.ToString("x") : null, _note.ToBytes())
            : PublicationRecord.Write(publication, scope);
    }

    void IChannelOwner.Recovered(JournalRecovered recovered)
    {
        var position = _core.Position;
        if (_phase == Phase.Opening)
        {
            _phase = Phase.Running;
            if (recovered.Snapshot is { } snapshot)
            {
                Continue(snapshot, recovered.Recovery.LastValues, position);
            }
        }
        else if (_chat is not null)
        {
            CatchUp(recovered.Recovery.LastValues, position);
        }

        _observed = position;
    }

    void IChannelOwner.Unreachable(string reason)
    {
        foreach (var (offset, asked) in _asked.ToList())
        {
            // It may be stored all the same: then it is shown and handed to the agent once that is known.
            Refuse(asked.Asker, reason);
            _asked[offset] = asked with { Asker = ActorRefs.Nobody };
        }
    }

    private bool TryHandleDurable(object message)
    {
        switch (message)
        {
            case SessionSeen seen:
                Seen(seen);
                return true;
            case SessionSaved saved:
                Saved(saved);
                return true;
            case JournalRemoved removed:
                Removed(removed.Failure);
                return true;
            case PublishBatch or ReplicaJoin or HistoryQuery:
                return TryPutAside(message);
            case CreateSession or JoinSession or SayInSession or TypeInSession or DeleteSession or WakeSession or AwaitAnswer:
                return TryDefer(message);
            default:
                return false;
        }
    }

    // A channel's messages. While the stream is read they are the channel's own business.
    private bool TryPutAside(object message)
    {
        switch (_phase)
        {
            case Phase.Looking or Phase.Idle:
                Open();
                return false;
            case Phase.Ending when message is PublishBatch batch && Context.Stash.Count >= MaxStashed:
                _core.Refuse(batch, "The session is ending");
                return true;
            case Phase.Ending:
                Context.Stash.Stash();
                return true;
            default:
                return false;
        }
    }

    // Questions to the session: true when it is not for now.
    private bool TryDefer(object message)
    {
        switch (_phase)
        {
            case Phase.Running when _core.Refusal is { } illness && message is CreateSession or SayInSession or DeleteSession && (_chat is not null || message is CreateSession):
                Refuse(Sender, illness);
                return true;
            case Phase.Running:
                return false;
            case Phase.Idle when message is not CreateSession:
                return false;
            case Phase.Idle:
                Open();
                break;
        }

        if (_core.Refusal is { } reason || Context.Stash.Count >= MaxStashed)
        {
            TurnAway(message, _core.Refusal ?? "The session is starting");
        }
        else
        {
            Context.Stash.Stash();
        }

        return true;
    }

    private void TurnAway(object message, string reason)
    {
        if (message is AwaitAnswer awaited)
        {
            Sender.Tell(new AgentAnswered(awaited.RequestId, null), Self);
        }
        else if (message is not TypeInSession)
        {
            Refuse(Sender, reason);
        }
    }

    private void Refuse(IActorRef asker, string reason) => asker.Tell(new SessionRefused(_sessionId, reason), Self);

    private void Seen(SessionSeen seen)
    {
        if (_stored!.IsOurs(seen.Owner) && _phase == Phase.Looking)
        {
            if (seen.IsThere)
            {
                Open();
            }
            else
            {
                _phase = Phase.Idle;
                Context.Stash.UnstashAll();
            }
        }
    }

    private void Open()
    {
        _phase = Phase.Opening;
        _core.Start();
    }

    // The stored session goes on in this process.
    private void Continue(Snapshot snapshot, JournalRecord[] conversation, StreamPosition position)
    {
        var facts = SessionFacts.FromJson(snapshot.Payload) ?? new SessionFacts(snapshot.TimeMicros, snapshot.TimeMicros, []);
        _chat = new ChatSession(_sessionId, facts, Settings.SessionMessages);
        _stored!.Kept(facts.LastActivityMicros);
        foreach (var record in conversation)
        {
            Replay(PublicationRecord.Read(_core.Channel, position.Epoch, record, out var note), ChatNote.Read(note.Span));
        }

        var left = Settings.SessionTtl - TimeSpan.FromMicroseconds(Now - _chat.LastActivityMicros);
        if (left <= TimeSpan.Zero)
        {
            BeginEnd(asker: null);
            return;
        }

        _services.Directory.Set(_chat.Summary);
        Context.Timers.StartSingle(ExpiryTimer, ExpiryDue.Instance, left);
        foreach (var open in _chat.Open.ToList())
        {
            GoOn(open);
        }
    }

    private void Replay(Publication publication, ChatNote note)
    {
        _chat!.Observe(publication);
        switch (note.Kind)
        {
            case ChatNoteKind.Asks:
                _chat.Begin(note.RequestId, publication.TimestampMicros, note.UserId, publication.Position.Offset);
                _chat.Admit(note.UserId);
                break;
            case ChatNoteKind.Ends:
                _chat.TryClose(note.RequestId, publication);
                break;
        }
    }

    // A request that was under way when the process before this one ended.
    private void GoOn(OpenRequest open)
    {
        var left = TimeSpan.FromMicroseconds(open.AtMicros - Now) + Settings.AgentTimeout;
        var least = Settings.AgentTimeout < Grace ? Settings.AgentTimeout : Grace;
        if (_services.AsksAgain && _chat!.Request(open) is { } request)
        {
            left = Settings.AgentTimeout;
            _services.Agent.Tell(request, Self);
        }

        Context.Timers.StartSingle(open.Id, new AnswerDue(open.Id), left > least ? left : least);
    }

    // Behind a write whose fate was not known, or a store that lost its memory: the conversation known here is the newer one.
    private void CatchUp(JournalRecord[] conversation, StreamPosition position)
    {
        if (position.Epoch == _observed.Epoch)
        {
            foreach (var record in conversation.Where(record => record.Offset > _observed.Offset))
            {
                ((IChannelOwner)this).Observe(PublicationRecord.Read(_core.Channel, position.Epoch, record));
            }
        }
        else
        {
            _stored!.Save(_chat!.Facts, position.Epoch, Now, isNew: false);
        }

        foreach (var asked in _asked.Values)
        {
            Refuse(asked.Asker, "It could not be stored");
        }

        foreach (var requestId in _ended.Values)
        {
            Context.Timers.StartSingle(requestId, new AnswerDue(requestId), RetryPause);
        }

        _asked.Clear();
        _ended.Clear();
    }

    private void Create(CreateSession create)
    {
        _created = new ChatSession(_sessionId, Now, Settings.SessionMessages);
        _created.Admit(create.UserId);
        _asker = Sender;
        _phase = Phase.Creating;
        _stored!.Save(_created.Facts, _core.Position.Epoch, Now, isNew: true);
    }

    private void Saved(SessionSaved saved)
    {
        if (!_stored!.IsOurs(saved.Owner))
        {
            return;
        }

        if (saved.Failure is not null)
        {
            _stored.NotKept();
        }

        if (!saved.IsNew || _phase != Phase.Creating)
        {
            return;
        }

        var asker = _asker!;
        (_asker, _phase) = (null, Phase.Running);
        if (saved.Failure is { } reason)
        {
            Refuse(asker, reason);
        }
        else
        {
            _chat = _created;
            Touch();
            _core.Flush();
            asker.Tell(Joined(), Self);
        }

        _created = null;
        Context.Stash.UnstashAll();
    }

    // admit, store; the rest when it is stored
    private void SayDurably(SayInSession say)
    {
        var asked = new Asked(NewRequestId(), say, Sender);
        _note = new ChatNote(ChatNoteKind.Asks, asked.RequestId, say.UserId);
        var message = _core.Publish(MessageOf(say));
        _note = default;
        _asked.Add(message.Position.Offset, asked);
    }

    private void TimeOutDurably(string requestId)
    {
        if (_chat?.IsOpen(requestId) != true || _ended.ContainsValue(requestId))
        {
            return;
        }

        if (_phase != Phase.Running || _core.Refusal is not null)
        {
            Context.Timers.StartSingle(requestId, new AnswerDue(requestId), RetryPause);
            return;
        }

        _note = new ChatNote(ChatNoteKind.Ends, requestId);
        var ending = _core.Publish(TimeoutOf(requestId));
        _note = default;
        _ended.Add(ending.Position.Offset, requestId);
    }

    // An event is stored; true when it is one of the session's own.
    private bool TryObserveOwn(Publication publication)
    {
        var offset = publication.Position.Offset;
        if (publication.IsTransient)
        {
            return true;
        }

        _observed = publication.Position;
        if (_asked.Remove(offset, out var asked))
        {
            var history = _chat!.History();
            _chat.Observe(publication);
            Touch(asked.Say.UserId);
            Ask(new AgentRequest(asked.RequestId, _sessionId, asked.Say.UserId, asked.Say.Content, history), publication);
            asked.Asker.Tell(new ChatAccepted(_sessionId, asked.RequestId, publication), Self);
            return true;
        }

        if (_ended.Remove(offset, out var ended))
        {
            if (_chat!.TryClose(ended, publication))
            {
                Settle(ended, publication);
            }

            return true;
        }

        return false;
    }

    /// <summary>A message that is on its way to the journal.</summary>
    private sealed record Asked(string RequestId, SayInSession Say, IActorRef Asker);
}
