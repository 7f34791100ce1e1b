using Relay.Actors.Agents;
using Relay.Actors.Bridges;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Node;
using Relay.Cluster.Rules;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>What the program brings along for a cluster. Immutable.</summary>
/// <param name="Engine">Its owner's.</param>
/// <param name="Incarnation">Random, drawn at every start.</param>
public sealed record ClusterParts(IClusterEngine Engine, ulong Incarnation)
{
    /// <summary>Parts that channels are spread over; the same on all nodes.</summary>
    public int Shards { get; init; } = ShardRegion.DefaultShardCount;

    /// <summary>Most shards under way from this node at the same time.</summary>
    public int MovesAtOnce { get; init; } = 4;

    /// <summary>The same on all nodes.</summary>
    public ClusterTimes Times { get; init; } = new();

    /// <summary>Most clients of all nodes together that are told to come back within a second.</summary>
    public int ReconnectsPerSecond { get; init; } = 500;

    /// <summary>Within which clients even out over the nodes, by planned reconnects; zero = they stay where they are.</summary>
    public TimeSpan RebalanceTime { get; init; }

    /// <summary>For people.</summary>
    public string ProgramVersion { get; init; } = "";

    /// <summary>For people.</summary>
    public string Address { get; init; } = "";
}

/// <summary>This node among the others: joins, shares the channels, leaves. Thread-safe.</summary>
public sealed class RelayCluster
{
    private readonly ActorSystem _system;
    private readonly RelayParts _parts;
    private readonly ClusterParts _cluster;
    private readonly ClusterLinks _links;
    private readonly Func<int> _load;
    private readonly ClusterMetrics _metrics;
    private IActorRef? _actor;
    private volatile string? _silence;
    private IActorRef _sessions = ActorRefs.Nobody;
    private IActorRef _departures = ActorRefs.Nobody;
    private int _feeds;

    internal RelayCluster(ActorSystem system, RelayParts parts, ClusterParts cluster, PatternTable patterns, Func<int> load)
    {
        _system = system;
        _parts = parts;
        _cluster = cluster;
        _load = load;
        var self = new NodeId(parts.Settings.NodeId, cluster.Incarnation);
        View = new ClusterView(self, system.Time);
        Served = new ServedShards(cluster.Shards, View, system.Time, (shard, seen) => _links!.TellCluster(new ShardFenced(shard, seen)));
        _links = new ClusterLinks(system, self, cluster.Engine, Served, patterns, parts.Loggers, parts.Metrics?.Cluster);
        _metrics = parts.Metrics is { } metrics ? new ClusterMetrics(metrics.Cluster) : ClusterMetrics.Unseen;
        if (parts.Metrics is not null)
        {
            _metrics.Show(View);
        }
    }

    /// <summary>Parts that channels are spread over.</summary>
    public int Shards => _cluster.Shards;

    /// <summary>How it stands.</summary>
    public ClusterView View { get; }

    /// <summary>Why this node cannot do its part now, for people; null when it can.</summary>
    public string? Illness => View.Status switch
    {
        _ when _actor is null => _cluster.Engine.Illness ?? "joining the cluster",
        { State: MemberState.Joining } => _cluster.Engine.Illness ?? "joining the cluster",
        { IsTrusted: false } => _cluster.Engine.Illness ?? "the cluster's store does not answer",
        _ => _links.Illness ?? _silence,
    };

    internal ServedShards Served { get; }

    internal IPatternPeers Patterns => _links.Patterns;

    /// <summary>What nodes say beside the channels; set before those are started.</summary>
    internal NodeTalk Talk
    {
        get => _links.Talk;
        set => _links.Talk = value;
    }

    /// <summary>Joins; completes when it has begun to. Its shards come to it some seconds later.</summary>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        _cluster.Engine.Listen(View.Self, _links);
        await _links.Ready.WaitAsync(cancellationToken);
        var keeper = new ClusterShards(_links, Served, _parts.Archive, _parts.Settings, _system.Time, _links.Log);
        var services = new ClusterServices(_cluster.Engine, keeper, View, _system.Time, _parts.Loggers)
        {
            Times = _cluster.Times,
            Shards = _cluster.Shards,
            MovesAtOnce = _cluster.MovesAtOnce,
            Load = _load,
            Metrics = _metrics,
            ProgramVersion = _cluster.ProgramVersion,
            Address = _cluster.Address,
        };
        _actor = _system.ActorOf(Props.Create(() => new ClusterActor(services)), "cluster");
        _links.Bind(_actor);
        _system.ActorOf(Props.Create(() => new PathProbe(_links, View, _cluster.Engine, _cluster.Shards, illness => _silence = illness, _metrics)), "path-probe");
    }

    /// <summary>Hands all shards over and leaves.</summary>
    /// <returns>False when that took longer; what is left is taken over by others when its lease is over.</returns>
    public Task<bool> LeaveAsync(TimeSpan timeout) => TryAskAsync<ClusterLeft>(_actor, LeaveRequest.Instance, timeout);

    /// <summary>Whether clients that are sent away find another node.</summary>
    public bool HasOthers => View.Status.Members.Any(member => member.State == MemberState.Up && member.Node != View.Self);

    /// <summary>Hands all shards over and takes none any more; goes on as a member, for the clients of this node. What takes longer goes on besides.</summary>
    internal Task<bool> HandOverAsync(TimeSpan timeout) => TryAskAsync<ShardsHandedOver>(_actor, HandOverRequest.Instance, timeout);

    /// <summary>Sends all clients away within this time.</summary>
    internal Task<bool> SendAwayAsync(TimeSpan time) => TryAskAsync<AllAreGone>(_departures, new SendAllAway(time), time + TimeSpan.FromSeconds(5));

    /// <summary>Takes part again after <see cref="HandOverAsync"/>; false when it did not leave, is about to be gone, or does not say.</summary>
    internal async Task<bool> ReturnAsync(TimeSpan timeout)
    {
        try
        {
            if (_actor is null || !(await _actor.Ask<ReturnAnswer>(ReturnRequest.Instance, timeout)).Returns)
            {
                return false;
            }

            _departures.Tell(KeepClients.Instance);
            return true;
        }
        catch (AskTimeoutException)
        {
            return false;
        }
    }

    /// <summary>Where operators want shards to be; told to every node (<see cref="ShardPins"/>).</summary>
    public void Pin(IReadOnlyDictionary<int, NodeId> pins) => _actor?.Tell(new PinRequest(pins));

    /// <summary>All shards as this node sees them; null when it does not join yet or does not answer.</summary>
    public async Task<ShardsSeen?> SeeShardsAsync(TimeSpan timeout)
    {
        try
        {
            return _actor is null ? null : await _actor.Ask<ShardsSeen>(ShardsRequest.Instance, timeout);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }

    /// <summary>Hands what clients may come back to over to the nodes that stay.</summary>
    internal Task<bool> HandSessionsAsync(TimeSpan timeout) => TryAskAsync<SessionsHandedOver>(_sessions, LeaveSessions.Instance, timeout);

    /// <summary>Before the first connection.</summary>
    /// <returns>What connections are given.</returns>
    internal ConnectionServices StartConnections(ConnectionServices connections)
    {
        _sessions = _system.ActorOf(Props.Create(() => new ClusterSessions(connections, View, _links.Log)), "cluster-sessions");
        _links.BindSessions(_sessions);
        var services = new DepartureServices(connections.Registry, _cluster.Engine, View, connections.Time)
        {
            ReconnectsPerSecond = _cluster.ReconnectsPerSecond,
            RebalanceTime = _cluster.RebalanceTime,
        };
        _departures = _system.ActorOf(Props.Create(() => new Departures(services)), "departures");
        return connections with { OtherSessions = _sessions };
    }

    /// <summary>For a source of messages that every node hears; each has its own, which numbers its messages like no other.</summary>
    public SharedFeed NewFeed() => new(Served, View.Self.Incarnation + (ulong)Interlocked.Increment(ref _feeds));

    internal IActorRef StartChannels(Func<string, Props> props, ShardRegionOptions options)
    {
        var probed = Props.Create(static () => new ProbedEntity());
        _links.Shards = ShardRegion.StartDistributed(_system, "channels", name => ProbedEntity.IsName(name) ? probed : props(name), _cluster.Shards, options, ShardRefusals.Instance);
        _links.Start();
        return _links.Shards.Region;
    }

    /// <summary>The other nodes, for what agents are subscribed to.</summary>
    internal AgentPeers Agents => _links.Agents;

    /// <summary>Where agents are remembered on this node; before anything is heard of others.</summary>
    internal void Remember(IActorRef agents, AgentServices services) => _links.Agents.Bind(agents, services);

    /// <summary>Messages that wait for an owner of their channel.</summary>
    internal int CountHeld() => _links.Shards.CountHeld();

    internal ValueTask StopAsync() => _links.StopAsync();

    private static async Task<bool> TryAskAsync<T>(IActorRef? actor, object question, TimeSpan timeout)
    {
        if (actor is null)
        {
            return true;
        }

        try
        {
            await actor.Ask<T>(question, timeout);
            return true;
        }
        catch (AskTimeoutException)
        {
            return false;
        }
    }
}
