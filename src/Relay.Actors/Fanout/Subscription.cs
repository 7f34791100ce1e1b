using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// One client on one channel. Made by the connection's actor and handed to the channel's replica, which owns everything but
/// <see cref="Filter"/>.
/// </summary>
public sealed class Subscription(ClientConnection client, string channel)
{
    private EventFilter? _filter;

    /// <summary>Who.</summary>
    public ClientConnection Client { get; } = client;

    /// <summary>On what.</summary>
    public string Channel { get; } = channel;

    /// <summary>True when <see cref="Channel"/> is a pattern.</summary>
    public bool IsPattern { get; init; }

    /// <summary>Name of the replica that serves it.</summary>
    public string Entity => IsPattern ? PatternReplica.EntityOf(Channel) : Channel;

    /// <summary>Id of the request to ack; None for silent subscriptions.</summary>
    public RequestId RequestId { get; init; }

    /// <summary>Position to resume from; null = from now on.</summary>
    public StreamPosition? Since { get; init; }

    /// <summary>Newest events to replay; 0 = none.</summary>
    public int Last { get; init; }

    /// <summary>Begins with the newest event of each key; beside <see cref="Since"/> only where that cannot be resumed from.</summary>
    public bool LastPerKey { get; init; }

    /// <summary>Begins with what was accepted at this time or later, microseconds since 1970-01-01 UTC; null = not by time.</summary>
    public long? FromMicros { get; init; }

    /// <summary>Whether it counts as present, and of which joins and leaves it is told.</summary>
    public PresenceWish Presence { get; init; }

    /// <summary>Only these events; null = all. May be exchanged at any time by the connection's actor (hooks <c>subscribe</c>).</summary>
    public EventFilter? Filter
    {
        get => Volatile.Read(ref _filter);
        set => Volatile.Write(ref _filter, value is { PassesAll: true } ? null : value);
    }

    /// <summary>True for a silent subscription that asks for nothing in particular: where the client is subscribed already, it changes nothing.</summary>
    internal bool HasNoWishes => !RequestId.IsPresent && WantsNothingFromBefore && Presence == PresenceWish.None && Filter is null;

    /// <summary>True when it begins where the channel stands.</summary>
    internal bool WantsNothingFromBefore => Since is null && Last == 0 && !LastPerKey && FromMicros is null;

    /// <summary>The client's earlier subscription to the channel, which ends when this one starts; null when there is none, or no longer.</summary>
    internal Subscription? Replaces { get; set; }

    /// <summary>The channel's epoch and the offset after which live events are delivered; set by the replica when it starts.</summary>
    internal StreamPosition StartedAt { get; set; }

    /// <summary>Since when it gets live events, microseconds since 1970-01-01 UTC; 0 = it does not yet.</summary>
    internal long LiveMicros { get; set; }

    /// <summary>Index among the subscribers of the same encoding; -1 while not started.</summary>
    internal int Index { get; set; } = -1;

    /// <summary>Not null until it has what it asked for from before.</summary>
    internal CatchUp? CatchUp { get; set; }

    /// <summary>True when it was removed, perhaps before it started.</summary>
    internal bool IsRemoved { get; set; }

    /// <summary>True when it was refused: its connection does not have it. Set before the connection is told.</summary>
    internal bool IsRefused { get; set; }

    /// <summary>Offsets the client has acked and that may still be sent again; see <see cref="Redelivery"/>.</summary>
    internal HashSet<long>? Acked { get; set; }
}
