using System.Runtime.InteropServices;
using Relay.Actors.Connections;
using Relay.Actors.Metrics;
using Relay.Actors.Sessions;
using Relay.Cluster;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>
/// What the nodes tell each other of themselves, once a second: connections, sessions, agents and what passed their channels. Nobody waits for it and nothing is repeated: what does not
/// arrive is missing in the figures. A node that is gone is not counted any more. Thread-safe.
/// </summary>
internal sealed class NodeNews(KeyFigures figures, ConnectionRegistry connections, SessionDirectory sessions, TimeProvider time)
{
    /// <summary>How often a node tells.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private const int Kinds = (int)DialectKind.Sse + 1;

    // A task has two, of some dozen bytes each.
    private const int NotesAtOnce = 5000;

    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, Told> _nodes = [];
    private HashSet<string> _agents = new(StringComparer.Ordinal);
    private bool _tellsAgents;

    // Whose figures this node, which had none, takes over; null = nobody's.
    private Peer? _heir;
    private bool _hasFigures;

    /// <summary>Chat sessions that live on any node.</summary>
    public int Sessions
    {
        get
        {
            lock (_gate)
            {
                return sessions.Count + _nodes.Values.Sum(static node => node.Sessions);
            }
        }
    }

    /// <summary>Agents with a connection to any node.</summary>
    public IReadOnlySet<string> Agents
    {
        get
        {
            lock (_gate)
            {
                var all = new HashSet<string>(_agents, StringComparer.Ordinal);
                foreach (var node in _nodes.Values)
                {
                    all.UnionWith(node.Agents);
                }

                return all;
            }
        }
    }

    /// <summary>Connections of these dialects to any node; those of others as of the last second.</summary>
    public int CountOf(params ReadOnlySpan<DialectKind> kinds)
    {
        var sum = connections.CountOf(kinds);
        lock (_gate)
        {
            foreach (var node in _nodes.Values)
            {
                foreach (var kind in kinds)
                {
                    sum += node.Connections[(int)kind];
                }
            }
        }

        return sum;
    }

    /// <summary>A session with another node began: it is told all there is, should it have nothing itself.</summary>
    public void Connected(Peer peer)
    {
        lock (_gate)
        {
            _nodes[peer.Node] = new Told(peer);
            _tellsAgents = true;
        }

        var all = figures.All(time.NowMicros());
        if (all.IsEmpty)
        {
            return;
        }

        var notes = CollectionsMarshal.AsSpan(all.Notes);
        var counts = CollectionsMarshal.AsSpan(all.Counts);
        do
        {
            var part = notes[..Math.Min(notes.Length, NotesAtOnce)];
            notes = notes[part.Length..];
            var writer = new WireWriter().Byte((byte)NodeMessage.FiguresAll);
            FigureWire.Write(writer, counts, part);
            peer.TrySend(writer);
            counts = [];
        }
        while (notes.Length > 0);
    }

    public void Lost(Peer peer)
    {
        lock (_gate)
        {
            if (_nodes.GetValueOrDefault(peer.Node)?.Peer == peer)
            {
                _nodes.Remove(peer.Node);
            }
        }
    }

    /// <summary>Tells the others.</summary>
    public void Tell()
    {
        var agents = connections.All.Select(static connection => connection.Agent).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var report = figures.TakeReport(time.NowMicros());
        Peer[] peers;
        bool tellsAgents;
        lock (_gate)
        {
            _hasFigures |= !report.IsEmpty;
            tellsAgents = _tellsAgents || !agents.SetEquals(_agents);
            _tellsAgents = false;
            _agents = agents;
            peers = [.. _nodes.Values.Select(static node => node.Peer)];
        }

        if (peers.Length == 0)
        {
            return;
        }

        var writer = new WireWriter().Byte((byte)NodeMessage.News).Count(sessions.Count).Count(Kinds);
        for (var kind = 0; kind < Kinds; kind++)
        {
            writer.Count(connections.CountOf((DialectKind)kind));
        }

        FigureWire.Write(writer, report);
        writer.Flag(tellsAgents);
        if (tellsAgents)
        {
            writer.Count(agents.Count);
            foreach (var agent in agents)
            {
                writer.Text(agent);
            }
        }

        foreach (var peer in peers)
        {
            peer.TrySend(writer);
        }
    }

    /// <summary><see cref="NodeMessage.News"/> or <see cref="NodeMessage.FiguresAll"/>.</summary>
    public void Take(NodeMessage kind, Peer peer, ref WireReader reader)
    {
        if (kind == NodeMessage.FiguresAll)
        {
            Inherit(peer, FigureWire.Read(ref reader));
            return;
        }

        var (count, byKind) = (reader.Count(), new int[Kinds]);
        for (var (i, left) = (0, reader.CountOf(1)); i < left; i++)
        {
            // A dialect of a later version has no place here.
            var number = reader.Count();
            if (i < Kinds)
            {
                byKind[i] = number;
            }
        }

        var report = FigureWire.Read(ref reader);
        HashSet<string>? agents = null;
        if (reader.Flag())
        {
            agents = new HashSet<string>(StringComparer.Ordinal);
            for (var left = reader.CountOf(1); left > 0; left--)
            {
                agents.Add(reader.Text());
            }
        }

        lock (_gate)
        {
            if (_nodes.GetValueOrDefault(peer.Node) is { } node && node.Peer == peer)
            {
                node.Sessions = count;
                node.Connections = byKind;
                node.Agents = agents ?? node.Agents;
            }

            _hasFigures |= !report.IsEmpty;
        }

        figures.Add(report);
    }

    // All nodes have the same figures; who has none takes those of the first that brings them.
    private void Inherit(Peer peer, FigureReport report)
    {
        lock (_gate)
        {
            _heir ??= _hasFigures ? null : peer;
            _hasFigures = true;
            if (_heir != peer)
            {
                return;
            }
        }

        figures.Add(report);
    }

    private sealed class Told(Peer peer)
    {
        public Peer Peer => peer;

        public int Sessions { get; set; }

        public int[] Connections { get; set; } = new int[Kinds];

        public HashSet<string> Agents { get; set; } = [];
    }
}
