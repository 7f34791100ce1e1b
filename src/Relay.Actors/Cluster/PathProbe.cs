using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Node;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// Asks every other node something each second, the way that publishes go: through the region, a shard of that node, its region, and back. So it sees what no look at a single piece does: a
/// subscription that is there and brings nothing, a link that does not get on, a region that is stuck. Silence makes the node ill, and is treated: the inbox is subscribed anew, a link
/// begun anew.
/// </summary>
internal sealed partial class PathProbe : ActorBase
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ClusterLinks _links;
    private readonly ClusterView _view;
    private readonly IClusterEngine _engine;
    private readonly Action<string?> _show;
    private readonly ILogger _log;
    private readonly ClusterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ProbeLedger _ledger = new();
    private readonly HashSet<NodeId> _silent = [];

    // When the oldest question without an answer went out.
    private readonly Dictionary<NodeId, long> _asked = [];
    private readonly string?[] _names;
    private string? _illness;
    private int _turn;

    /// <param name="show">Told why this node counts as ill, null when it does not, whenever that changes.</param>
    /// <param name="metrics">Where answers are timed.</param>
    public PathProbe(ClusterLinks links, ClusterView view, IClusterEngine engine, int shards, Action<string?> show, ClusterMetrics metrics)
    {
        _links = links;
        _view = view;
        _engine = engine;
        _show = show;
        _log = links.Log;
        _metrics = metrics;
        _time = Context.System.Time;
        _names = new string?[shards];
    }

    protected override void PreStart() => Context.Timers.StartPeriodic(Tick.Instance, Tick.Instance, Interval);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Tick:
                Look();
                break;
            case Probed probed:
                _ledger.Answered(probed.Node);
                Time(probed.Node);
                Show();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Look()
    {
        var others = new Dictionary<NodeId, ProbedAs>();
        var shards = new Dictionary<NodeId, int>();
        _turn++;
        foreach (var member in _view.Status.Members.Where(member => member.Node != _view.Self && member.State != MemberState.Joining))
        {
            // Each time another of its shards.
            var served = _links.ShardsOf(member.Node);
            others[member.Node] = !_links.IsConnected(member.Node) ? ProbedAs.Unlinked : served.Count == 0 ? ProbedAs.Idle : ProbedAs.Serving;
            if (served.Count > 0)
            {
                shards[member.Node] = served[_turn % served.Count];
            }
        }

        foreach (var gone in _asked.Keys.Where(node => !others.ContainsKey(node)).ToArray())
        {
            _asked.Remove(gone);
        }

        var remedy = _ledger.Look(others);
        Show();
        Treat(remedy);
        foreach (var (node, shard) in shards)
        {
            if (others[node] == ProbedAs.Serving && _ledger.IsDue(node))
            {
                _asked.TryAdd(node, _time.GetTimestamp());
                _links.Shards.Region.Tell(new ShardEnvelope(NameIn(shard), new Probe(node)), Self);
            }
        }
    }

    // Where the store is away everything else waits for it, links included: they lose nothing by that.
    private void Treat(in ProbeRemedy remedy)
    {
        if (_engine.Illness is not null || _links.Illness is not null || !_view.Status.IsTrusted)
        {
            return;
        }

        if (remedy.Resubscribe)
        {
            LogResubscribe(_illness!);
            _engine.Resubscribe(_illness!);
        }

        foreach (var node in remedy.Reset)
        {
            LogReset(node.Name);
            _links.Reset(node);
        }
    }

    private void Time(NodeId node)
    {
        if (_asked.Remove(node, out var since))
        {
            _metrics.Probed(_time.GetElapsedTime(since));
        }
    }

    private void Show()
    {
        var silent = _ledger.Silent;
        _metrics.ShowSilent(silent.Count);
        foreach (var node in silent.Where(_silent.Add))
        {
            LogSilent(node.Name);
        }

        foreach (var node in _silent.Except(silent).ToArray())
        {
            _silent.Remove(node);
            LogHeard(node.Name);
        }

        if (_ledger.Illness is var illness && illness != _illness)
        {
            _illness = illness;
            _show(illness);
        }
    }

    // Some name that lies in the shard.
    private string NameIn(int shard)
    {
        for (var n = 0; _names[shard] is null; n++)
        {
            var name = $"{ProbedEntity.Prefix}{n}";
            _names[ShardHash.ShardOf(name, _names.Length)] ??= name;
        }

        return _names[shard]!;
    }

    [LoggerMessage(EventId = 230, Level = LogLevel.Warning, Message = "Node {Node} does not answer through its shards")]
    private partial void LogSilent(string node);

    [LoggerMessage(EventId = 231, Level = LogLevel.Information, Message = "Node {Node} answers again, or is gone")]
    private partial void LogHeard(string node);

    [LoggerMessage(EventId = 232, Level = LogLevel.Warning, Message = "This node may hear nothing, and subscribes anew: {Reason}")]
    private partial void LogResubscribe(string reason);

    [LoggerMessage(EventId = 233, Level = LogLevel.Warning, Message = "The link to node {Node} brings nothing, and begins anew")]
    private partial void LogReset(string node);

    private sealed class Tick
    {
        public static Tick Instance { get; } = new();
    }
}

/// <summary>To a <see cref="ProbedEntity"/>: say that this came. Answered by <see cref="Probed"/>.</summary>
/// <param name="Node">Whose shard it is meant for, as who asks knows it.</param>
internal sealed record Probe(NodeId Node);

/// <summary>It came.</summary>
internal sealed record Probed(NodeId Node);

/// <summary>What answers probes in a shard: no channel, and no client can name it.</summary>
internal sealed class ProbedEntity : ActorBase
{
    /// <summary>Begins its names; no channel's name has control characters.</summary>
    public const string Prefix = "\u0001probe/";

    /// <summary>Shards are probed in turn.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);

    public static bool IsName(string entity) => entity.StartsWith(Prefix, StringComparison.Ordinal);

    protected override void PreStart() => Context.SetReceiveTimeout(IdleTime);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Probe probe:
                Sender.Tell(new Probed(probe.Node), Self);
                break;
            case CopyState copy:
                copy.Take(Self.Path.Name, default, []);
                break;
            case ReceiveTimeout:
                Context.Parent.Tell(new Passivate(Rest.Instance), Self);
                break;
            case Rest or ShardLost:
                Context.Stop(Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }
}
