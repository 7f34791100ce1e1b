using Relay.Cluster.Engine;

namespace Relay.Cluster.Rules;

/// <summary>
/// What a node knows of all shards. News may come in any order: of one shard the higher fence is the newer, and under the same fence "nobody" is, since a fence is given to one
/// owner once and stays when the shard is freed. Owned by one actor.
/// </summary>
public sealed class ShardTable
{
    private readonly NodeId?[] _owners;
    private readonly long[] _fences;

    public ShardTable(int shards)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shards);
        _owners = new NodeId?[shards];
        _fences = new long[shards];
    }

    public int Shards => _fences.Length;

    /// <summary>The memory of the store that all this is from; empty at first.</summary>
    public string Epoch { get; private set; } = "";

    /// <summary>The version of the last whole table taken in; 0 for none.</summary>
    public long Version { get; private set; }

    /// <summary>The highest fence ever heard of, in any epoch.</summary>
    public long HighestFence { get; private set; }

    /// <summary>Null when nobody holds the shard, or nobody is known to.</summary>
    public NodeId? Owner(int shard) => _owners[shard];

    public long Fence(int shard) => _fences[shard];

    /// <summary>Forgets everything but the highest fence: the store's memory is another one.</summary>
    public void Begin(string epoch)
    {
        Epoch = epoch;
        Version = 0;
        Array.Clear(_owners);
        Array.Clear(_fences);
    }

    /// <summary>Takes in a whole table of this epoch.</summary>
    public void Take(long version, IEnumerable<ShardEntry> entries)
    {
        foreach (var entry in entries)
        {
            Take(entry.Shard, entry.Owner, entry.Fence);
        }

        Version = Math.Max(Version, version);
    }

    /// <summary>Takes in one piece of news of this epoch.</summary>
    /// <returns>True when it is what holds now, old or new; false when something newer is known, or there is no such shard.</returns>
    public bool Take(int shard, NodeId? owner, long fence)
    {
        Heard(fence);
        if ((uint)shard >= (uint)_fences.Length || fence < _fences[shard] || (fence == _fences[shard] && owner is not null && _owners[shard] != owner))
        {
            return false;
        }

        _owners[shard] = owner;
        _fences[shard] = fence;
        return true;
    }

    /// <summary>A fence from elsewhere, such as a journal's refusal: the store will give higher ones only.</summary>
    public void Heard(long fence) => HighestFence = Math.Max(HighestFence, fence);
}
