using Relay.Actors.Channels;
using Relay.Actors.Hooks;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// <c>hooks</c>: senders and watchers of hook events on one kind of socket (protocols.md, <c>hooks</c>). A watcher hears channel <c>hooks</c>, or, once
/// registered for a session, that session's channel instead.
/// </summary>
internal sealed class HooksBehaviour(ConnectionCore core) : IClientBehaviour
{
    private const string AllEvents = "hooks";
    private string _channel = AllEvents;
    private EventFilter? _filter;

    public void Start()
    {
        // The status is the first frame a client sees, so nothing is subscribed before it is written.
        AskStatus();
        core.IsBusy = true;
    }

    public bool TryHandle(ClientCommand command)
    {
        switch (command)
        {
            case HookEventCommand when !core.May(ChannelRights.Publish, AllEvents):
                return true;
            case HookEventCommand hookEvent:
                Publish(hookEvent);
                return true;
            case HookStatusCommand:
                AskStatus();
                core.IsBusy = true;
                return true;
            case HookHistoryCommand { Since: { } since } history when core.May(ChannelRights.History, AllEvents):
                core.IsBusy = true;
                core.Tell(
                    core.Services.Channels, AllEvents, new HistoryQuery { Tag = this, After = since, Limit = int.MaxValue, Names = history.EventTypes });
                return true;
            case HookHistoryCommand history when history.Limit < 1 || !core.May(ChannelRights.History, AllEvents):
                core.Send(new HookHistoryMessage { TimestampMicros = core.Now, Events = [] });
                return true;
            case HookHistoryCommand history:
                core.IsBusy = true;
                core.Tell(core.Services.Channels, AllEvents, new HistoryQuery { Tag = this, Limit = history.Limit, Names = history.EventTypes });
                return true;
            case HookFilterCommand filter:
                SetFilter(filter.Filter);
                return true;
            case HookRegisterCommand register:
                Listen(register.SessionId is { } session ? ChannelName.Session(session) : AllEvents);
                return true;
            default:
                return false;
        }
    }

    public bool TryReceive(object message)
    {
        switch (message)
        {
            case HookStatusMessage status:
                core.IsBusy = false;
                core.Send(status);
                if (core.May(ChannelRights.Subscribe, _channel) && core.Find(_channel) is null)
                {
                    core.SubscribeSilently(_channel, filter: _filter);
                }

                return true;
            case HistoryReply { Query: { Tag: HooksBehaviour, After: not null } } reply:
                core.IsBusy = false;
                core.Send(new HookHistoryMessage
                {
                    TimestampMicros = core.Now,
                    Events = reply.Query.Names is { } names ? reply.Events.FindAll(one => names.Contains(one.Event, StringComparer.Ordinal)) : reply.Events,
                    Position = reply.Position,
                    Recovered = reply.Complete,
                });
                return true;
            case HistoryReply { Query.Tag: HooksBehaviour } reply:
                core.IsBusy = false;
                core.Send(new HookHistoryMessage { TimestampMicros = core.Now, Events = reply.Events });
                return true;
            default:
                return false;
        }
    }

    public void Stop()
    {
        // Senders come and go; nobody is told.
    }

    private void AskStatus() => core.Services.HookMonitor.Tell(new HookStatusQuery(core.Services.CountOf(DialectKind.Hooks)), core.Self);

    // One event, two audiences: the watchers of everything and those of its session. It is stored and counted in channel hooks.
    private void Publish(HookEventCommand command)
    {
        var item = new PublishItem
        {
            Event = command.Event,
            Data = command.Data,
            Raw = command.Raw,
            RawFormat = RawFormat.Hooks,
            ExcludedConnection = core.Client.Id,
        };
        core.Publish(AllEvents, item);
        if (command.SessionId is { } session && ChannelName.Session(session) is var channel && core.May(ChannelRights.Publish, channel))
        {
            core.Publish(channel, item with { IsCopy = true });
        }
    }

    private void SetFilter(EventFilter filter)
    {
        _filter = filter;
        if (core.Find(_channel) is { } subscription)
        {
            subscription.Filter = filter;
        }

        core.Send(new HookFilterMessage { TimestampMicros = core.Now, Patterns = filter.Patterns });
    }

    private void Listen(string channel)
    {
        if (channel == _channel || !core.May(ChannelRights.Subscribe, channel))
        {
            // A sender is never answered, and what it may not hear is silence to it as well.
            return;
        }

        core.Unsubscribe(_channel, RequestId.None);
        _channel = channel;
        core.SubscribeSilently(channel, filter: _filter);
    }
}
