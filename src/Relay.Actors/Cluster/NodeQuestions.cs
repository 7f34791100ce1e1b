using Relay.Cluster;

namespace Relay.Actors.Cluster;

/// <summary>What one node asks all others. A number is never used for anything else again.</summary>
internal enum NodeTopic : byte
{
    /// <summary>The chat sessions that live there.</summary>
    Sessions = 1,

    /// <summary>Subscribers by channel, of dialects.</summary>
    Channels = 2,

    /// <summary>The same, and deliveries that are not confirmed.</summary>
    Stats = 3,

    /// <summary>What its operators' interface says to a verb with its arguments.</summary>
    Admin = 4,
}

/// <summary>
/// Questions to all other nodes at once, for the few that somebody asks by hand: lists and counts over HTTP. Who does not answer in time is left out. Thread-safe.
/// </summary>
/// <param name="answer">What this node says, in parts of at most some hundred kilobytes; the bytes are the question's own.</param>
/// <param name="time">For the bound.</param>
internal sealed class NodeQuestions(Func<NodeTopic, byte[], Task<IReadOnlyList<byte[]>>> answer, TimeProvider time)
{
    /// <summary>A node that is well answers within milliseconds, a killed one is gone after 4 s: the list must not wait for it.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, Peer> _peers = [];
    private readonly Dictionary<long, Open> _open = [];
    private long _lastNumber;

    public void Connected(Peer peer)
    {
        lock (_gate)
        {
            _peers[peer.Node] = peer;
        }
    }

    public void Lost(Peer peer)
    {
        lock (_gate)
        {
            if (_peers.GetValueOrDefault(peer.Node) == peer)
            {
                _peers.Remove(peer.Node);
            }

            foreach (var open in _open.Values)
            {
                open.Leave(peer.Node);
            }
        }
    }

    /// <returns>The parts of all who answered.</returns>
    public async Task<IReadOnlyList<byte[]>> AskAsync(NodeTopic topic, byte[] more, CancellationToken cancellationToken) =>
        [.. (await AskEachAsync(topic, more, null, cancellationToken)).Parts.Select(static part => part.Bytes)];

    /// <summary>Asks all, or some, and says who did not answer. Nodes that are lost meanwhile count as silent.</summary>
    public async Task<NodeReplies> AskEachAsync(NodeTopic topic, byte[] more, Func<NodeId, bool>? wanted, CancellationToken cancellationToken)
    {
        Open open;
        Peer[] peers;
        lock (_gate)
        {
            peers = [.. _peers.Values.Where(peer => wanted?.Invoke(peer.Node) != false)];
            open = new Open(++_lastNumber, peers.Select(static peer => peer.Node));
            if (peers.Length > 0)
            {
                _open.Add(open.Number, open);
            }
        }

        var writer = new WireWriter().Byte((byte)NodeMessage.NodeAsked).Number(open.Number).Byte((byte)topic).Bytes(more);
        foreach (var peer in peers)
        {
            peer.TrySend(writer);
        }

        await open.Ended.WaitAsync(Bound, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            _open.Remove(open.Number);
            return new NodeReplies([.. open.Parts], [.. open.Silent]);
        }
    }

    /// <summary><see cref="NodeMessage.NodeAsked"/> or <see cref="NodeMessage.NodeTold"/>.</summary>
    public void Take(NodeMessage kind, Peer peer, ref WireReader reader)
    {
        var number = reader.Number();
        if (kind == NodeMessage.NodeAsked)
        {
            _ = AnswerAsync(peer, number, (NodeTopic)reader.Byte(), reader.Bytes().ToArray());
            return;
        }

        var (isLast, part) = (reader.Flag(), reader.Bytes().ToArray());
        lock (_gate)
        {
            if (_open.TryGetValue(number, out var open))
            {
                open.Take(peer.Node, part, isLast);
            }
        }
    }

    // What cannot be answered is left out, as by a node that is not there.
    private async Task AnswerAsync(Peer peer, long number, NodeTopic topic, byte[] more)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        IReadOnlyList<byte[]> parts = [];
        try
        {
            parts = await answer(topic, more);
        }
        catch (TimeoutException)
        {
            // Of a replica.
        }

        var writer = new WireWriter();
        for (var i = 0; i < Math.Max(1, parts.Count); i++)
        {
            peer.TrySend(writer.Clear().Byte((byte)NodeMessage.NodeTold).Number(number).Flag(i >= parts.Count - 1).Bytes(i < parts.Count ? parts[i] : []));
        }
    }

    private sealed class Open(long number, IEnumerable<NodeId> asked)
    {
        private readonly HashSet<NodeId> _missing = [.. asked];
        private readonly List<NodeId> _lost = [];
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long Number => number;

        public List<(NodeId Node, byte[] Bytes)> Parts { get; } = [];

        /// <summary>Who has not answered to the end.</summary>
        public IEnumerable<NodeId> Silent => _missing.Concat(_lost);

        public Task Ended => _missing.Count == 0 ? Task.CompletedTask : _done.Task;

        public void Take(NodeId node, byte[] part, bool isLast)
        {
            if (_missing.Contains(node))
            {
                Parts.Add((node, part));
                if (isLast)
                {
                    Done(node);
                }
            }
        }

        /// <summary>No answer comes of it any more.</summary>
        public void Leave(NodeId node)
        {
            if (_missing.Contains(node))
            {
                _lost.Add(node);
                Done(node);
            }
        }

        private void Done(NodeId node)
        {
            _missing.Remove(node);
            if (_missing.Count == 0)
            {
                _done.TrySetResult();
            }
        }
    }
}

/// <summary>What nodes answered.</summary>
/// <param name="Parts">In the order in which they came.</param>
/// <param name="Silent">Those that did not, or not to the end.</param>
internal sealed record NodeReplies(IReadOnlyList<(NodeId Node, byte[] Bytes)> Parts, IReadOnlyList<NodeId> Silent);
