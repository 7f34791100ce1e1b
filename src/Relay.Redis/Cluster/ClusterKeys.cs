using Relay.Cluster;

namespace Relay.Redis.Cluster;

/// <summary>Names of a cluster's keys and channels. One hash tag for all of them.</summary>
internal sealed class ClusterKeys(string prefix)
{
    /// <summary>Hash: epoch, run, version, fence, members and shards; see <c>prelude.lua</c>.</summary>
    public string State { get; } = $"{{{prefix}}}:state";

    /// <summary>Hash: the sequence of slots for reconnecting clients; see <c>reserve.lua</c>.</summary>
    public string Slots { get; } = $"{{{prefix}}}:slots";

    /// <summary>Channel: every new version, in digits.</summary>
    public string Changes { get; } = $"{{{prefix}}}:changes";

    /// <summary>Channel: frames for one run of a node.</summary>
    public string Inbox(NodeId node) => $"{{{prefix}}}:in:{node}";

    /// <summary>Channel: what a node sends itself to see whether its inbox works. Not the inbox, so that frames are passed on as they are.</summary>
    public string Echo(NodeId node) => $"{{{prefix}}}:echo:{node}";
}
