using Microsoft.Extensions.Logging;
using Relay.Cluster.Engine;
using Relay.Cluster.Rules;
using Relay.Kernel;

namespace Relay.Cluster.Node;

/// <summary>What a <see cref="ClusterActor"/> is given.</summary>
/// <param name="Engine">The store and the way to other nodes; its owner's.</param>
/// <param name="Keeper">Carries out what is decided.</param>
/// <param name="View">Where others see how it stands.</param>
/// <param name="Time">Its monotonic clock is the protocol's.</param>
/// <param name="Loggers">One line for each episode.</param>
public sealed record ClusterServices(IClusterEngine Engine, IShardKeeper Keeper, ClusterView View, TimeProvider Time, ILoggerFactory Loggers)
{
    /// <summary>Times of the protocol.</summary>
    public ClusterTimes Times { get; init; } = new();

    /// <summary>Parts that channels are spread over; the same on all nodes.</summary>
    public int Shards { get; init; } = ShardRegion.DefaultShardCount;

    /// <summary>Most shards under way from this node at the same time.</summary>
    public int MovesAtOnce { get; init; } = 4;

    /// <summary>Connections of this node.</summary>
    public Func<int> Load { get; init; } = static () => 0;

    /// <summary>Where it counts.</summary>
    public ClusterMetrics Metrics { get; init; } = ClusterMetrics.Unseen;

    /// <summary>For people.</summary>
    public string ProgramVersion { get; init; } = "";

    /// <inheritdoc cref="ProgramVersion"/>
    public string Address { get; init; } = "";
}

/// <summary>Runs <see cref="Ownership"/> of one node: brings it time and answers, carries out its decisions on the store and on the keeper.</summary>
public sealed partial class ClusterActor : ActorBase
{
    /// <summary>Ownership wants to be asked at least so often.</summary>
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest the others are waited for before this node is no member any more; well within the lease, since no heartbeat is sent meanwhile.</summary>
    private const long LastWords = 1000;

    private readonly ClusterServices _services;
    private readonly Ownership _ownership;
    private readonly ILogger _log;
    private readonly List<IActorRef> _handingOver = [];
    private readonly List<IActorRef> _leaving = [];
    private bool _isStoreIll;
    private bool _hasLeft;
    private long? _leaveBy;

    /// <summary>Begins to join when it starts.</summary>
    public ClusterActor(ClusterServices services)
    {
        _services = services;
        _log = services.Loggers.CreateLogger("Relay.Cluster");
        _ownership = new Ownership(services.View.Self, services.Shards, services.Times, services.MovesAtOnce) { ProgramVersion = services.ProgramVersion, Address = services.Address };
    }

    private NodeId Node => _services.View.Self;

    private long Now => _services.Time.GetTimestamp() / (_services.Time.TimestampFrequency / 1000);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.Timers.StartPeriodic(Tick.Instance, Tick.Instance, TickInterval);
        Self.Tell(Tick.Instance);
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        try
        {
            Handle(message);
        }
        catch (Exception failure)
        {
            // A new instance would know nothing of what the store has given to this one: it goes on with what it knows.
            LogFailed(failure, message.GetType().Name);
        }

        Show();
        if (_handingOver.Count > 0 && (_hasLeft || _ownership.HasHandedOver))
        {
            _handingOver.ForEach(static asker => asker.Tell(ShardsHandedOver.Instance));
            _handingOver.Clear();
        }
    }

    private void Handle(object message)
    {
        switch (message)
        {
            case KeeperMessage kept:
                _services.Keeper.Handle(kept.Message);
                break;
            case Tick:
                _services.Keeper.Tick();
                Carry(_ownership.Tick(Now, _services.Load()));
                LeaveWhenHeard();
                break;
            case BeatAnswered { Answer: { } answer }:
                _services.Metrics.Beat(answered: true);
                StoreIsWell();
                Answered(answer);
                break;
            case BeatAnswered { Failure: { } failure }:
                _services.Metrics.Beat(answered: false);
                StoreIsIll(failure);
                Carry(_ownership.HeartbeatFailed(Now));
                break;
            case ClaimAnswered { Answer: { } answer }:
                Carry(_ownership.ClaimAnswered(Now, answer));
                break;
            case ClaimAnswered:
                Carry(_ownership.ClaimFailed(Now));
                break;
            case HandOverAnswered { Answer: { } answer } handed:
                if (answer.Outcome == HandOverOutcome.Done)
                {
                    _services.Metrics.Moved("done");
                    _services.Keeper.HandedOver(handed.Shard, handed.Move, handed.To, handed.Epoch, answer.Fence);
                }

                Carry(_ownership.HandOverAnswered(Now, handed.Shard, handed.Move, answer));
                break;
            case HandOverAnswered handed:
                Carry(_ownership.HandOverFailed(Now, handed.Shard, handed.Move));
                break;
            case PrepareAgreed agreed:
                Carry(_ownership.PrepareAgreed(agreed.Shard, agreed.Move));
                break;
            case StateMoved moved:
                Carry(_ownership.StateMoved(moved.Shard, moved.Move));
                break;
            case MoveFailed failed:
                Carry(_ownership.MoveFailed(Now, failed.Shard, failed.Move));
                break;
            case ShardGiven given:
                Carry(_ownership.Given(Now, given.Epoch, given.Shard, given.Fence));
                break;
            case ShardFenced fenced:
                Carry(_ownership.FenceRefused(Now, fenced.Shard, fenced.Seen));
                break;
            case TableChanged changed:
                _ownership.Changed(changed.Version, Now);
                Carry(_ownership.Tick(Now, _services.Load()));
                break;
            case HandOverRequest:
                _handingOver.Add(Sender);
                Carry(_ownership.Leave(Now, stays: true));
                break;
            case ReturnRequest:
                var returns = _ownership.TryReturn(Now);
                if (returns)
                {
                    _handingOver.Clear();
                    Carry(_ownership.Tick(Now, _services.Load()));
                }

                Sender.Tell(new ReturnAnswer(returns), Self);
                break;
            case PinRequest pins:
                _ownership.Pin(pins.Pins);
                break;
            case ShardsRequest:
                Sender.Tell(new ShardsSeen(_ownership.Table.Epoch, [.. Enumerable.Range(0, _ownership.Table.Shards).Select(See)]), Self);
                break;
            case LeaveRequest when _hasLeft:
                Sender.Tell(ClusterLeft.Instance, Self);
                break;
            case LeaveRequest:
                _leaving.Add(Sender);
                Carry(_ownership.Leave(Now));
                break;
            case LeaveAnswered { Failure: null }:
                Left();
                break;
            case LeaveAnswered { Failure: { } failure }:
                StoreIsIll(failure);
                _ownership.LeaveFailed();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Answered(HeartbeatAnswer answer)
    {
        var before = _ownership.Members;
        var decisions = _ownership.HeartbeatAnswered(Now, answer);

        // Before the shards that come with it: whom they are announced to.
        if (!_ownership.Members.Select(static member => (member.Node, member.State)).SequenceEqual(before.Select(static member => (member.Node, member.State))))
        {
            if (_log.IsEnabled(LogLevel.Information))
            {
                var members = string.Join(", ", _ownership.Members.Select(static member => $"{member.Node.Name} {member.State}"));
                LogMembers(members);
            }

            _services.Keeper.Members(_ownership.Members);
        }

        Carry(decisions);
    }

    private void Carry(IReadOnlyList<Decision> decisions)
    {
        // Trust ends before anything else. It begins again before anything is served on the strength of it, and after what was lost meanwhile is given up.
        if (_ownership.TrustedUntil == long.MinValue)
        {
            _services.View.Trust(long.MinValue);
        }

        var isTold = false;
        foreach (var decision in decisions)
        {
            if (decision is not Decision.Stop && !isTold)
            {
                isTold = true;
                TellTrust();
            }

            Carry(decision);
        }

        if (!isTold)
        {
            TellTrust();
        }
    }

    private void TellTrust() =>
        _services.View.Trust(_ownership.TrustedUntil is var until && until == long.MinValue ? long.MinValue : until * (_services.Time.TimestampFrequency / 1000));

    private void Carry(Decision decision)
    {
        var keeper = _services.Keeper;
        switch (decision)
        {
            case Decision.SendHeartbeat send:
                Run(_services.Engine.HeartbeatAsync(send.Beat), static answer => new BeatAnswered(answer, null), static failure => new BeatAnswered(null, failure));
                break;
            case Decision.Claim claim:
                _services.Metrics.Claimed(claim.Shards.Count);
                Run(_services.Engine.ClaimAsync(Node, claim.Epoch, claim.Shards), static answer => new ClaimAnswered(answer), static _ => new ClaimAnswered(null));
                break;
            case Decision.HandOver hand:
                Run(
                    _services.Engine.HandOverAsync(Node, hand.To, hand.Epoch, hand.Shard, hand.Fence),
                    answer => new HandOverAnswered(hand.Shard, hand.Move, hand.To, hand.Epoch, answer),
                    _ => new HandOverAnswered(hand.Shard, hand.Move, hand.To, hand.Epoch, null));
                break;
            case Decision.LeaveCluster:
                _leaveBy = Now + LastWords;
                break;
            case Decision.Start start:
                keeper.Start(start.Shard, start.Fence);
                break;
            case Decision.Resume resume:
                keeper.Resume(resume.Shard, resume.Fence);
                break;
            case Decision.Stop stop:
                _services.Metrics.Stopped(stop.Reason);
                keeper.Stop(stop.Shard, stop.Reason);
                break;
            case Decision.SuspendAll:
                _services.Metrics.Suspended();
                LogSuspended();
                keeper.SuspendAll();
                break;
            case Decision.ResumeAll:
                keeper.ResumeAll();
                break;
            case Decision.BeginMove move:
                _services.Metrics.Moved("begun");
                keeper.BeginMove(move.Shard, move.Move, move.To);
                break;
            case Decision.Drain drain:
                keeper.Drain(drain.Shard, drain.Move, drain.To);
                break;
            case Decision.AbortMove abort:
                _services.Metrics.Moved("aborted");
                keeper.AbortMove(abort.Shard, abort.Move, abort.To, abort.Serves);
                break;
        }
    }

    // Who hears first that this node is gone gives up what it was still to be told: the state of a shard, or that what it asked was not done.
    private void LeaveWhenHeard()
    {
        if (_leaveBy is { } bound && (_services.Keeper.IsHeard() || Now >= bound))
        {
            _leaveBy = null;
            Run(LeaveAsync(), static _ => new LeaveAnswered(null), static failure => new LeaveAnswered(failure));
        }
    }

    private async ValueTask<bool> LeaveAsync()
    {
        await _services.Engine.LeaveAsync(Node).ConfigureAwait(false);
        return true;
    }

    private void Run<T>(ValueTask<T> call, Func<T, object> success, Func<Exception, object> failure) => call.PipeTo(Self, success: success, failure: failure);

    private void Left()
    {
        _ownership.Left();
        _hasLeft = true;
        Context.Timers.Cancel(Tick.Instance);
        foreach (var asker in _leaving)
        {
            asker.Tell(ClusterLeft.Instance, Self);
        }
    }

    private void Show()
    {
        var table = _ownership.Table;
        var free = 0;
        for (var shard = 0; shard < table.Shards; shard++)
        {
            free += table.Owner(shard) is null ? 1 : 0;
        }

        _services.View.Show(new ClusterStatus(_ownership.State, _ownership.Members, _ownership.Held, _ownership.MovesUnderWay, free, _ownership.IsTrusted(Now)));
    }

    private ShardSeen See(int shard)
    {
        var table = _ownership.Table;
        var held = _ownership.PhaseOf(shard);
        return new ShardSeen(shard, table.Owner(shard), table.Fence(shard), held?.Phase switch
        {
            null => null,
            HeldPhase.Serving => _ownership.IsTrusted(Now) ? "serving" : "suspended",
            HeldPhase.Preparing => "preparing",
            HeldPhase.Draining => "draining",
            HeldPhase.HandingOver => "handing_over",
            _ => "refencing",
        }, held is { Phase: not HeldPhase.Serving } moving ? moving.To : null);
    }

    private void StoreIsIll(Exception failure)
    {
        if (!_isStoreIll)
        {
            _isStoreIll = true;
            LogStoreIll(failure.Message);
        }
    }

    private void StoreIsWell()
    {
        if (_isStoreIll)
        {
            _isStoreIll = false;
            LogStoreWell();
        }
    }

    [LoggerMessage(EventId = 200, Level = LogLevel.Information, Message = "Members of the cluster: {Members}")]
    private partial void LogMembers(string members);

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "The cluster's store does not answer: {Reason}")]
    private partial void LogStoreIll(string reason);

    [LoggerMessage(EventId = 202, Level = LogLevel.Information, Message = "The cluster's store answers again")]
    private partial void LogStoreWell();

    [LoggerMessage(EventId = 203, Level = LogLevel.Warning, Message = "The cluster's store has not answered for so long that this node's shards are suspended")]
    private partial void LogSuspended();

    [LoggerMessage(EventId = 204, Level = LogLevel.Error, Message = "The cluster's part of this node failed at {Message} and goes on")]
    private partial void LogFailed(Exception failure, string message);

    private sealed class Tick
    {
        public static Tick Instance { get; } = new();
    }

    private sealed record BeatAnswered(HeartbeatAnswer? Answer, Exception? Failure);

    private sealed record ClaimAnswered(ClaimAnswer? Answer);

    private sealed record HandOverAnswered(int Shard, long Move, NodeId To, string Epoch, HandOverAnswer? Answer);

    private sealed record LeaveAnswered(Exception? Failure);
}
