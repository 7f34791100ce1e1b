using Relay.Actors.Agents;
using Relay.Actors.Channels;
using Relay.Actors.Explain;
using Relay.Actors.Fanout;
using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <summary>
/// <c>context</c> and its superset <c>relay</c>: subscribe, publish, agents (protocols.md, <c>context</c> and <c>relay</c>).
/// </summary>
internal sealed partial class ContextBehaviour(ConnectionCore core) : IClientBehaviour
{

    /// <summary>Payload bytes of one history answer.</summary>
    private const int MaxHistoryBytes = 1 << 20;

    private static readonly TimeSpan JsonPingTimeout = TimeSpan.FromSeconds(60);

    private long _lastJsonPing = core.Services.Time.GetTimestamp();
    private bool _announced;
    private RequestId _authRequest;
    private bool _isAgent;
    private string? _sessionId = core.Client.Request.SessionId;

    // Where everyone must sign in, a context client comes in without credentials to bring them in its auth message (protocols.md: 4002, the socket stays
    // open). Until then it is nobody: it hears nothing, says nothing, and its ?agent_id= proves nothing (guarantees.md 9).
    private bool IsNobody => core.IsNobody;

    private bool IsNative => core.Client.Dialect.Profile.IsNative;

    public void Start()
    {
        core.Send(new ConnectedMessage
        {
            TimestampMicros = core.Now,
            ClientId = core.Client.ClientId,
            Node = core.Services.Settings.NodeId,
            Session = IsNative ? core.Services.Tokens.Of(core.Client.Session) : "",
            PingIntervalMilliseconds = (long)core.Client.Dialect.Profile.PingInterval.TotalMilliseconds,
            MaxFrameBytes = core.Client.Dialect.Profile.MaxMessageBytes,
        });
        if (!IsNobody)
        {
            Hear("global");
            HearForced();
        }
    }

    public bool TryHandle(ClientCommand command)
    {
        switch (command)
        {
            case SubscribeCommand subscribe:
                Subscribe(subscribe);
                return true;
            case UnsubscribeCommand unsubscribe when core.Principal.Forced.Contains(unsubscribe.Channel, StringComparer.Ordinal):
                core.Refuse(command.RequestId, ErrorCode.NotAuthorized, "The token subscribes to this channel: it cannot be left");
                return true;
            case UnsubscribeCommand unsubscribe:
                _hasSubscribed = true;
                Remember(core.Find(unsubscribe.Channel)?.Entity ?? unsubscribe.Channel, subscribed: false);
                core.Unsubscribe(unsubscribe.Channel, unsubscribe.RequestId);
                return true;
            case PublishCommand publish when WhyNotPublish(publish) is { } reason:
                core.Refuse(publish.RequestId, ErrorCode.NotAuthorized, reason);
                return true;
            case PublishCommand publish:
                core.Publish(publish.Channel, BatchPublishes.ItemOf(publish));
                return true;
            case PublishBatchCommand batch:
                core.PublishAll(batch, WhyNotPublish);
                return true;
            case AckCommand { Position: { } position }:
                Acked(position);
                return true;
            case AckCommand:
                return true;
            case AuthCommand auth:
                Authenticate(auth);
                return true;
            case RefreshCommand refresh:
                Refresh(refresh);
                return true;
            case PingCommand:
                _lastJsonPing = core.Services.Time.GetTimestamp();
                return false;
            case PresenceCommand presence when !core.HasPresence(presence.Channel):
                core.Refuse(command.RequestId, ErrorCode.NotAuthorized, ConnectionCore.PresenceOff(presence.Channel));
                return true;
            case PresenceCommand presence when core.May(ChannelRights.Presence, presence.Channel):
                core.Tell(core.Services.Replicas, presence.Channel, new PresenceQuery(core.Client, presence.RequestId));
                return true;
            case HistoryCommand history when core.May(ChannelRights.History, history.Channel):
                core.IsBusy = true;
                core.Tell(core.Services.Channels, history.Channel, QueryOf(history));
                return true;
            case PresenceCommand or HistoryCommand:
                core.Refuse(command.RequestId, ErrorCode.NotAuthorized, "Not authorized to read this channel");
                return true;
            default:
                return TryHandleSession(command);
        }
    }

    public bool TryReceive(object message)
    {
        switch (message)
        {
            case LivenessTick:
                CheckLiveness();
                return true;
            case AgentAttached attached:
                foreach (var entity in attached.Entities)
                {
                    Restore(entity);
                }

                core.WhenSubscribed(Arrive);
                return true;
            case HistoryReply { Query.Tag: HistoryCommand command } reply:
                core.IsBusy = false;
                if (reply.Refusal is { } reason)
                {
                    core.RefuseForNow(command.RequestId, reason);
                    return true;
                }

                SendHistory(command, reply);
                return true;
            default:
                return TryHandleSession(message);
        }
    }

    public void Stop()
    {
        if (core.AgentId is not null && !IsNobody && core.Handover is not { IsTaken: true } && (_announced || core.Client.Request.AgentId is not null))
        {
            Announce("agent.disconnected");
        }
    }

    private void Hear(string channel)
    {
        if (core.May(ChannelRights.Subscribe, channel))
        {
            core.SubscribeSilently(channel);
        }
    }

    private void Subscribe(SubscribeCommand command)
    {
        if (WhyNot(command) is { } text)
        {
            core.Services.Deliveries.Happened(Happening.SubscribeRefused, core.Client.Id, command.Channel, default, 0, 0, core.Now, text);
            core.Refuse(command.RequestId, ErrorCode.NotAuthorized, text);
            return;
        }

        _hasSubscribed = true;
        var subscription = new Subscription(core.Client, command.Channel)
        {
            RequestId = command.RequestId,
            Since = command.Since,
            Last = command.Last,
            LastPerKey = command.LastPerKey,
            FromMicros = command.FromMicros,
            Presence = command.Presence,
            Filter = command.Filter,
            IsPattern = command.IsPattern,
        };
        if (!core.HasRoomFor(subscription))
        {
            core.Services.Limits.Reached(Limit.Subscriptions, LimitOutcome.Refused, core.Client.Subject ?? core.Client.Request.RemoteAddress);
            core.Refuse(
                command.RequestId,
                ErrorCode.ConnectionLimit,
                $"{Limit.Subscriptions.Sentence()}: at most {core.Services.Settings.MaxSubscriptionsPerConnection} per connection");
            return;
        }

        core.Subscribe(subscription);
        Remember(subscription.Entity, subscribed: true);
    }

    // An agent may come back through another dialect, and only the native ones know patterns.
    private void Restore(string entity)
    {
        if (PatternReplica.PatternOf(entity) is not { } pattern)
        {
            Hear(entity);
        }
        else if (IsNative && core.MayPattern(ChannelRights.Subscribe, pattern) && core.Find(pattern) is not { IsPattern: true })
        {
            core.Subscribe(new Subscription(core.Client, pattern) { IsPattern = true });
        }
    }

    private static HistoryQuery QueryOf(HistoryCommand command) => new()
    {
        Tag = command,
        After = command.Since,
        Until = command.Until,
        FromMicros = command.FromMicros,
        LastPerKey = command.LastPerKey,
        Key = command.Key,
        Limit = command.Limit,
        IsPage = true,
        MayBeRefused = true,
    };

    private void Acked(StreamPosition position)
    {
        foreach (var subscription in core.Subscriptions)
        {
            if (subscription.StartedAt.Epoch == position.Epoch)
            {
                core.Services.Deliveries.Acked(core.Client.Id, position, core.Now);
                core.Tell(core.Services.Replicas, subscription.Channel, new DeliveryAcked(subscription, position));
                return;
            }
        }
    }

    private void Authenticate(AuthCommand command)
    {
        var agent = command.AgentId;
        var wasNobody = IsNobody;
        if (!string.IsNullOrEmpty(command.Token))
        {
            if (core.Services.Authenticator.Verify(command.Token) is not { } principal)
            {
                core.Error(ErrorCode.InvalidToken, "Invalid or expired token");
                return;
            }

            if (IsNative && IsOthers(principal))
            {
                core.Error(ErrorCode.InvalidToken, AnothersToken);
                return;
            }

            if (core.Client.Request.Lease?.TryBecome(principal) == false)
            {
                core.Error(ErrorCode.ConnectionLimit, Limit.ConnectionsPerUser.Sentence());
                return;
            }

            agent = principal.Subject;
            core.IsAuthenticated = true;
            core.Principal = principal;
            LeaveForbidden();
        }
        else if (string.IsNullOrEmpty(agent))
        {
            core.Error(ErrorCode.MissingCredentials, "Missing token or agent_id");
            return;
        }
        else if (core.Services.Authenticator.IsRequired)
        {
            core.Error(ErrorCode.TokenRequired, "Token required in production mode");
            return;
        }

        if (!ChannelName.TryBuild(ChannelName.Agents, agent, out var ownChannel)
            || (!string.IsNullOrEmpty(command.SessionId) && !ChannelName.TryBuild(ChannelName.Sessions, command.SessionId, out _)))
        {
            core.Error(ErrorCode.MissingCredentials, "agent_id and session_id must be at most 247 bytes without control characters");
            return;
        }

        if (_announced && core.AgentId != agent)
        {
            Announce("agent.disconnected");
            _announced = false;
        }

        core.IsAuthenticated = true;
        _isAgent = true;
        core.AgentId = agent;
        core.Client.Identify(agent!);
        _sessionId = string.IsNullOrEmpty(command.SessionId) ? _sessionId : command.SessionId;
        _authRequest = command.RequestId;
        if (wasNobody)
        {
            Hear("global");
        }

        HearForced();
        Hear(ownChannel);
        if (ChannelName.TryBuild(ChannelName.Sessions, _sessionId, out var sessionChannel))
        {
            Hear(sessionChannel);
        }

        core.IsBusy = true;
        core.Tell(core.Services.Agents, agent!, new AgentAttach());
    }

    // Who reads the ack is subscribed, as in the single loop that was the original: what anyone publishes to it from now on reaches it. Then it hears its
    // own arrival.
    private void Arrive()
    {
        core.IsBusy = false;
        core.Ack(_authRequest);
        foreach (var subscription in core.Subscriptions)
        {
            if (subscription.Presence != PresenceWish.None)
            {
                core.Tell(core.Services.Replicas, subscription.Entity, new MemberChanged(subscription));
            }
        }

        Announce("agent.connected");
        _announced = true;
    }

    private void Announce(string eventName)
    {
        // Other nodes know who is connected here from this node, also when it dies: the event alone would count an agent for ever.
        core.Services.Figures?.CountAction(core.Now);
        core.Publish("global", new PublishItem
        {
            Event = eventName,
            Data = AgentJson.Announcement(core.AgentId!, core.Client.ClientId, _sessionId),
            IsCopy = core.Services.Figures is not null,
        });
        core.FlushPublishes();
    }

    private void Remember(string entity, bool subscribed)
    {
        if (_isAgent && core.AgentId is { } agent)
        {
            core.Tell(core.Services.Agents, agent, new AgentInterest(entity, subscribed));
        }
    }

    private void SendHistory(HistoryCommand command, HistoryReply reply) => core.Send(new HistoryMessage
    {
        TimestampMicros = core.Now,
        RequestId = command.RequestId,
        Channel = command.Channel,
        Position = reply.Position,
        Recovered = command.Since is null && command.FromMicros is null ? null : reply.Complete,
        Events = Page(reply.Events, oldestFirst: command.LastPerKey || command.Since is not null || command.FromMicros is not null),
    });

    // One answer is one frame. Who asked from a position goes on behind the last event it got; who asked for the newest gets the newest that fit.
    private static List<Publication> Page(List<Publication> events, bool oldestFirst)
    {
        var bytes = 0;
        for (var i = 0; i < events.Count; i++)
        {
            bytes += events[oldestFirst ? i : events.Count - 1 - i].Data.Length;
            if (bytes > MaxHistoryBytes && i > 0)
            {
                return oldestFirst ? events[..i] : events[^i..];
            }
        }

        return events;
    }

    // Native clients are kept alive by WebSocket pings, which browsers answer by themselves.
    private void CheckLiveness()
    {
        if (IsNative)
        {
            return;
        }

        if (core.Services.Time.GetElapsedTime(_lastJsonPing) >= JsonPingTimeout && !core.Client.IsPaced)
        {
            core.Client.Close(CloseCode.PingTimeout, "Ping timeout");
            return;
        }

        core.Send(new PingMessage { TimestampMicros = core.Now });
    }
}
