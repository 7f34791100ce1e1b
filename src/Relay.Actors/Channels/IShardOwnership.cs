namespace Relay.Actors.Channels;

/// <summary>What the channels of a node must know when it shares them with others. Thread-safe.</summary>
public interface IShardOwnership
{
    /// <summary>
    /// Whether the node may act as an owner at this very moment: another may have taken its shards where it has not heard of the store for too long (docs/cluster.md, "Trust").
    /// </summary>
    bool MayAct { get; }

    /// <summary><see cref="MayAct"/>, and the channel is not known to be another's: one that ends because it was lost acts no more.</summary>
    bool MayActOn(string channel);

    /// <summary>Changes whenever the node has begun to serve a shard.</summary>
    long Version { get; }

    /// <summary>Whether this node serves the channel now.</summary>
    bool Owns(string channel);

    /// <summary>Whether this node has begun to serve the channel a moment ago, so that replicas which had another owner may only be about to come to it.</summary>
    bool HasJustBegun(string channel);

    /// <summary>Whether a node, named as its replicas name it, is a member of the cluster.</summary>
    bool IsMember(string node);

    /// <summary>The fence to write under; 0 when this node does not serve the channel.</summary>
    long FenceOf(string channel);

    /// <summary>A journal has seen a higher fence than this node's.</summary>
    void Fenced(string channel, long seen);
}
