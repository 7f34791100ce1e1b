using Relay.Cluster.Rules;
using Relay.Cluster.TestKit;

namespace Relay.Cluster.Tests.Simulation;

/// <summary>The first rule that a schedule broke.</summary>
internal sealed class BrokenRuleException(string message) : Exception(message);

/// <summary>
/// A cluster in virtual time: one thread, one queue of events, one seed. The same seed gives the same run, to the last event. Watches over what must hold at every
/// instant: one node acts on a shard, fences of a shard grow, moves are bounded, and the decisions say the same as <see cref="Ownership.MayAct"/>.
/// </summary>
internal sealed class World
{
    private readonly PriorityQueue<Action, (long At, long Order)> _queue = new();
    private readonly Dictionary<int, long> _fences = [];
    private readonly List<string> _log = [];
    private readonly int _movesAtOnce;
    private long _order;
    private readonly long _storeClockAtStart;
    private long _jumps;
    private bool _wentBack;

    public World(int seed, int shards, int movesAtOnce = 4, SimulatedStore? store = null)
    {
        Seed = seed;
        Shards = shards;
        _movesAtOnce = movesAtOnce;
        Random = new Random(seed);
        Network = new Network(Random);
        Store = store ?? new SimulatedStore();
        _storeClockAtStart = Store.Clock;
    }

    public int Seed { get; }

    public int Shards { get; }

    public Random Random { get; }

    public Network Network { get; }

    public SimulatedStore Store { get; }

    public bool IsStoreUp { get; set; } = true;

    /// <summary>Microseconds since the start.</summary>
    public long Time { get; private set; }

    /// <summary>All runs of all nodes, the ended ones included.</summary>
    public List<SimulatedNode> Nodes { get; } = [];

    public IEnumerable<SimulatedNode> Living => Nodes.Where(static node => !node.IsOver);

    /// <summary>Moves begun since <see cref="CountMoves"/>, by shard.</summary>
    public Dictionary<int, int> Moves { get; } = [];

    public int Starts { get; private set; }

    public int Decisions { get; private set; }

    /// <summary>Every decision with its time; two runs of one seed are compared by it.</summary>
    public IReadOnlyList<string> Log => _log;

    public bool KeepsLog { get; init; }

    public SimulatedNode Add(string name, double rate = 1, ClusterTimes? times = null)
    {
        var node = new SimulatedNode(this, new NodeId(name, (ulong)Random.NextInt64()), rate, times ?? new ClusterTimes(), _movesAtOnce);
        Nodes.Add(node);
        node.Rules.Pin(Pins);
        return node;
    }

    /// <summary>Where operators want shards to be.</summary>
    public IReadOnlyDictionary<int, NodeId> Pins { get; private set; } = new Dictionary<int, NodeId>();

    /// <summary>An operator wants a shard on a node, or wherever it belongs; nodes hear of it one after the other, and of the newest wishes.</summary>
    public void Pin(int shard, NodeId? to)
    {
        var pins = new Dictionary<int, NodeId>(Pins);
        pins.Remove(shard);
        if (to is { } node)
        {
            pins.Add(shard, node);
        }

        Pins = pins;
        foreach (var one in Nodes.ToArray())
        {
            After(Random.Next(5_000_000), () => one.Run(() => one.Rules.Pin(Pins)));
        }
    }

    public SimulatedNode? Find(NodeId id) => Nodes.Find(node => node.Id == id && !node.IsOver);

    public void After(long microseconds, Action action) => _queue.Enqueue(action, (Time + microseconds, _order++));

    /// <summary>The store lost what it had, or its last moments.</summary>
    public bool LostMemory { get; set; }

    public void JumpStoreClock(long microseconds)
    {
        _jumps += microseconds;
        _wentBack |= microseconds < 0;
    }

    /// <summary>Everything up to a time, seconds since the start.</summary>
    public void RunUntil(double seconds)
    {
        var end = (long)(seconds * 1_000_000);
        while (_queue.TryPeek(out _, out var next) && next.At <= end)
        {
            Time = next.At;
            _queue.Dequeue()();
        }

        Time = end;
    }

    public T OnStore<T>(Func<SimulatedStore, T> step)
    {
        Store.Clock = _storeClockAtStart + Time + _jumps;
        var before = Store.Version;
        var answer = step(Store);
        if (Store.Version != before)
        {
            Tell(Store.Version);
        }

        return answer;
    }

    public void CountMoves() => Moves.Clear();

    public void Note(NodeId node, Decision decision)
    {
        Decisions++;
        if (decision is Decision.BeginMove move)
        {
            Moves[move.Shard] = Moves.GetValueOrDefault(move.Shard) + 1;
        }

        if (KeepsLog)
        {
            _log.Add($"{Time / 1e6:f6} {node.Name} {decision}");
        }
    }

    /// <summary>
    /// A node starts to serve a shard. Only a store that lost its memory and whose clock was set back may give too low a fence; then the journal says so, in its time.
    /// </summary>
    public void Began(NodeId node, int shard, long fence)
    {
        Starts++;
        if (fence <= _fences.GetValueOrDefault(shard))
        {
            if (_wentBack && LostMemory)
            {
                After(1, () => Find(node)?.Refused(shard, _fences[shard]));
                return;
            }

            throw Broken($"{node} begins shard {shard} under fence {fence}, not above {_fences[shard]}");
        }

        _fences[shard] = fence;
    }

    /// <summary>What must hold at every instant.</summary>
    public void Check(string after)
    {
        for (var shard = 0; shard < Shards; shard++)
        {
            SimulatedNode? acting = null;
            foreach (var node in Nodes)
            {
                if (!node.Acts(shard))
                {
                    continue;
                }

                if (acting is not null)
                {
                    throw Broken($"shard {shard} is acted on by {acting.Id} and {node.Id} after {after}");
                }

                acting = node;
                if (!node.ServesByDecisions(shard))
                {
                    throw Broken($"{node.Id} may act on shard {shard}, but its decisions say otherwise, after {after}");
                }
            }
        }

        foreach (var node in Nodes)
        {
            if (node.Rules.MovesUnderWay > _movesAtOnce)
            {
                throw Broken($"{node.Id} moves {node.Rules.MovesUnderWay} shards at once");
            }
        }
    }

    /// <summary>Every shard is served by the member that ranks highest for it, and nothing moves.</summary>
    public void CheckSettled()
    {
        var up = Living.ToArray();
        var placement = new Placement(up.Select(static node => node.Id), Shards, Pins);
        for (var shard = 0; shard < Shards; shard++)
        {
            var owner = placement.Owner(shard);
            if (up.FirstOrDefault(node => node.Acts(shard)) is { } served && served.Rules.FenceOf(shard) != _fences[shard])
            {
                throw Broken($"shard {shard} is served under {served.Rules.FenceOf(shard)}, and the journal has seen {_fences[shard]}");
            }

            if (up.FirstOrDefault(node => node.Acts(shard))?.Id != owner)
            {
                throw Broken($"shard {shard} belongs to {owner}, the store says {Store.Owner(shard)}, served by {up.FirstOrDefault(node => node.Acts(shard))?.Id}");
            }
        }

        if (up.FirstOrDefault(static node => node.Rules.MovesUnderWay > 0) is { } moving)
        {
            throw Broken($"{moving.Id} still moves shards");
        }

        if (up.FirstOrDefault(static node => node.Rules.State == Engine.MemberState.Leaving) is { } leaving)
        {
            throw Broken($"{leaving.Id} has not left");
        }
    }

    public BrokenRuleException Broken(string rule) => new($"seed {Seed} at {Time / 1e6:f6} s: {rule}");

    private void Tell(long version)
    {
        foreach (var node in Living)
        {
            if (Network.Message() is { } delay)
            {
                After(delay, () => node.Run(() => node.Rules.Changed(version, node.Now)));
            }
        }
    }
}
