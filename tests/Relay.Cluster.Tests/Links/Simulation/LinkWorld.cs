using Relay.Cluster.Links;
using Relay.Cluster.Tests.Simulation;
using Relay.Kernel.TestKit;

namespace Relay.Cluster.Tests.Links.Simulation;

/// <summary>What is done to a data frame right before its receiver gets it. Controls switch a rule off by it: see <see cref="LinkScheduleTests"/>.</summary>
internal delegate LinkHeader Tamper(in LinkHeader frame, Link receiver);

/// <summary>Time, network and nodes of one run; keeps the book of sessions.</summary>
internal sealed class LinkWorld(int seed, Tamper? tamper = null)
{
    private readonly Dictionary<(string One, string Other, long, long), SessionRecord> _sessions = [];
    private readonly Dictionary<(NodeId From, NodeId To), TimeSpan> _lastArrival = [];
    private readonly HashSet<(string From, string To)> _cut = [];
    private long _incarnations;
    private BrokenRuleException? _broken;

    public int Seed => seed;

    public Random Random { get; } = new(seed);

    public ManualTime Time { get; } = new();

    public List<LinkNode> Nodes { get; } = [];

    public IEnumerable<LinkNode> Living => Nodes.Where(static node => !node.IsOver);

    /// <summary>0 for a network that loses nothing.</summary>
    public double Badness { get; set; }

    /// <summary>Whether frames overtake each other.</summary>
    public bool Reorders { get; set; }

    public bool IsStoreUp { get; set; } = true;

    public long Delivered { get; set; }

    public long Frames { get; private set; }

    public int Sessions => _sessions.Count;

    public List<string>? Log { get; init; }

    public LinkNode Add(string name, LinkOptions options)
    {
        var node = new LinkNode(this, new NodeId(name, (ulong)++_incarnations), options);
        Nodes.Add(node);
        return node;
    }

    public void After(double milliseconds, Action action) =>
        Time.CreateTimer(_ => action(), state: null, TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);

    public bool Happens(double chance) => Random.NextDouble() < chance * Badness;

    public void Cut(string from, string to) => _cut.Add((from, to));

    public void Mend(string from, string to) => _cut.Remove((from, to));

    public void MendAll() => _cut.Clear();

    /// <summary>A frame is on its way, once, never, or twice.</summary>
    public void Carry(NodeId from, NodeId to, byte[] frame)
    {
        Frames++;
        if (Happens(0.05) || _cut.Contains((from.Name, to.Name)))
        {
            return;
        }

        Arrive(from, to, frame);
        if (Happens(0.05))
        {
            Arrive(from, to, frame);
        }
    }

    // Mostly a millisecond, sometimes longer than the time until a frame is sent again.
    public double Delay() => Happens(0.02) ? Random.Next(100, 4000) : Happens(0.1) ? Random.Next(2, 100) : 0.2 + Random.NextDouble();

    public void Note(string what) => Log?.Add($"{Time.Elapsed.TotalMilliseconds:f3} {what}");

    /// <summary>Keeps the first: what a handler throws ends at the links, not at the test.</summary>
    public BrokenRuleException Broken(string rule)
    {
        var broken = new BrokenRuleException($"seed {seed} at {Time.Elapsed.TotalMilliseconds:f1} ms: {rule}");
        _broken ??= broken;
        return broken;
    }

    public void Advance(double milliseconds)
    {
        Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        if (_broken is not null)
        {
            throw _broken;
        }
    }

    /// <summary>One side of a session has begun (true) or ended.</summary>
    public SessionRecord Began(NodeId self, NodeId peer, (long Mine, long Theirs) pair)
    {
        var isFirst = string.CompareOrdinal(self.ToString(), peer.ToString()) < 0;
        var key = isFirst ? (self.ToString(), peer.ToString(), pair.Mine, pair.Theirs) : (peer.ToString(), self.ToString(), pair.Theirs, pair.Mine);
        if (!_sessions.TryGetValue(key, out var record))
        {
            _sessions.Add(key, record = new SessionRecord(key.ToString()));
        }

        if (!record.Began.Add(self))
        {
            throw Broken($"{self} began session {record.Name} twice");
        }

        return record;
    }

    /// <summary>All is well again since long: everything has arrived, and both sides agree on which sessions there are and were.</summary>
    public void CheckSettled()
    {
        foreach (var node in Living)
        {
            foreach (var peer in Living.Where(peer => peer != node))
            {
                node.CheckSettled(peer);
            }
        }

        foreach (var record in _sessions.Values)
        {
            // Who crashed tells nobody.
            var living = record.Began.Where(id => Nodes.Exists(node => node.Id == id && !node.IsOver)).ToList();
            var ended = living.Count(record.Ended.Contains);
            if (ended != 0 && ended != living.Count)
            {
                throw Broken($"session {record.Name} was ended by {string.Join(' ', record.Ended)} only, of {string.Join(' ', living)}");
            }

            if (ended == 0 && living.Count == 1)
            {
                throw Broken($"session {record.Name} goes on at {living[0]} only");
            }
        }
    }

    private void Arrive(NodeId from, NodeId to, byte[] frame)
    {
        var at = Time.Elapsed + TimeSpan.FromMilliseconds(Delay());
        if (!Reorders && _lastArrival.TryGetValue((from, to), out var last) && at <= last)
        {
            at = last + TimeSpan.FromTicks(1);
        }

        _lastArrival[(from, to)] = at;
        After((at - Time.Elapsed).TotalMilliseconds, () =>
        {
            if (Nodes.Find(node => node.Id == to) is { } receiver)
            {
                receiver.Run(() => receiver.Hear(tamper is null ? frame : Tampered(frame, receiver)));
            }
        });
    }

    private byte[] Tampered(byte[] frame, LinkNode receiver)
    {
        Assert.Equal(LinkDrop.None, LinkFrame.Read(frame, out var header, out var key, out var messages));
        var sender = Nodes.Find(node => LinkFrame.Key(node.Id).AsSpan().SequenceEqual(LinkKey(frame)))!;
        if (header.Kind != LinkFrameKind.Data || receiver.Links.LinkTo(sender.Id) is not { } link)
        {
            return frame;
        }

        var copy = new byte[LinkFrame.HeaderLength(key) + messages.Length];
        LinkFrame.WriteHeader(copy, tamper!(header, link), key);
        messages.CopyTo(copy.AsSpan(LinkFrame.HeaderLength(key)));
        return copy;
    }

    private static byte[] LinkKey(byte[] frame)
    {
        LinkFrame.Read(frame, out _, out var key, out _);
        return key.ToArray();
    }
}

/// <summary>Who saw a session begin and end.</summary>
internal sealed class SessionRecord(string name)
{
    public string Name => name;

    public HashSet<NodeId> Began { get; } = [];

    public HashSet<NodeId> Ended { get; } = [];
}
