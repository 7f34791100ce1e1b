using Relay.Actors.Connections;
using Relay.Cluster.Engine;
using Relay.Cluster.Node;
using Relay.Kernel;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Cluster;

/// <summary>What a <see cref="Departures"/> is given. Immutable.</summary>
internal sealed record DepartureServices(ConnectionRegistry Registry, IClusterEngine Engine, ClusterView View, TimeProvider Time)
{
    /// <summary>Within which clients even out over the nodes; zero = they stay where they are.</summary>
    public TimeSpan RebalanceTime { get; init; }

    /// <summary>Most clients of all nodes that are told to come back within a second.</summary>
    public int ReconnectsPerSecond { get; init; } = 500;
}

/// <summary>
/// Sends clients away to other nodes, each at its own instant: native ones are told it beforehand and are served until then, the others are closed at it. The instants of all nodes are drawn
/// from one sequence in the cluster's store, so that not too many come back at once. All of them when the node leaves; some native ones, who lose nothing by it, where it has more than its share.
/// Owns who was told.
/// </summary>
internal sealed class Departures : ActorBase
{
    private const string Drain = "drain";
    private const string Rebalance = "rebalance";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly DepartureServices _services;
    private readonly PriorityQueue<ClientConnection, long> _due = new();
    private readonly HashSet<ClientConnection> _told = [];
    private readonly Rebalancing _rebalancing;
    private long _plans;
    private IActorRef? _whenGone;
    private long _endsAt;
    private bool _isDrainPlanned;

    public Departures(DepartureServices services)
    {
        _services = services;
        _rebalancing = new Rebalancing(services.RebalanceTime);
    }

    private long Now => _services.Time.GetTimestamp();

    protected override void PreStart()
    {
        if (!_rebalancing.IsOff)
        {
            Context.Timers.StartPeriodic(EvenTick.Instance, EvenTick.Instance, _rebalancing.Period);
        }
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SendAllAway all:
                Begin(all.Time);
                break;
            case Reserved reserved when reserved.Plan == _plans:
                Tell(reserved);
                break;
            case Reserved:
                break;
            case StepTick:
                CloseDue();
                SayGone();
                if (_whenGone is null && _due.Count == 0)
                {
                    Context.Timers.Cancel(StepTick.Instance);
                }

                break;
            case LookTick:
                SendLateAway();
                break;
            case KeepClients:
                Keep();
                break;
            case EvenTick:
                Even();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Begin(TimeSpan time)
    {
        _whenGone = Sender;
        _endsAt = Now + Ticks(time);
        _due.Clear();
        _told.Clear();

        // Who cannot be told gets the first slots: for it the end of its connection is the word to come back.
        Reserve([.. _services.Registry.All.Where(static one => !one.Outbound.IsClosing).OrderBy(IsTold)], time, Drain);
        Context.Timers.Cancel(EvenTick.Instance);
        Context.Timers.StartPeriodic(StepTick.Instance, StepTick.Instance, Step);
        Context.Timers.StartPeriodic(LookTick.Instance, LookTick.Instance, Look);
    }

    // The node takes part again: whoever was not closed yet stays, told or not; native clients that were told come back to whichever node they find.
    private void Keep()
    {
        _plans++;
        _due.Clear();
        _told.Clear();
        _isDrainPlanned = false;
        _whenGone?.Tell(AllAreGone.Instance);
        _whenGone = null;
        Context.Timers.CancelAll();
        PreStart();
    }

    private void Even()
    {
        var status = _services.View.Status;
        var others = status.Members.Where(member => member.Node != _services.View.Self && member.State == MemberState.Up).Select(static member => member.Load).ToList();
        if (status is not { State: MemberState.Up, IsTrusted: true } || others.Count == 0)
        {
            return;
        }

        var due = _rebalancing.Due(Span(Now), _services.Registry.Count - _told.Count, others);
        if (due > 0)
        {
            // Who came last may have come back just now.
            var going = _services.Registry.All.Where(client => IsTold(client) && !client.Outbound.IsClosing && !_told.Contains(client));
            Reserve([.. going.OrderBy(static client => client.Id).Take(due)], _rebalancing.Period, Rebalance);
        }
    }

    private void Reserve(List<ClientConnection> clients, TimeSpan time, string reason)
    {
        var plan = ++_plans;
        var pace = DeparturePlan.Pace(clients.Count, time, _services.ReconnectsPerSecond);
        var until = Now + Ticks(time);

        // Without the store this node keeps at least to its own pace.
        _services.Engine.ReserveAsync(clients.Count, pace).PipeTo(
            Self,
            success: slots => new Reserved(plan, clients, slots, until, reason),
            failure: _ => new Reserved(plan, clients, new Reservation(TimeSpan.Zero, TimeSpan.FromSeconds(1 / pace)), until, reason));
    }

    private void Tell(Reserved reserved)
    {
        var now = Now;
        var left = Span(Math.Max(0, reserved.Until - now));
        for (var i = 0; i < reserved.Clients.Count; i++)
        {
            var client = reserved.Clients[i];
            var departure = DeparturePlan.Of(i, reserved.Slots, left);
            if (client.Outbound.IsClosing || !_told.Add(client))
            {
                continue;
            }

            if (IsTold(client))
            {
                client.Send(new ReconnectMessage { TimestampMicros = _services.Time.NowMicros(), AfterMilliseconds = (long)departure.Returns.TotalMilliseconds, Reason = reserved.Reason });
            }

            _due.Enqueue(client, now + Ticks(departure.Closes));
        }

        _isDrainPlanned |= reserved.Reason == Drain;
        Context.Timers.StartPeriodic(StepTick.Instance, StepTick.Instance, Step);
    }

    private void CloseDue()
    {
        var now = Now;
        while (_due.TryPeek(out var client, out var at) && at <= now)
        {
            _due.Dequeue();
            if (_whenGone is null)
            {
                _told.Remove(client);
            }

            if (IsTold(client))
            {
                client.Close(CloseCode.ServiceRestart, "Reconnect to another node");
            }
            else
            {
                Goodbye.Say(client, _services.Time.NowMicros());
            }
        }
    }

    // Who was at the door when it closed.
    private void SendLateAway()
    {
        if (_isDrainPlanned)
        {
            foreach (var client in _services.Registry.All.Where(client => !client.Outbound.IsClosing && _told.Add(client)))
            {
                Goodbye.Say(client, _services.Time.NowMicros());
            }
        }
    }

    private void SayGone()
    {
        if (_whenGone is { } asker && ((_isDrainPlanned && _services.Registry.Count == 0) || Now >= _endsAt + Ticks(Look)))
        {
            _whenGone = null;
            Context.Timers.CancelAll();
            asker.Tell(AllAreGone.Instance);
        }
    }

    private static bool IsTold(ClientConnection client) => client.Dialect.Profile is { IsNative: true, IsStream: false };

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _services.Time.TimestampFrequency);

    private TimeSpan Span(long ticks) => TimeSpan.FromSeconds((double)ticks / _services.Time.TimestampFrequency);

    private sealed record Reserved(long Plan, List<ClientConnection> Clients, Reservation Slots, long Until, string Reason);

    private sealed class StepTick
    {
        public static StepTick Instance { get; } = new();
    }

    private sealed class EvenTick
    {
        public static EvenTick Instance { get; } = new();
    }

    private sealed class LookTick
    {
        public static LookTick Instance { get; } = new();
    }
}

/// <summary>To <see cref="Departures"/>: send all clients away within this time; the sender is told <see cref="AllAreGone"/>.</summary>
internal sealed record SendAllAway(TimeSpan Time);

/// <summary>All clients are gone, or should be.</summary>
internal sealed class AllAreGone
{
    private AllAreGone()
    {
    }

    public static AllAreGone Instance { get; } = new();
}

/// <summary>To <see cref="Departures"/>: nobody is to be sent away any more.</summary>
internal sealed class KeepClients
{
    private KeepClients()
    {
    }

    public static KeepClients Instance { get; } = new();
}
