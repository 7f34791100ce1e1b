using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Resp;

namespace Relay.Redis.Cluster;

/// <summary>
/// All shards as they were in one version of one epoch. Immutable. Every change of an owner or a fence makes a version, so while the store is still at this one, the table
/// also says which leases are lost: a heartbeat need not carry them.
/// </summary>
internal sealed class ClusterTable
{
    private readonly Dictionary<int, ShardEntry> _byShard;

    private ClusterTable(string epoch, long version, Dictionary<int, ShardEntry> byShard)
    {
        Epoch = epoch;
        Version = version;
        _byShard = byShard;
        Entries = [.. byShard.Values];
    }

    public static ClusterTable None { get; } = new("", 0, []);

    public string Epoch { get; }

    public long Version { get; }

    public IReadOnlyList<ShardEntry> Entries { get; }

    /// <param name="state">Fields and values of the state's hash, in turn.</param>
    /// <exception cref="RedisException">Kind Protocol: it does not hold what it should.</exception>
    public static ClusterTable Read(string epoch, long version, ReadOnlySpan<RedisValue> state)
    {
        var rows = new Dictionary<int, ShardEntry>();
        for (var i = 0; i + 1 < state.Length; i += 2)
        {
            if (!state[i].AsMemory().Span.StartsWith("s:"u8))
                continue;
            var shard = (int)ClusterText.Number(state[i].AsString()!.AsSpan(2));
            var row = state[i + 1].AsString()!.Split(' ');
            if (row.Length != 4)
                throw ClusterText.Strange(string.Join(' ', row));
            rows[shard] = new ShardEntry(shard, row[1] == "-" ? null : ClusterText.Node(row[1]), ClusterText.Number(row[0]));
        }

        return new ClusterTable(epoch, version, rows);
    }

    /// <summary>Those of the leases that the node does not hold under their fences.</summary>
    public IReadOnlyList<int> Lost(NodeId node, IReadOnlyList<OwnedShard> leases)
    {
        List<int>? lost = null;
        foreach (var lease in leases)
        {
            if (!_byShard.TryGetValue(lease.Shard, out var entry) || entry.Owner != node || entry.Fence != lease.Fence)
                (lost ??= []).Add(lease.Shard);
        }

        return lost is null ? [] : lost;
    }
}
