using Relay.Actors.Channels;
using Relay.Cluster;

namespace Relay.Actors.Cluster;

/// <summary>Where a shard stands on this node.</summary>
internal enum ShardPhase
{
    /// <summary>Elsewhere, or nowhere.</summary>
    Away,

    /// <summary>This node's; begins when the state is there that the former owner is to have sent.</summary>
    Awaiting,

    /// <summary>Its channels live here.</summary>
    Serving,

    /// <summary>Its channels end what they have begun, to go to another node.</summary>
    Draining,

    /// <summary>No channel lives here; their states go to another node.</summary>
    Drained,

    /// <summary>Lost: its channels stop.</summary>
    Ending,
}

/// <summary>One shard as its keeper sees it. Owned by the turn of the cluster's actor.</summary>
internal sealed class ShardSlot
{
    public ShardPhase Phase { get; set; }

    /// <summary>The fence it is held under; 0 when it is not.</summary>
    public long Fence { get; set; }

    /// <summary>Under which others ask for it: <see cref="ShardToken"/>; 0 while it is not served.</summary>
    public long Token { get; set; }

    /// <summary>The way to the owner; null where there is none.</summary>
    public RemoteShard? Remote { get; set; }

    /// <summary>The last node to say that it serves the shard, and its token.</summary>
    public (NodeId Node, long Token)? Announced { get; set; }

    /// <summary>Of the move out that is under way.</summary>
    public OutgoingMove? Out { get; set; }

    /// <summary>Of the move in that was agreed to.</summary>
    public IncomingMove? In { get; set; }

    /// <summary>How often its channels were let go.</summary>
    public long Evictions { get; set; }

    /// <summary>With <see cref="ShardPhase.Ending"/>: it is this node's again, under this fence, as soon as it has ended.</summary>
    public long? Next { get; set; }

    /// <summary>With <see cref="ShardPhase.Awaiting"/>: begin without the state then; a timestamp.</summary>
    public long AwaitUntil { get; set; }
}

/// <summary>A shard on its way to another node.</summary>
internal sealed class OutgoingMove(long number, NodeId to)
{
    public long Number => number;

    public NodeId To => to;

    /// <summary>The channels in memory, kept until the move is done or off.</summary>
    public IReadOnlyList<(string Channel, ChannelState State)> States { get; set; } = [];

    /// <summary>How many of them are on their way.</summary>
    public int Sent { get; set; }

    public bool IsEndSent { get; set; }

    /// <summary>What goes over while the shard is still served; null before and for nodes that do not take it.</summary>
    public StatesAhead? Ahead { get; set; }

    /// <summary>Not null once the move is off while the channels still end: whether the shard is served again then.</summary>
    public bool? ServesAfter { get; set; }
}

/// <summary>A shard on its way here.</summary>
internal sealed class IncomingMove(Peer from, long number, long since)
{
    public Peer From => from;

    public long Number => number;

    /// <summary>A timestamp.</summary>
    public long Since => since;

    public List<(string Channel, ChannelState State)> States { get; } = [];

    /// <summary>What came while the former owner still served them, by channel.</summary>
    public Dictionary<string, ChannelState> Ahead { get; } = new(StringComparer.Ordinal);

    public bool IsComplete { get; set; }

    /// <summary>The fence under which the former owner gave it away with this very state; 0 while it has not said so.</summary>
    public long GivenFence { get; set; }
}

/// <summary>
/// Names one time of serving a shard: the fence, and how often the owner has begun under it. A shard whose move came to nothing begins again under the same fence, and what was asked
/// before that is asked again.
/// </summary>
internal static class ShardToken
{
    // A fence is microseconds since 1970 or a little more: 54 bits for some centuries.
    private const int TimesBits = 8;

    public static long First(long fence) => fence << TimesBits;

    /// <summary>Behind <paramref name="last"/>, which may be of an earlier fence.</summary>
    public static long Next(long fence, long last) => last >> TimesBits == fence ? last + 1 : First(fence);
}
