using Relay.Actors.Admin;
using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Limits;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// Owns one client. Takes its commands in their order, one socket read at a time, and hands them on.
/// <para>
/// The old relays were single loops: whoever wrote "subscribe" and then "publish" without waiting saw its own event. Here the two go to different
/// actors, so a command waits where overtaking could be seen: a publish for the subscriptions before it, everything else for the publishes before it.
/// Publishes among themselves, and subscribes among themselves, do not wait. The reader goes on when the last command of its read was handed on.
/// </para>
/// </summary>
public sealed class ConnectionActor : ActorBase, IBatchReceiver
{
    /// <summary>A client that waits for room asks again at the latest after this.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>One that sends on although it is refused, to a node that cannot even refuse as fast, is read so much later.</summary>
    private static readonly TimeSpan HoldBack = TimeSpan.FromMilliseconds(250);

    private readonly ClientConnection _client;
    private readonly ConnectionCore _core;
    private readonly IClientBehaviour _behaviour;
    private List<ClientCommand>? _commands;
    private LimitRefusal? _refusal;
    private int _next;
    private bool _started;
    private bool _isPaused;
    private bool _isOver;

    /// <summary>The actor of <paramref name="client"/>; where there can be none, the client is dropped.</summary>
    public static ConnectionActor Create(ClientConnection client, ConnectionServices services)
    {
        try
        {
            return new ConnectionActor(client, services);
        }
        catch
        {
            // Without an instance nothing of it runs at its end.
            Drop(client);
            throw;
        }
    }

    /// <summary>The actor of <paramref name="client"/>.</summary>
    public ConnectionActor(ClientConnection client, ConnectionServices services)
    {
        _client = client;
        _core = new ConnectionCore(client, services, Context);
        _behaviour = client.Kind switch
        {
            DialectKind.Hooks => new HooksBehaviour(_core),
            DialectKind.WebUi => new WebUiBehaviour(_core),
            DialectKind.Projects or DialectKind.Updates => new ListenerBehaviour(_core),
            DialectKind.Sse => new StreamBehaviour(_core),
            _ => new ContextBehaviour(_core),
        };
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        // Before anyone is told of the client: whoever answers it finds its actor through it.
        _client.Start(Self);
        _started = true;
        _core.Services.Registry.Add(_client);
        _behaviour.Start();
        if (_core.Services.Registry.IsLeaving)
        {
            // Who is in the registry before that was set is told by the walk over it, everyone else here.
            Goodbye.Say(_client, _core.Now);
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ClientCommands commands:
                // The reader waits for the end of these before it brings the next ones.
                _commands = commands.Commands;
                _next = 0;

                break;
            case PublishReply reply:
                _core.Published(reply);
                break;
            case SubscriptionStarted started:
                _core.Started(started.Subscription);
                break;
            case TellSubscriptions:
                Sender.Tell(_core.TellSubscriptions(), Self);
                return;
            case TakeOut takeOut:
                Sender.Tell(new TakenOut(_core.TakeOut(takeOut.Channel)), Self);
                return;
            case Disconnected when _core.Handover is { IsTaken: false } handover:
                // Its subscriptions are about to become another connection's.
                handover.IsDisconnected = true;
                return;
            case Disconnected:
                // Senders that fire and forget write and close: what was read of them before is not dropped because it had to wait.
                _isOver = true;
                _isPaused = false;
                HandleCommands();
                Context.Stop(Self);
                return;
            case PauseOver:
                _isPaused = false;
                _client.Excuse();
                if (_commands is null)
                {
                    _client.ResumeReading();
                }

                break;
            default:
                if (!_behaviour.TryReceive(message))
                {
                    Unhandled(message);
                }

                break;
        }

        HandleCommands();
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted() => _core.FlushAcks();

    /// <summary>After a failure the client's state is unknown: it is dropped and comes back by itself.</summary>
    protected override void PostRestart(Exception reason) => Context.Stop(Self);

    /// <inheritdoc/>
    protected override void PostStop()
    {
        if (!_started)
        {
            // The instance after a failure: the one before it said farewell.
            return;
        }

        try
        {
            _behaviour.SaveSession();
            _core.Services.Registry.Remove(_client);
            _behaviour.Stop();
            _core.FlushPublishes();
        }
        finally
        {
            // Whatever failed, nothing of the client stays. After a disconnect most of this has been done.
            _core.Services.Registry.Remove(_client);
            _core.UnsubscribeAll();
            Drop(_client);
            _core.Services.Deliveries.Ended(_client, _core.Now);
        }
    }

    // After a failure the socket may still be open; after a disconnect this does nothing.
    private static void Drop(ClientConnection client)
    {
        client.Outbound.Abort();
        client.End();
    }

    private void HandleCommands()
    {
        if (_core.Handover is not null)
        {
            // The client speaks through its new connection.
            _commands = null;
            _client.ResumeReading();
            return;
        }

        while (_commands is not null && _next < _commands.Count && MayHandle(_commands[_next]))
        {
            var command = _commands[_next];
            if (!TryAdmit(command))
            {
                break;
            }

            _next++;
            if (command is not (PublishCommand or HookEventCommand))
            {
                // Another actor may answer it: the acks of what came before must not stay behind that.
                _core.FlushAcks();
            }

            if (_refusal is { } refusal)
            {
                Tell(command, refusal);
            }
            else if (!_behaviour.TryHandle(command) && !TryHandle(command))
            {
                _core.Refuse(command.RequestId, ErrorCode.UnknownMessageType, "This connection's dialect has no such request");
            }
        }

        _core.FlushPublishes();
        if (_commands is not null && _next == _commands.Count)
        {
            // Only then: while there are none the reader may wait for commands that are still in the mailbox.
            _commands = null;
            if (_core.Refused > 0 && _client.IsBehind && _core.Services.Limits.HoldsBack && !_isOver)
            {
                Pause(HoldBack);
            }
            else if (!_isPaused)
            {
                _client.ResumeReading();
            }
        }
    }

    private void Pause(TimeSpan time)
    {
        _isPaused = true;
        Context.Timers.StartSingle("pause", PauseOver.Instance, time);
    }

    /// <summary>
    /// Asks the limits. Who can be told is refused, and the command counts as handled; who cannot be (a publish without an id, a hook's event) waits until there is room,
    /// and is read no further meanwhile: nothing is dropped behind anybody's back. False = it waits.
    /// </summary>
    private bool TryAdmit(ClientCommand command)
    {
        _refusal = _isOver ? null : command switch
        {
            PublishCommand publish => _core.TryPublish(publish.Channel, 1),
            PublishBatchCommand batch => _core.TryPublish(ChannelOf(batch), batch.Items.Count),
            HookEventCommand => _core.TryPublish(ChannelName.Hooks, 1),
            ChatCommand => _core.TryPublish(ChannelName.Sessions, 1),
            SubscribeCommand => _core.Services.Limits.TrySubscribe(),
            _ => null,
        };
        if (_refusal is not { } refusal || command is ChatCommand or SubscribeCommand || command.RequestId.IsPresent)
        {
            return true;
        }

        _refusal = null;
        Pause(refusal.RetryAfter < LongestPause ? refusal.RetryAfter : LongestPause);
        return false;
    }

    private static string ChannelOf(PublishBatchCommand batch) =>
        batch.Items.OfType<PublishCommand>().FirstOrDefault()?.Channel ?? "";

    private void Tell(ClientCommand command, LimitRefusal refusal)
    {
        if (command is ChatCommand)
        {
            // The dialect has no word for a node that cannot now; "later" is what it can say.
            _core.Error(ErrorCode.RateLimited, refusal.Text);
        }
        else
        {
            _core.Refuse(command.RequestId, refusal);
        }
    }

    private bool MayHandle(ClientCommand command)
    {
        if (_core.IsBusy || _isPaused)
        {
            return false;
        }

        return command switch
        {
            AckCommand => true,
            PublishCommand or PublishBatchCommand or HookEventCommand => _core.PendingSubscriptions == 0 && _core.InFlight < _core.Services.Settings.MaxInFlightPublishes,
            SubscribeCommand or UnsubscribeCommand => _core.InFlight == 0,
            _ => _core.InFlight == 0 && _core.PendingSubscriptions == 0,
        };
    }

    private bool TryHandle(ClientCommand command)
    {
        switch (command)
        {
            case RejectedCommand { IsAck: true } rejected:
                _core.Refuse(rejected.RequestId, rejected.Code, rejected.Message);
                return true;
            case RejectedCommand rejected:
                _core.Error(rejected.Code, rejected.Message, rejected.Details);
                return true;
            case PingCommand:
                _core.Send(new PongMessage { TimestampMicros = _core.Now, RequestId = command.RequestId, MessageBits = _core.Services.RandomBits() });
                return true;
            default:
                return false;
        }
    }

    private sealed class PauseOver
    {
        public static PauseOver Instance { get; } = new();
    }
}
