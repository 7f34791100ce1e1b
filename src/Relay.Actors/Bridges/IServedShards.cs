namespace Relay.Actors.Bridges;

/// <summary>Which parts of the channels this node serves. Thread-safe.</summary>
public interface IServedShards
{
    /// <summary>Parts that channels are spread over.</summary>
    int Count { get; }

    /// <summary>Changes whenever the node has begun to serve a shard.</summary>
    long Version { get; }

    /// <summary>Which part a channel lies in: 0 to <see cref="Count"/> - 1.</summary>
    int ShardOf(string channel);

    /// <summary>The fence of one part; 0 when this node does not serve it.</summary>
    long FenceOf(int shard);
}
