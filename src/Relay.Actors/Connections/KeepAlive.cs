using Relay.Actors.Limits;
using Relay.Kernel;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <summary>To a connection's actor, every <see cref="DialectProfile.JsonPingInterval"/>: say the dialect's own ping, and leave if none came back.</summary>
public sealed class LivenessTick
{
    private LivenessTick()
    {
    }

    /// <summary>The only one.</summary>
    public static LivenessTick Instance { get; } = new();
}

/// <summary>
/// Keeps connections alive and finds those that are dead: one walk per second over all of them instead of one timer each. WebSocket pings, silence,
/// unfinished messages, connections that do not finish closing, and the beat of those dialects that ping in JSON.
/// <para>
/// Each connection has its second within an interval by its id, so ten thousand clients are not pinged in one moment.
/// </para>
/// </summary>
public sealed class KeepAlive(ConnectionServices services) : ActorBase
{
    /// <summary>Time a peer that does not read has to take the last frame.</summary>
    private const int ClosingSeconds = 5;

    private const int HeartbeatSeconds = 30;

    /// <summary>When memory is far beyond its budget, who lets more than this wait for it is cut off: a client that reads has less.</summary>
    private const int MostUnsentWhenShort = 64 * 1024;

    private CredentialWatch? _credentials;
    private long _second;

    /// <inheritdoc/>
    protected override void PreStart() => Context.Timers.StartPeriodic("second", Tick.Instance, TimeSpan.FromSeconds(1));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (message is not Tick)
        {
            Unhandled(message);
            return;
        }

        _second++;
        services.Sessions.Prune();
        services.Revocations.Prune();
        _credentials ??= new CredentialWatch(services);
        HookHeartbeatMessage? heartbeat = _second % HeartbeatSeconds == 0
            ? new() { TimestampMicros = services.Time.NowMicros(), Clients = services.CountOf(DialectKind.Hooks) }
            : null;
        var now = services.Time.GetTimestamp();
        foreach (var connection in services.Registry.All)
        {
            Look(connection, now);
            if (heartbeat is not null && connection.Kind == DialectKind.Hooks)
            {
                connection.Send(heartbeat);
            }
        }
    }

    private void Look(ClientConnection connection, long now)
    {
        var profile = connection.Dialect.Profile;
        if (connection.Outbound.IsClosing)
        {
            if (++connection.ClosingTicks > ClosingSeconds)
            {
                Drop(connection);
            }

            return;
        }

        if (connection.SilentFor(now) >= profile.IdleTimeout)
        {
            Drop(connection);
            return;
        }

        if (_credentials!.Ends(connection))
        {
            return;
        }

        if (connection.IncompleteFor(now) >= services.Settings.MessageDeadline)
        {
            connection.Close(CloseCode.PolicyViolation, "Message not completed in time");
            return;
        }

        if (services.Limits.Memory == MemoryLevel.CutSlowest && connection.Outbound.UnsentBytes > MostUnsentWhenShort)
        {
            services.Limits.Reached(Limit.Memory, LimitOutcome.Closed, connection.Dialect.Profile.Name);
            connection.Outbound.EndStuck();
            return;
        }

        // A client may go on sending, or its kernel acknowledge, and yet nothing is read.
        connection.StuckTicks = connection.Outbound.WaitedInVain() ? connection.StuckTicks + 1 : 0;
        if (connection.StuckTicks >= profile.IdleTimeout.TotalSeconds)
        {
            connection.Outbound.EndStuck();
            return;
        }

        if (IsTurn(connection.Id, profile.PingInterval))
        {
            connection.Ping();
        }

        if (profile.JsonPingInterval > TimeSpan.Zero && IsTurn(connection.Id, profile.JsonPingInterval))
        {
            connection.Actor.Tell(LivenessTick.Instance, Self);
        }
    }

    // The actor is told besides: a read loop that waits for it would not see the end of its socket, and the member would stay present.
    private void Drop(ClientConnection connection)
    {
        connection.Outbound.Abort();
        connection.Actor.Tell(new Disconnected(null), Self);
    }

    private bool IsTurn(long id, TimeSpan interval)
    {
        var seconds = Math.Max(1, (long)interval.TotalSeconds);
        return (_second + id) % seconds == 0;
    }

    private sealed class Tick
    {
        public static Tick Instance { get; } = new();
    }
}
