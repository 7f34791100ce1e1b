using Relay.Actors.Agents;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>What every session's actor is given besides what channels get.</summary>
/// <param name="Channel">What channels get.</param>
/// <param name="Agent">The agent backend; told <see cref="AgentRequest"/>s.</param>
/// <param name="Directory">Sessions of this node, for <c>/api/sessions</c> and the key figures.</param>
/// <param name="NewId">Random bits for request ids.</param>
public sealed record SessionServices(ChannelServices Channel, IActorRef Agent, SessionDirectory Directory, Func<ulong> NewId)
{
    /// <summary>
    /// True when the agent may be asked the same again after a restart: nothing happens by its being asked. Agents outside may act on what they are asked, and their
    /// answer may be on its way; for those a request that was under way ends in its answer or in <c>TIMEOUT</c>.
    /// </summary>
    public bool AsksAgain { get; init; }
}

/// <summary>
/// Channel <c>sessions/{id}</c> with more behaviour: a webui conversation (protocols.md, <c>webui</c>). Without one it is a plain channel, as hook
/// senders and workers use it.
/// <para>
/// What is said is published on the session's own channel, so participants of every dialect get it in one order, and an agent answers simply by
/// publishing <c>agent_response</c> there, whichever way it comes (echo, Redis, HTTP).
/// </para>
/// <para>Where its namespace is durable, the other part of this class keeps the conversation in the channel's stream.</para>
/// </summary>
public sealed partial class SessionActor : ActorBase, IBatchReceiver
{
    private const string ExpiryTimer = "expiry";

    /// <summary>Answers kept for callers that have not asked yet.</summary>
    private const int MaxSettled = 64;

    private readonly string _sessionId;
    private readonly SessionServices _services;
    private readonly ChannelCore _core;
    private readonly ChannelRest _rest;
    private readonly Dictionary<string, IActorRef> _awaiting = new(StringComparer.Ordinal);
    private readonly Queue<AgentAnswered> _settled = new();
    private ChatSession? _chat;

    /// <summary>Wakes channel <paramref name="channel"/>, <c>sessions/{id}</c>.</summary>
    public SessionActor(string channel, SessionServices services)
    {
        _sessionId = ChannelName.Id(channel).ToString();
        _services = services;
        _core = new ChannelCore(channel, services.Channel, Context, this);
        _rest = new ChannelRest(_core, Context);
        _stored = _core.IsDurable ? new StoredSession(channel, services.Channel, Context) : null;
        _phase = _core.IsDurable ? Phase.Looking : Phase.Running;
    }

    private RelaySettings Settings => _services.Channel.Settings;

    private long Now => _services.Channel.Time.NowMicros();

    /// <inheritdoc/>
    protected override void PreStart()
    {
        _core.CountLive(1);
        _rest.Begin();
        _stored?.Look();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (_rest.TryTurnAway(message))
        {
            return;
        }

        if (message is ShardLost)
        {
            LeaveBehind();
        }

        if (_rest.IsPassivating && message is (ReplicaJoin or CreateSession))
        {
            // A life that begins now would end at once. Everything else is still answered here, in its order.
            Context.Parent.Tell(new ShardEnvelope(_core.Channel, message), Sender);
            return;
        }

        if ((_stored is not null && TryHandleDurable(message)) || _core.TryHandle(message) || _rest.TryHandle(message, mayRest: _chat is null && _asker is null))
        {
            return;
        }

        switch (message)
        {
            case CreateSession create when _chat is null && _stored is not null:
                Create(create);
                break;
            case CreateSession create:
                _chat ??= new ChatSession(_sessionId, Now, Settings.SessionMessages);
                Touch(create.UserId);
                Answer(Joined());
                break;
            case JoinSession join when _chat is not null:
                Touch(join.UserId);
                Answer(Joined());
                break;
            case SayInSession say when _chat is not null && _stored is not null:
                SayDurably(say);
                break;
            case SayInSession say when _chat is not null:
                Say(say);
                break;
            case TypeInSession typing when _chat is not null:
                Touch();
                _core.Publish(new PublishItem { Event = "typing", Data = typing.Data, ExcludedConnection = typing.ConnectionId, Transient = true });
                break;
            case DeleteSession when _chat is not null && _stored is not null:
                BeginEnd(Sender);
                break;
            case DeleteSession when _chat is not null:
                End();
                Answer(new SessionDeleted(_sessionId));
                break;
            case JoinSession or SayInSession or TypeInSession or DeleteSession:
                Answer(new SessionMissing(_sessionId));
                break;
            case AwaitAnswer awaited:
                Await(awaited.RequestId);
                break;
            case AnswerDue due:
                TimeOut(due.RequestId);
                break;
            case ExpiryDue when _stored is not null:
                BeginEnd(asker: null);
                break;
            case ExpiryDue:
                End();
                break;
            case WakeSession:
                Sender.Tell(new SessionWoken(), Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted()
    {
        _core.CompleteTurn();
        TryEnd();
        _rest.CompleteTurn(mayGo: _asker is null);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        _core.CountLive(-1);
        _core.Save();
        _services.Directory.Remove(_sessionId);
        PassOnAwaiting();
    }

    private void Answer(object message)
    {
        // Who joins gets everything up to the answer's position with it and the rest through the channel.
        _core.Flush();
        Sender.Tell(message, Self);
    }

    private SessionJoined Joined() => new(_chat!.Summary, [.. _chat.Messages], _core.Position) { Endings = _stored is null ? [] : [.. _chat.Endings] };

    private void Touch(string? userId = null)
    {
        var now = Now;
        var isNew = _chat!.Admit(userId);
        _chat.Touch(now);
        _services.Directory.Set(_chat.Summary);
        Context.Timers.StartSingle(ExpiryTimer, ExpiryDue.Instance, Settings.SessionTtl);
        _stored?.Keep(_chat.Facts, _core.Position.Epoch, now, isNew);
    }

    // admit, store, show to the others, hand to the agent
    private void Say(SayInSession say)
    {
        var history = _chat!.History();
        var message = _core.Publish(MessageOf(say));
        Touch();
        var request = new AgentRequest(NewRequestId(), _sessionId, say.UserId, say.Content, history);
        Ask(request, message);
        Answer(new ChatAccepted(_sessionId, request.RequestId, message));
    }

    private string NewRequestId() => _services.NewId().ToString("x16");

    private static PublishItem MessageOf(SayInSession say) => new() { Event = "chat_message", Data = say.Data, ExcludedConnection = say.ConnectionId };

    private static PublishItem TimeoutOf(string requestId) =>
        new() { Event = "error", Data = AgentJson.Error("TIMEOUT", "The agent did not answer in time", requestId) };

    private void Ask(AgentRequest request, Publication message)
    {
        _chat!.Begin(request.RequestId, Now, request.UserId, message.Position.Offset);
        Context.Timers.StartSingle(request.RequestId, new AnswerDue(request.RequestId), Settings.AgentTimeout);
        _services.Agent.Tell(request, Self);
    }

    void IChannelOwner.Observe(Publication publication)
    {
        if (_chat is null || (_stored is not null && TryObserveOwn(publication)))
        {
            return;
        }

        if (_chat.Observe(publication) is { } answered)
        {
            Context.Timers.Cancel(answered);
            Settle(answered, publication);
            Touch();
        }
    }

    private void Await(string requestId)
    {
        if (_chat?.IsOpen(requestId) == true)
        {
            _awaiting[requestId] = Sender;
            return;
        }

        var answer = _settled.LastOrDefault(settled => settled.RequestId == requestId) ?? new AgentAnswered(requestId, _chat?.AnswerTo(requestId));
        Sender.Tell(answer, Self);
    }

    private void Settle(string requestId, Publication answer)
    {
        var answered = new AgentAnswered(requestId, answer);
        if (_awaiting.Remove(requestId, out var waiting))
        {
            waiting.Tell(answered, Self);
            return;
        }

        // Who asks for it may come only now: the agent can be faster than the caller.
        _settled.Enqueue(answered);
        if (_settled.Count > MaxSettled)
        {
            _settled.Dequeue();
        }
    }

    private void TimeOut(string requestId)
    {
        if (_stored is not null)
        {
            TimeOutDurably(requestId);
        }
        else if (_chat?.TryClose(requestId) == true)
        {
            Settle(requestId, _core.Publish(TimeoutOf(requestId)));
        }
    }

    private void End()
    {
        _chat = null;
        _awaiting.Clear();
        _settled.Clear();
        Context.Timers.CancelAll();
        _services.Directory.Remove(_sessionId);
    }

    private sealed record AnswerDue(string RequestId);

    private sealed class ExpiryDue
    {
        public static ExpiryDue Instance { get; } = new();
    }
}
