using System.Buffers;

namespace Relay.Redis.Cluster;

/// <summary>How a cluster lives in Redis.</summary>
public sealed record RedisClusterOptions
{
    private static readonly SearchValues<char> Unusable = SearchValues.Create("{} \t\r\n");

    /// <summary>
    /// Begins every key and channel, in braces, so that all of a cluster's keys lie on one server of a Redis Cluster: <c>{relay}:state</c>. Clusters that share a
    /// Redis need different ones. Not empty; neither braces nor blanks.
    /// </summary>
    public string Prefix { get; init; } = "relay";

    /// <summary>Parts that channels are spread over. A node that was told of another number than the cluster has is refused (<c>SHARDS</c>).</summary>
    public int Shards { get; init; } = 256;

    /// <summary>For the answer to one step. Short of the time for which a node trusts its leases, so that there is time for another try.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often an engine sends itself a message to see whether its inbox works.</summary>
    public TimeSpan EchoPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>So many of them without an answer mean that frames may have been missed.</summary>
    public int EchoesMissed { get; init; } = 3;

    /// <summary>What cannot work; null when all is well.</summary>
    internal string? Problem()
    {
        if (Prefix.Length == 0 || Prefix.AsSpan().ContainsAny(Unusable))
            return $"Prefix '{Prefix}' of a cluster's keys must not be empty and hold neither braces nor blanks";
        return StepTimeout <= TimeSpan.Zero || EchoPeriod <= TimeSpan.Zero || EchoesMissed < 1 ? "StepTimeout and EchoPeriod must be above zero and EchoesMissed at least 1" : null;
    }
}
