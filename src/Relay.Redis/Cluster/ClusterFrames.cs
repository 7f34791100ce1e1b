using System.Collections.Concurrent;
using System.Text;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Servers;

namespace Relay.Redis.Cluster;

/// <summary>
/// Frames between nodes over one server or several. A node listens on all of them. A sender takes the server that the ring gives for the pair (who sends, to whom), so that a pair keeps its order;
/// when that one is down, or the peer is not heard there, the next on the ring.
/// </summary>
/// <remarks>
/// <para>
/// How a sender knows: a connection that is down; PUBLISH, which says how many heard it (nobody: the frame goes over the next server at once); a server that does not answer, or does not bring this
/// node's own echoes any more; and the link, when what it sent stays without an answer (<see cref="Doubt"/>). Frames of one pair that are under way over two servers may overtake each other
/// or come twice, which links allow for.
/// </para>
/// <para>With one server there is no choice: what it answers is not looked at.</para>
/// </remarks>
internal sealed class ClusterFrames : IAsyncDisposable
{
    /// <summary>For the answer to a frame where there is another server for it: a link has four frames under way, and waits for one of them.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // Names of nodes that are long gone are not worth keeping.
    private const int MaxPeers = 1024;

    private readonly FrameWay[] _ways;
    private readonly HashRing _ring;
    private readonly RedisClient _state;
    private readonly ClusterKeys _keys;
    private readonly RedisClusterOptions _options;
    private readonly RedisServices _services;
    private readonly Func<int, bool> _works;
    private readonly ConcurrentDictionary<NodeId, Peer> _peers = new();
    private InboxSet? _inboxes;
    private ClusterInbox? _changes;
    private NodeId _self;

    /// <param name="ways">As the ring counts them.</param>
    /// <param name="state">Client of the server with the state, which may be none of them.</param>
    public ClusterFrames(FrameWay[] ways, HashRing ring, RedisClient state, ClusterKeys keys, RedisClusterOptions options, RedisServices services)
    {
        _ways = ways;
        _ring = ring;
        _state = state;
        _keys = keys;
        _options = options;
        _services = services;
        _works = way => _ways[way].Works;
    }

    /// <summary>Why no server brings frames; null while one does.</summary>
    public string? Illness => Array.TrueForAll(_ways, static way => way.Illness is not null) ? _ways.Length == 1 ? _ways[0].Illness : _ways[0].Trouble : null;

    /// <inheritdoc cref="RedisClusterEngine.Detour"/>
    public string? Detour => Illness is null && string.Join("; ", _ways.Select(static way => way.Trouble).OfType<string>()) is { Length: > 0 } trouble ? trouble : null;

    private long Now => (long)_services.Time.GetElapsedTime(0).TotalMilliseconds;

    public void Start() => Array.ForEach(_ways, static way => way.Link.Client.Start());

    /// <summary>Ends when one of them is ready.</summary>
    public async Task WaitReadyAsync(CancellationToken cancellationToken) =>
        await await Task.WhenAny(_ways.Select(way => way.Link.Client.WaitReadyAsync(cancellationToken)));

    /// <exception cref="ClusterEngineException">No server took it.</exception>
    public ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
    {
        var peer = PeerOf(to);
        return _ways.Length == 1 ? SendOnlyAsync(_ways[0], peer, frame) : SendAnyAsync(peer, frame);
    }

    /// <summary>What was sent to this node seems not to arrive.</summary>
    public void Doubt(NodeId to)
    {
        if (_ways.Length > 1)
            PeerOf(to).Route.Doubt(Now);
    }

    public void Listen(NodeId self, IClusterListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        var inboxes = new InboxSet(listener, _ways.Length);
        if (Interlocked.CompareExchange(ref _inboxes, inboxes, comparand: null) is not null)
            throw new InvalidOperationException("An engine has one inbox.");
        _self = self;
        _peers.Clear();
        for (var i = 0; i < _ways.Length; i++)
            _ways[i].Listen(new ClusterInbox(_ways[i].Hearing, _keys, self, inboxes.Of(i), _options, _services, _ways[i].HasState));
        if (!Array.Exists(_ways, static way => way.HasState))
        {
            _changes = new ClusterInbox(_state, _keys, self, inboxes.Unheard, _options, _services, hearsChanges: true);
            _changes.Start();
        }
    }

    public void Resubscribe(string reason)
    {
        foreach (var way in _ways)
            way.Inbox?.Resubscribe(reason);
    }

    public async ValueTask DisposeAsync()
    {
        if (_changes is not null)
            await _changes.DisposeAsync();
        foreach (var way in _ways)
            await way.DisposeAsync();
    }

    private static async ValueTask SendOnlyAsync(FrameWay way, Peer peer, ReadOnlyMemory<byte> frame)
    {
        try
        {
            await way.Link.Client.SendAsync("PUBLISH", peer.Channel, frame);
        }
        catch (RedisException error)
        {
            throw way.Link.Fault(error);
        }
    }

    // Whom nobody hears anywhere has no inbox now: the frame is lost, and the link sends it again.
    private async ValueTask SendAnyAsync(Peer peer, ReadOnlyMemory<byte> frame)
    {
        ClusterEngineException? fault = null;
        for (var tries = 0; tries < _ways.Length; tries++)
        {
            var number = peer.Route.Next(Now, _works);
            var way = _ways[number];
            try
            {
                var heard = await way.Link.Client.SendAsync(Patience, "PUBLISH", peer.Channel, frame);
                if (heard.AsInteger() > 0)
                    return;
            }
            catch (RedisException error)
            {
                fault = way.Link.Fault(error);
                if (error.Kind == RedisErrorKind.Timeout)
                    way.Inbox?.Suspect();
            }

            peer.Route.Avoid(number, Now);
        }

        if (fault is not null)
            throw fault;
    }

    private Peer PeerOf(NodeId node)
    {
        if (_peers.TryGetValue(node, out var peer))
            return peer;
        if (_peers.Count >= MaxPeers)
            _peers.Clear();
        return _peers[node] = new Peer(Encoding.UTF8.GetBytes(_keys.Inbox(node)), new FrameRoute(_ring.OrderOf($"{_self}>{node}")));
    }

    private sealed record Peer(byte[] Channel, FrameRoute Route);
}
