using Relay.Kernel;

namespace Relay.Cluster.Rules;

/// <summary>
/// Which member should own which shard: rendezvous hashing (Thaler and Ravishankar, 1998), so that a member that comes takes only what becomes its own, and
/// one that goes leaves the others' shards where they are. The same on every node, in every version. Immutable.
/// </summary>
public sealed class Placement
{
    private readonly NodeId[] _members;
    private readonly NodeId[] _owners;
    private readonly IReadOnlyDictionary<int, NodeId> _pins;

    /// <param name="members">Any order; may be empty.</param>
    /// <param name="shards">How many.</param>
    /// <param name="pins">Shards that an operator gave to one member, which then ranks above all others; without effect where it is none. Null = none.</param>
    public Placement(IEnumerable<NodeId> members, int shards, IReadOnlyDictionary<int, NodeId>? pins = null)
    {
        _pins = pins ?? new Dictionary<int, NodeId>();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shards);
        _members = [.. members];
        _owners = new NodeId[_members.Length == 0 ? 0 : shards];
        for (var shard = 0; shard < _owners.Length; shard++)
        {
            _owners[shard] = _members[0];
            foreach (var member in _members)
            {
                if (IsAbove(shard, member, _owners[shard]))
                {
                    _owners[shard] = member;
                }
            }
        }
    }

    /// <summary>The weight of a node for a shard. Depends on the node's name only: a node that was restarted gets the same shards again.</summary>
    public static ulong Rank(int shard, NodeId node) =>
        Mix(ShardHash.Fnv1A(node.Name) ^ Mix((ulong)shard + 1));

    /// <summary>The highest-ranked member; null when there is none.</summary>
    public NodeId? Owner(int shard) => _owners.Length == 0 ? null : _owners[shard];

    /// <summary>How many members rank above <paramref name="node"/>, which need not be one.</summary>
    public int Position(int shard, NodeId node) => _members.Count(member => member != node && IsAbove(shard, member, node));

    /// <summary>What has to move so that nothing of <paramref name="held"/> stays with <paramref name="node"/> that another member ranks higher for; at most so many.</summary>
    public IEnumerable<(int Shard, NodeId To)> Moves(NodeId node, IEnumerable<int> held, int most) =>
        held.Where(shard => Owner(shard) is { } owner && owner != node).Take(most).Select(shard => (shard, _owners[shard]));

    // Two runs of one node may be members at the same time, the older one until its lease is over.
    private bool IsAbove(int shard, NodeId one, NodeId other)
    {
        if (_pins.TryGetValue(shard, out var pinned) && (one == pinned || other == pinned))
        {
            return one == pinned && one != other;
        }

        var (a, b) = (Rank(shard, one), Rank(shard, other));
        if (a != b)
        {
            return a > b;
        }

        var byName = string.CompareOrdinal(one.Name, other.Name);
        return byName != 0 ? byName > 0 : one.Incarnation > other.Incarnation;
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood 2014): FNV alone leaves the ranks of similar names alike.
    private static ulong Mix(ulong value)
    {
        value += 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
