using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Links;
using Relay.Cluster.Node;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// The ways to the other nodes: what they ask goes to the channels, what they answer to who asked, and what they say about shards to the keeper. Thread-safe.
/// </summary>
internal sealed partial class ClusterLinks : ILinkHandler, IClusterListener
{
    private readonly ActorSystem _system;
    private readonly ServedShards _served;
    private readonly NodeLinks _links;
    private readonly RemoteServices _services;
    private readonly PatternPeers _patterns;
    private readonly RemoteShard?[] _remotes;
    private readonly ConcurrentDictionary<NodeId, Peer> _peers = new();
    private readonly ILogger _log;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IActorRef? _cluster;
    private IActorRef _sessions = ActorRefs.Nobody;
    private volatile string? _illness = "the inbox is not there yet";

    public ClusterLinks(ActorSystem system, NodeId self, IClusterEngine engine, ServedShards served, PatternTable patterns, ILoggerFactory loggers, Meter? meter = null)
    {
        _system = system;
        _served = served;
        _log = loggers.CreateLogger("Relay.Cluster");
        _links = new NodeLinks(self, engine, new LinkOptions(), system.Time, loggers, meter);
        _services = new RemoteServices(system, _links, ShardRefusals.Instance, () => Shards.Region, _peers.ContainsKey);
        _patterns = new PatternPeers(patterns, _services.NextNumber);
        _remotes = new RemoteShard?[served.Count];
        Agents = new AgentPeers(() => _peers.Values);
    }

    /// <summary>What agents are subscribed to.</summary>
    public AgentPeers Agents { get; }

    public IPatternPeers Patterns => _patterns;

    /// <summary>The channels' region; set before <see cref="Start"/>.</summary>
    public DistributedShards Shards { get; set; } = null!;

    /// <summary>Why frames may not come in; null when they do.</summary>
    public string? Illness => _illness;

    /// <summary>Frames come in for the first time: who joins before misses some.</summary>
    public Task Ready => _ready.Task;

    public ILogger Log => _log;

    /// <summary>What nodes say beside the channels; set before <see cref="Start"/>.</summary>
    public NodeTalk Talk { get; set; } = null!;

    public void Start() => _links.Start(this);

    /// <summary>From now on the keeper is told.</summary>
    public void Bind(IActorRef cluster) => _cluster = cluster;

    /// <summary>Before the first of them comes: who is told of sessions of clients, and of the nodes that come and go.</summary>
    public void BindSessions(IActorRef sessions) => _sessions = sessions;

    public ValueTask StopAsync() => _links.DisposeAsync();

    public void TellCluster(object message) => _cluster?.Tell(message);

    public void TellKeeper(object message) => _cluster?.Tell(new KeeperMessage(message));

    public void SetPeers(IReadOnlyCollection<NodeId> peers) => _links.SetPeers(peers);

    public void Reset(NodeId peer) => _links.Reset(peer);

    /// <inheritdoc cref="NodeLinks.Mark"/>
    public LinkMark Mark() => _links.Mark();

    public bool IsConnected(NodeId peer) => _peers.ContainsKey(peer);

    /// <summary>Shards that a node says it serves, and that are asked there.</summary>
    public IReadOnlyList<int> ShardsOf(NodeId owner)
    {
        var shards = new List<int>();
        for (var shard = 0; shard < _remotes.Length; shard++)
        {
            if (Volatile.Read(ref _remotes[shard])?.Owner == owner)
            {
                shards.Add(shard);
            }
        }

        return shards;
    }

    public bool TrySend(NodeId to, WireWriter writer) => _links.TrySend(to, writer.Written);

    /// <summary>The way to a shard of another node.</summary>
    public RemoteShard Remote(int shard, long token, NodeId owner)
    {
        var remote = new RemoteShard(_system.ActorOf(Props.Create(static () => new Lifetime())), shard, token, owner, _services);
        Volatile.Write(ref _remotes[shard], remote);
        return remote;
    }

    public void Forget(RemoteShard remote) => Interlocked.CompareExchange(ref _remotes[remote.Shard], null, remote);

    void ILinkHandler.OnConnected(NodeId peer)
    {
        var session = new Peer(peer, _system.ActorOf(Props.Create(static () => new Lifetime())), _services);
        _peers[peer] = session;
        _patterns.Connected(session);
        Talk.Connected(session);
        TellKeeper(new PeerConnected(session));
        Agents.Connected(session);
        _sessions.Tell(new PeerConnected(session));
    }

    void ILinkHandler.OnReset(NodeId peer)
    {
        // Before anything can go out in the next session: what was asked in this one and has no answer comes first there.
        foreach (var remote in _remotes)
        {
            if (remote?.Owner == peer)
            {
                remote.EndSession();
            }
        }

        if (_peers.TryRemove(peer, out var session))
        {
            session.End();
            _patterns.Lost(session);
            if (_patterns.Any && !_served.IsLeaving(peer))
            {
                LogPatternsInDoubt(peer.ToString());
            }

            Talk.Lost(session);
            TellKeeper(new PeerLost(session));
            _sessions.Tell(new PeerLost(session));
        }
    }

    void ILinkHandler.OnMessage(NodeId from, ReadOnlySpan<byte> message)
    {
        if (!_peers.TryGetValue(from, out var peer))
        {
            return;
        }

        try
        {
            Take(peer, message);
        }
        catch (InvalidDataException malformed)
        {
            LogMalformed(from.ToString(), malformed.Message);
            _links.Reset(from);
        }
    }

    void IClusterListener.OnFrame(ReadOnlySpan<byte> frame) => _links.OnFrame(frame);

    void IClusterListener.OnChanged(long version) => TellCluster(new TableChanged(version));

    void IClusterListener.OnInboxLost() => _illness = "messages of other nodes do not come in";

    void IClusterListener.OnInboxRestored()
    {
        _illness = null;
        if (!_ready.TrySetResult())
        {
            _links.OnInboxRestored();
        }
    }

    private void Take(Peer peer, ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message);
        var kind = (NodeMessage)reader.Byte();
        switch (kind)
        {
            case NodeMessage.AgentInterest:
                Agents.Take(ref reader);
                return;
            case >= NodeMessage.PatternAdd and <= NodeMessage.PatternBatch:
                _patterns.Take(kind, peer, ref reader);
                return;
            case >= NodeMessage.Serving and <= NodeMessage.StateRest:
                TellKeeper(new NodeSaid(peer, message.ToArray()));
                return;
            case >= NodeMessage.SessionAsked and <= NodeMessage.SessionsKept:
                _sessions.Tell(new NodeSaid(peer, message.ToArray()));
                return;
            case >= NodeMessage.News and <= NodeMessage.Revoked:
                Talk.Take(kind, peer, ref reader);
                return;
        }

        var number = reader.Number();
        var shard = reader.Count();
        var token = reader.Number();
        switch (kind)
        {
            case NodeMessage.Question:
                Ask(peer, number, shard, token, ref reader);
                break;
            case NodeMessage.ReplicaJoin or NodeMessage.ReplicaLeave or NodeMessage.ReplicaCount or NodeMessage.ReplicaPresence:
                OfReplica(kind, peer, number, shard, token, ref reader);
                break;
            case NodeMessage.Answer:
                Find(shard, token)?.OnAnswer(number, ref reader);
                break;
            case NodeMessage.ReplicaJoined or NodeMessage.ReplicaRefused or NodeMessage.ReplicaLeft or NodeMessage.ReplicaBatch or NodeMessage.ReplicaNews:
                Find(shard, token)?.OnReplica(kind, number, ref reader);
                break;
            default:
                throw WireReader.Malformed();
        }
    }

    private void Ask(Peer peer, long number, int shard, long token, ref WireReader reader)
    {
        var entity = Entity(ref reader, shard);
        var question = QuestionWire.Read(ref reader, entity);
        var asker = new RemoteAsker(peer, shard, token, number);
        _served.Take(shard, token, Shards.Region, question as PublishBatch ?? (object)new ShardEnvelope(entity, question), asker);
    }

    private void OfReplica(NodeMessage kind, Peer peer, long number, int shard, long token, ref WireReader reader)
    {
        var entity = Entity(ref reader, shard);
        var replica = kind == NodeMessage.ReplicaJoin ? peer.Join(number, shard, token, entity) : peer.Find(number);
        if (replica is null)
        {
            return;
        }

        object message = kind switch
        {
            NodeMessage.ReplicaJoin => new ReplicaJoin(replica),
            NodeMessage.ReplicaLeave => new ReplicaLeave(replica),
            NodeMessage.ReplicaPresence => new PresenceReport(replica, PresenceWire.Read(ref reader)),
            _ => new ReplicaCount(replica, reader.Size()),
        };

        // The asker's mark: what is held when the shard ends is dropped, and told again to the next owner.
        _served.Take(shard, token, Shards.Region, new ShardEnvelope(entity, message), new RemoteAsker(peer, shard, token, number));
    }

    // What is taken for one shard must not come to another, whose token nobody looked at.
    private string Entity(ref WireReader reader, int shard) =>
        reader.Text() is { Length: > 0 } entity && _served.ShardOf(entity) == shard ? entity : throw WireReader.Malformed();

    private RemoteShard? Find(int shard, long token) =>
        (uint)shard < (uint)_remotes.Length && Volatile.Read(ref _remotes[shard]) is { } remote && remote.Token == token ? remote : null;

    [LoggerMessage(EventId = 220, Level = LogLevel.Error, Message = "Node {Node} sent what cannot be read, and the link begins anew: {Reason}")]
    private partial void LogMalformed(string node, string reason);

    [LoggerMessage(EventId = 230, Level = LogLevel.Warning,
        Message = "The link to node {Node} broke: pattern subscribers get what they missed of channels they have heard of; of others something may be missing")]
    private partial void LogPatternsInDoubt(string node);

    /// <summary>Lives as long as something on another node; who watches that is told of its end.</summary>
    private sealed class Lifetime : ActorBase
    {
        protected override void OnReceive(object message) => Unhandled(message);
    }
}
