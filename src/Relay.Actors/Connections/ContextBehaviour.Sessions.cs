using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Security;
using Relay.Kernel;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <content>
/// Sessions of native clients: a new connection takes up what an earlier one was (protocols.md, <c>relay</c>, "Sessions").
/// <para>
/// In this order: get the session, from the store or from the connection that still has it; end this connection's own subscriptions, so that nothing comes
/// twice; ask every channel where it stands; answer; subscribe. What happens between the answer and a subscription is brought by the subscription itself,
/// which resumes as any other.
/// </para>
/// </content>
internal sealed partial class ContextBehaviour
{
    private const int RetryAfterMilliseconds = 200;

    private Resuming? _resuming;
    private bool _hasSubscribed;

    /// <inheritdoc/>
    public void SaveSession()
    {
        if (!IsNative)
        {
            return;
        }

        var record = core.Services.Registry.IsLeaving || core.Handover is { IsTaken: true } ? null
            : _resuming is { Record: { } taken } ? (_resuming.Old is null ? taken : null)
            : core.HasSubscriptions || _isAgent ? Record()
            : null;
        core.Services.Sessions.End(core.Client, record);
    }

    private bool TryHandleSession(object message)
    {
        switch (message)
        {
            case ResumeCommand resume:
                Resume(resume);
                return true;
            case SessionOffered offered when _resuming is { Record: null, Old: { } old } resuming && old.Actor == core.Context.Sender:
                resuming.Running = offered.Running;
                Begin(resuming, offered.Record);
                return true;
            case TakeOverRefused refused when _resuming is { Record: null, Old: { } old } && old.Actor == core.Context.Sender:
                core.Context.Unwatch(old.Actor);
                EndResuming(refused.Reason);
                return true;
            case Terminated terminated when _resuming is { Record: null, Old: { } old } resuming && old.Actor == terminated.ActorRef:
                // It ended by itself meanwhile, and left its session.
                resuming.Old = null;
                Find(resuming);
                return true;
            case SubscriptionEnded when _resuming is { } resuming:
                resuming.Owed--;
                TryAnswer(resuming);
                return true;
            case HistoryReply { Query.Tag: ResumingChannel channel } reply:
                Placed(channel, reply);
                return true;
            case SessionSearched searched when _resuming is { Record: null, Old: null }:
                Searched(_resuming, searched.Refusal);
                return true;
            case TakeOver takeOver:
                HandOver(takeOver);
                return true;
            case GiveUp giveUp:
                GiveUp(giveUp);
                return true;
            case SessionTaken when core.Handover is { Taker: { } taker } handover:
                handover.IsTaken = true;
                core.Context.Unwatch(taker.Actor);
                core.ForgetSubscriptions();
                StopIfDisconnected(handover);
                return true;
            case Terminated terminated when core.Handover is { IsTaken: false, Taker: { } taker } handover && taker.Actor == terminated.ActorRef:
                core.Handover = null;
                StopIfDisconnected(handover);
                return true;
            case SessionOffered or TakeOverRefused or SessionTaken or SessionSearched or Terminated or SubscriptionEnded:
                return true;
            default:
                return false;
        }
    }

    private SessionRecord Record() => new()
    {
        Session = core.Client.Session,
        Token = _token,
        ClientId = core.Client.ClientId,
        Subject = core.Principal.Subject,
        IsService = core.Principal.IsService,
        AgentId = core.AgentId,
        IsAgent = _isAgent,
        WasAnnounced = _announced,
        ChatSession = _sessionId,
        Subscriptions = [.. core.Subscriptions.Select(SessionSubscription.Of)],
    };

    private void Resume(ResumeCommand command)
    {
        if (IsNobody)
        {
            core.Refuse(command.RequestId, ErrorCode.NotAuthorized, "Not authorized to resume before authentication");
        }
        else if (_hasSubscribed)
        {
            core.Refuse(command.RequestId, ErrorCode.InvalidMessage, "A session is resumed once, before anything is subscribed");
        }
        else if (!MayExist(command.Session, out var session) || session == core.Client.Session)
        {
            core.Client.Traffic.Resumed(ErrorCodeName.Of(ErrorCode.SessionNotFound));
            NotFound(command.RequestId);
        }
        else
        {
            core.IsBusy = true;
            _resuming = new Resuming(command, session);
            Find(_resuming);
        }
    }

    // A connection leaves its session in the store before the registry forgets it: whoever finds it in neither looks once more.
    private void Find(Resuming resuming)
    {
        if (TryTake(resuming))
        {
            return;
        }

        if (LivingOwner(resuming.Session) is { } old)
        {
            resuming.Old = old;
            core.Context.Watch(old.Actor);
            old.Actor.Tell(new TakeOver(resuming.Session, resuming.Command.Session, core.Client, core.Principal, core.AgentId), core.Self);
        }
        else if (!TryTake(resuming))
        {
            FindElsewhere(resuming);
        }
    }

    private bool TryTake(Resuming resuming)
    {
        var isGenuine = true;
        var record = core.Services.Sessions.Take(
            resuming.Session,
            core.Client,
            record => (isGenuine = core.Services.Tokens.IsOf(resuming.Command.Session, record)) && record.MayBeTakenBy(core.Principal, core.AgentId),
            out var refused);
        if (refused)
        {
            EndResuming(isGenuine ? ErrorCode.NotAuthorized : ErrorCode.SessionNotFound);
        }
        else if (record is not null)
        {
            Begin(resuming, record);
        }

        return refused || record is not null;
    }

    private ClientConnection? LivingOwner(long session) =>
        core.Services.Sessions.OwnerOf(session)
        ?? (core.Services.Registry.Find(session) is { } first && first.Session == session ? first : null);

    private void Begin(Resuming resuming, SessionRecord record)
    {
        resuming.Record = record;
        _hasSubscribed = true;
        if (_announced)
        {
            // It was told under the id it had until now.
            Announce("agent.disconnected");
            _announced = false;
        }

        core.Client.Adopt(record.Session, record.ClientId);
        _token = record.Token;
        if (record.AgentId is { } agent)
        {
            core.AgentId = agent;
            core.Client.Identify(agent);
        }

        _isAgent |= record.IsAgent;
        core.IsAuthenticated |= record.IsAgent;
        _sessionId = record.ChatSession ?? _sessionId;
        resuming.Owed = core.EndSubscriptions();
        resuming.Channels = [.. record.Subscriptions.Select(subscription => new ResumingChannel(resuming, subscription, Refusal(subscription)))];
        foreach (var channel in resuming.Channels)
        {
            if (channel.Error is null && !channel.Subscription.IsPattern)
            {
                resuming.Owed++;
                Ask(channel);
            }
        }

        TryAnswer(resuming);
    }

    private ErrorCode? Refusal(SessionSubscription subscription) =>
        (subscription.IsPattern ? core.MayPattern(ChannelRights.Subscribe, subscription.Channel) : core.May(ChannelRights.Subscribe, subscription.Channel))
            ? null
            : ErrorCode.NotAuthorized;

    private void Ask(ResumingChannel channel)
    {
        var name = channel.Subscription.Channel;
        var query = channel.Resuming.Command.Positions.TryGetValue(name, out var since) && core.May(ChannelRights.History, name)
            ? new HistoryQuery { Tag = channel, Resume = since, Page = default(PageBounds) }
            : new HistoryQuery { Tag = channel, Limit = 1 };
        core.Tell(core.Services.Channels, name, query);
    }

    private void Placed(ResumingChannel channel, HistoryReply reply)
    {
        channel.Position = reply.Position;
        channel.Recovered = reply.Query.Resume is not null && reply.Complete;
        channel.Since = channel.Recovered ? reply.Query.Resume!.Value : reply.Position;
        channel.Resuming.Owed--;
        TryAnswer(channel.Resuming);
    }

    private void TryAnswer(Resuming resuming)
    {
        if (resuming.Owed > 0)
        {
            return;
        }

        _resuming = null;
        core.IsBusy = false;
        core.Client.Traffic.Resumed("resumed");
        core.Send(new ResumedMessage
        {
            TimestampMicros = core.Now,
            RequestId = resuming.Command.RequestId,
            Session = _token ?? core.Services.Tokens.Of(core.Client.Session),
            ClientId = core.Client.ClientId,
            Channels = [.. resuming.Channels.Select(static channel => channel.Result())],
        });
        foreach (var channel in resuming.Channels)
        {
            Subscribe(channel);
        }

        HearForced();
        _announced = resuming.Record!.WasAnnounced;
        if (resuming.Old is { } old)
        {
            core.Context.Unwatch(old.Actor);
            core.Services.Sessions.Own(core.Client.Session, core.Client);
            old.Actor.Tell(SessionTaken.Instance, core.Self);
        }
        else if (_announced)
        {
            core.WhenSubscribed(() => Announce("agent.connected"));
        }
    }

    private void Subscribe(ResumingChannel channel)
    {
        var wish = channel.Subscription;
        var running = channel.Resuming.Running.FirstOrDefault(old => old.Channel == wish.Channel && old.IsPattern == wish.IsPattern);
        if (channel.Error is null)
        {
            core.Subscribe(new Subscription(core.Client, wish.Channel)
            {
                IsPattern = wish.IsPattern,
                Presence = core.May(ChannelRights.Presence, wish.Channel) ? wish.Presence : PresenceWish.None,
                Filter = wish.Filter,
                Since = wish.IsPattern ? null : channel.Since,
                Replaces = running,
            });
        }
        else if (running is not null)
        {
            core.Tell(core.Services.Replicas, running.Entity, new RemoveSubscription(running, RequestId.None));
        }
    }

    private void EndResuming(ErrorCode reason)
    {
        var id = _resuming!.Command.RequestId;
        core.Client.Traffic.Resumed(ErrorCodeName.Of(reason));
        _resuming = null;
        core.IsBusy = false;
        switch (reason)
        {
            case ErrorCode.Unavailable:
                core.Refuse(id, reason, "The session is being handed over", RetryAfterMilliseconds);
                break;
            case ErrorCode.NotAuthorized:
                core.Refuse(id, reason, "Not authorized to resume this session: it belongs to other credentials");
                break;
            default:
                NotFound(id);
                break;
        }
    }

    private void NotFound(RequestId id) =>
        core.Refuse(id, ErrorCode.SessionNotFound, "Session not found, ended, or held by a newer connection: subscribe again, with since for what was missed");

    private void HandOver(TakeOver message)
    {
        var record = Record();

        // A resume that was written over an earlier connection may be read late, when its client has long come back over a later one.
        if (WhyNotGive(message.Session, message.Token, message.Taker.Id < core.Client.Id, record, message.Principal, message.AgentId) is { } reason)
        {
            core.Context.Sender.Tell(new TakeOverRefused(reason), core.Self);
            return;
        }

        core.Handover = new Handover(message.Taker);
        core.Context.Watch(message.Taker.Actor);
        core.Client.Close(CloseCode.Replaced, "Session resumed by another connection");
        core.Context.Sender.Tell(new SessionOffered(record, [.. core.Subscriptions]), core.Self);
    }

    private ErrorCode? WhyNotGive(long session, string token, bool isOlder, SessionRecord record, Principal principal, string? agentId) =>
        session != core.Client.Session || isOlder || !core.Services.Tokens.IsOf(token, record) ? ErrorCode.SessionNotFound
        : _resuming is not null || core.Handover is not null ? ErrorCode.Unavailable
        : !record.MayBeTakenBy(principal, agentId) ? ErrorCode.NotAuthorized
        : null;

    private void StopIfDisconnected(Handover handover)
    {
        if (handover.IsDisconnected)
        {
            core.Context.Stop(core.Self);
        }
    }

    /// <summary>A resume under way.</summary>
    private sealed class Resuming(ResumeCommand command, long session)
    {
        public ResumeCommand Command { get; } = command;

        public long Session { get; } = session;

        /// <summary>Other nodes were asked for it.</summary>
        public bool WasSearched { get; set; }

        /// <summary>The living connection it is taken from; null when it had ended.</summary>
        public ClientConnection? Old { get; set; }

        /// <summary>Null until it is ours.</summary>
        public SessionRecord? Record { get; set; }

        public IReadOnlyList<Subscription> Running { get; set; } = [];

        public IReadOnlyList<ResumingChannel> Channels { get; set; } = [];

        /// <summary>Answers that are still to come.</summary>
        public int Owed { get; set; }
    }

    private sealed class ResumingChannel(Resuming resuming, SessionSubscription subscription, ErrorCode? error)
    {
        public Resuming Resuming { get; } = resuming;

        public SessionSubscription Subscription { get; } = subscription;

        public ErrorCode? Error { get; } = error;

        public StreamPosition Position { get; set; }

        public bool Recovered { get; set; }

        /// <summary>Where the new subscription begins.</summary>
        public StreamPosition Since { get; set; }

        public ResumedChannel Result() => Error is null && !Subscription.IsPattern
            ? new ResumedChannel(Subscription.Channel, Position, Recovered)
            : new ResumedChannel(Subscription.Channel, Error: Error);
    }
}
