using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links.Simulation;

/// <summary>One run of a node: sends numbered messages and checks what it is told.</summary>
internal sealed class LinkNode : ILinkHandler
{
    private const int Head = 16;

    private readonly LinkWorld _world;
    private readonly LinkOptions _options;
    private readonly Queue<Action> _asleep = new();
    private readonly Dictionary<NodeId, Side> _sides = [];
    private long _sessions;
    private bool _isPaused;
    private int _deaf;

    public LinkNode(LinkWorld world, NodeId id, LinkOptions options)
    {
        _world = world;
        _options = options;
        Id = id;
        Links = new NodeLinks(id, new SimulatedWire(world, this), options, new NodeTime(this), NullLoggerFactory.Instance);
        Links.Start(this);
    }

    public NodeId Id { get; }

    public NodeLinks Links { get; }

    public bool IsOver { get; private set; }

    /// <summary>Now, or when the pause is over.</summary>
    public void Run(Action action)
    {
        if (_isPaused)
        {
            _asleep.Enqueue(action);
        }
        else if (!IsOver)
        {
            action();
        }
    }

    public void Pause(double milliseconds)
    {
        if (_isPaused)
        {
            return;
        }

        _isPaused = true;
        _world.After(milliseconds, () =>
        {
            _isPaused = false;
            while (!_isPaused && _asleep.TryDequeue(out var action))
            {
                Run(action);
            }
        });
    }

    public void LoseInbox(double milliseconds)
    {
        _deaf++;
        _world.After(milliseconds, () => Run(() =>
        {
            _deaf--;
            Links.OnInboxRestored();
        }));
    }

    public void Crash()
    {
        IsOver = true;
        Links.DisposeAsync().AsTask().Wait();
    }

    public void Hear(byte[] frame)
    {
        if (_deaf == 0)
        {
            Links.OnFrame(frame);
            Check();
        }
    }

    /// <summary>Some messages, of some size.</summary>
    public void Send(NodeId to, int count, int size)
    {
        for (var i = 0; i < count; i++)
        {
            var side = SideOf(to);
            var message = new byte[Head + size];
            BinaryPrimitives.WriteInt64LittleEndian(message, side.Session);
            BinaryPrimitives.WriteInt64LittleEndian(message.AsSpan(8), side.Sent + 1);
            message.AsSpan(Head).Fill((byte)(side.Sent + 1));

            // Counted first: the handler may be told of the end while this is being sent.
            side.Sent++;
            if (!Links.TrySend(to, message))
            {
                side.Sent--;
                return;
            }

            if (!side.IsConnected)
            {
                throw _world.Broken($"{Id} could send to {to} without a session");
            }
        }

        Check();
    }

    public void OnConnected(NodeId peer)
    {
        var side = SideOf(peer);
        if (side.IsConnected)
        {
            throw _world.Broken($"{Id} was connected to {peer} twice");
        }

        _world.Note($"{Id} connected {peer}");
        side.IsConnected = true;
        side.Record = _world.Began(Id, peer, Links.LinkTo(peer)!.Pair);
        side.Session = ++_sessions;
        side.Sent = side.Received = side.PeersSession = 0;
        if (_world.Random.Next(2) == 0)
        {
            Send(peer, 2, 10);
        }
    }

    public void OnMessage(NodeId from, ReadOnlySpan<byte> message)
    {
        var side = SideOf(from);
        var session = BinaryPrimitives.ReadInt64LittleEndian(message);
        var number = BinaryPrimitives.ReadInt64LittleEndian(message[8..]);
        if (!side.IsConnected || side.IsInside)
        {
            throw _world.Broken($"{Id} got a message of {from} outside of a session, or within another");
        }

        if (side.Received == 0)
        {
            if (session <= side.LastSession)
            {
                throw _world.Broken($"{Id} got a message of session {session} of {from} after one of {side.LastSession}");
            }

            side.PeersSession = side.LastSession = session;
        }

        if (session != side.PeersSession || number != side.Received + 1)
        {
            throw _world.Broken($"{Id} got message {session}/{number} of {from} after {side.PeersSession}/{side.Received}");
        }

        if (message[Head..].ContainsAnyExcept((byte)number))
        {
            throw _world.Broken($"{Id} got spoilt bytes from {from}");
        }

        side.Received = number;
        _world.Delivered++;
        _world.Note($"{Id} got {session}/{number} of {from}");
        React(from, side);
    }

    public void OnReset(NodeId peer)
    {
        var side = SideOf(peer);
        if (!side.IsConnected)
        {
            throw _world.Broken($"{Id} was told of the end of no session with {peer}");
        }

        _world.Note($"{Id} reset {peer}");
        side.IsConnected = false;
        side.Record!.Ended.Add(Id);
    }

    public void CheckSettled(LinkNode peer)
    {
        var (mine, theirs) = (SideOf(peer.Id), peer.SideOf(Id));
        if (!mine.IsConnected || !ReferenceEquals(mine.Record, theirs.Record))
        {
            throw _world.Broken($"{Id} and {peer.Id} are not in one session: {mine.Record?.Name} and {theirs.Record?.Name}");
        }

        if (theirs.Received != mine.Sent || Links.LinkTo(peer.Id)!.Kept != 0)
        {
            throw _world.Broken($"{peer.Id} got {theirs.Received} of {mine.Sent} messages of {Id}, which keeps {Links.LinkTo(peer.Id)!.Kept} bytes");
        }
    }

    private void React(NodeId from, Side side)
    {
        side.IsInside = true;
        var what = _world.Random.Next(100);
        if (what < 20)
        {
            Send(from, 1, 20);
        }
        else if (what == 20 && _world.Happens(0.3))
        {
            Links.Reset(from);
        }

        side.IsInside = false;
    }

    private void Check()
    {
        foreach (var peer in _sides.Keys)
        {
            if (Links.LinkTo(peer) is { } link && link.Kept > Math.Max(_options.MaxUnacked, LinkSchedule.Largest + Head + 4))
            {
                throw _world.Broken($"{Id} keeps {link.Kept} bytes for {peer}");
            }
        }
    }

    private Side SideOf(NodeId peer)
    {
        if (!_sides.TryGetValue(peer, out var side))
        {
            _sides.Add(peer, side = new Side());
        }

        return side;
    }

    /// <summary>What this node knows of its session with a peer.</summary>
    private sealed class Side
    {
        public bool IsConnected { get; set; }

        public bool IsInside { get; set; }

        public SessionRecord? Record { get; set; }

        public long Session { get; set; }

        public long Sent { get; set; }

        public long Received { get; set; }

        public long PeersSession { get; set; }

        public long LastSession { get; set; }
    }

    /// <summary>The world's time; timers wait while the node is paused.</summary>
    private sealed class NodeTime(LinkNode node) : TimeProvider
    {
        public override long TimestampFrequency => node._world.Time.TimestampFrequency;

        public override long GetTimestamp() => node._world.Time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => node._world.Time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            node._world.Time.CreateTimer(_ => node.Run(() => callback(state)), state: null, dueTime, period);
    }
}
