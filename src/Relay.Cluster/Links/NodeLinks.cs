using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Relay.Cluster.Engine;

namespace Relay.Cluster.Links;

/// <summary>
/// Reliable, ordered messages between this run of a node and its peers, over the frames of an <see cref="IClusterEngine"/>: within a session each message arrives once, in order. The
/// rules: docs/cluster.md, "Links between nodes". All members may be called from any thread, also within a call of the handler.
/// </summary>
public sealed class NodeLinks : IAsyncDisposable
{
    private readonly NodeId _self;
    private readonly LinkContext _context;
    private readonly Lock _gate = new();

    // Peers that are gone while the handler hears of it: should they come back now, what is told of them still has one order.
    private readonly Dictionary<NodeId, LinkPeer> _leaving = [];
    private volatile PeerMap _peers = PeerMap.Empty;
    private ILinkHandler? _handler;
    private bool _isDisposed;

    /// <param name="engine">Stays its owner's. Its listener has to pass on <see cref="IClusterListener.OnFrame"/> and <see cref="IClusterListener.OnInboxRestored"/>.</param>
    /// <param name="meter">Stays its maker's to dispose; null = one of its own.</param>
    /// <exception cref="ArgumentException">The options cannot work.</exception>
    public NodeLinks(NodeId self, IClusterEngine engine, LinkOptions options, TimeProvider time, ILoggerFactory loggers, Meter? meter = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(loggers);
        if (options.Problem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        _self = self;
        _context = new LinkContext(self, engine, options, time, loggers.CreateLogger<NodeLinks>(), meter);
        _context.Metrics.Show(() => _peers.All.Sum(static peer => peer.Kept));
    }

    /// <summary>The meter <c>Relay.Cluster</c> of this node.</summary>
    internal Meter Meter => _context.Metrics.Meter;

    /// <summary>Once, before anything else.</summary>
    public void Start(ILinkHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        if (Interlocked.CompareExchange(ref _handler, handler, comparand: null) is not null)
        {
            throw new InvalidOperationException("Links are started once.");
        }
    }

    /// <summary>A frame from the engine's listener. One that means nothing is counted and dropped.</summary>
    public void OnFrame(ReadOnlySpan<byte> frame)
    {
        _context.Metrics.Received(frame.Length);
        var drop = LinkFrame.Read(frame, out var header, out var key, out var messages);
        if (drop == LinkDrop.None)
        {
            if (_peers.Find(key) is { } peer)
            {
                peer.OnFrame(header, messages, frame);
                return;
            }

            drop = LinkDrop.Stranger;
        }
        else if (drop == LinkDrop.Version)
        {
            _context.UnknownVersion(frame[0]);
        }

        _context.Metrics.Dropped(drop);
    }

    /// <summary>Frames may have been missed: all peers are asked at once to send again what did not arrive.</summary>
    public void OnInboxRestored()
    {
        foreach (var peer in _peers.All)
        {
            peer.OnInboxRestored();
        }
    }

    /// <summary>
    /// All members of the cluster; this node itself is skipped. A session is begun with each that is new; with those that are gone it ends, which the handler is told before this returns
    /// (unless it is being called just now). A run that was gone and comes back begins anew.
    /// </summary>
    /// <exception cref="InvalidOperationException">Not started.</exception>
    public void SetPeers(IReadOnlyCollection<NodeId> peers)
    {
        ArgumentNullException.ThrowIfNull(peers);
        var handler = _handler ?? throw new InvalidOperationException("Links have to be started first.");
        List<LinkPeer> joining = [];
        List<LinkPeer> leaving = [];
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            foreach (var (id, former) in _leaving.ToArray())
            {
                if (!former.IsTelling)
                {
                    _leaving.Remove(id);
                }
            }

            var members = new Dictionary<NodeId, LinkPeer>();
            foreach (var id in peers)
            {
                if (id == _self || members.ContainsKey(id))
                {
                    continue;
                }

                if (_peers.Find(id) is not { } peer)
                {
                    if (!_leaving.Remove(id, out peer))
                    {
                        peer = new LinkPeer(id, _context, handler);
                    }

                    peer.Join();
                    joining.Add(peer);
                }

                members.Add(id, peer);
            }

            foreach (var (id, peer) in _peers.ById)
            {
                if (!members.ContainsKey(id))
                {
                    peer.Leave(tells: true);
                    leaving.Add(peer);
                    _leaving[id] = peer;
                }
            }

            _peers = new PeerMap(members);
        }

        leaving.ForEach(static peer => peer.Tell());
        joining.ForEach(static peer => peer.Pump());
    }

    /// <summary>Copies the message and sends it, at once if not much is under way to the peer, else together with what gathers.</summary>
    /// <returns>False when there is no session with the peer (from <see cref="ILinkHandler.OnConnected"/> to the end of that session), or <see cref="LinkOptions.MaxUnacked"/> is reached.</returns>
    /// <exception cref="ArgumentException">The message is larger than <see cref="LinkOptions.MaxMessage"/>.</exception>
    public bool TrySend(NodeId to, ReadOnlySpan<byte> message)
    {
        if (message.Length > LinkOptions.MaxMessage)
        {
            throw new ArgumentException($"A message of {message.Length} bytes is larger than {LinkOptions.MaxMessage}", nameof(message));
        }

        return _peers.Find(to) is { } peer && peer.TrySend(message);
    }

    /// <summary>Everything that was taken for sending until now, to all peers; for <see cref="HasReached"/>.</summary>
    public LinkMark Mark() => new([.. _peers.ById.Select(static peer => (Peer: peer.Value, Mark: peer.Value.Mark())).Where(static one => one.Mark is not null).Select(static one => (one.Peer, one.Mark!.Value))]);

    /// <summary>Whether the peers have received all that was marked; those whose sessions are over do not count.</summary>
    public static bool HasReached(LinkMark mark)
    {
        ArgumentNullException.ThrowIfNull(mark);
        return mark.Peers.All(static one => one.Peer.HasReached(one.Mark));
    }

    /// <summary>Ends the session on both sides, where <see cref="ILinkHandler.OnReset"/> tells of it, and begins a new one. No effect when there is none.</summary>
    public void Reset(NodeId peer) => _peers.Find(peer)?.Reset();

    /// <summary>Nothing is sent any more, and the handler is told nothing more; a call of it that is under way on another thread may still be.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var peer in _peers.All)
            {
                peer.Leave(tells: false);
                peer.Tell();
            }

            _peers = PeerMap.Empty;
        }

        _context.Metrics.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>For tests.</summary>
    internal Link? LinkTo(NodeId peer) => _peers.Find(peer)?.Link;
}
