using Relay.Protocol;

namespace Relay.Actors.Explain;

/// <summary>An event that a channel of this node accepted.</summary>
internal struct AcceptedEntry : ITextBearer
{
    /// <summary>Of its publish id; 0 = it has none.</summary>
    public ulong IdHash;
    public string Channel;
    public string Event;
    public StreamPosition Position;
    public long TimeMicros;
    public long ExpiresMicros;

    /// <summary>Connection that must not get it back; 0 = none.</summary>
    public long Excluded;

    /// <summary>Nodes that it went to; shared by the channel's events.</summary>
    public string[] Nodes;

    // The list of nodes may outlive its channel: header and one reference each.
    public readonly int Characters => Channel.Length + Event.Length + 12 + (4 * Nodes.Length);
}

/// <summary>Why a publish got no place of its own.</summary>
internal enum NotAccepted : byte
{
    /// <summary>Its id was known.</summary>
    Duplicate,

    /// <summary>Its publisher may not.</summary>
    NotAuthorized,

    /// <summary>Neither the right nor the id, but something else about it.</summary>
    Rejected,

    /// <summary>The channel could not take it now.</summary>
    Unavailable,
}

/// <summary>A publish by a client or service of this node that was not accepted.</summary>
internal struct NotAcceptedEntry : ITextBearer
{
    public ulong IdHash;
    public string Channel;
    public NotAccepted Outcome;

    /// <summary>Of a duplicate: the place of the first one.</summary>
    public StreamPosition Position;
    public long TimeMicros;
    public string Reason;

    /// <summary>Whose publish it was; empty when anonymous.</summary>
    public string Publisher;

    public readonly int Characters => Channel.Length + Reason.Length + Publisher.Length;
}

/// <summary>Events of one channel that were given to the subscribers of one replica, in one go.</summary>
internal struct FanOutEntry : ITextBearer
{
    /// <summary>Name of the replica: the channel, or a pattern's.</summary>
    public string Entity;
    public string Channel;
    public Epoch Epoch;
    public long From;
    public long To;
    public long TimeMicros;

    public readonly int Characters => Channel.Length + (ReferenceEquals(Entity, Channel) ? 0 : Entity.Length);
}

/// <summary>What happened to one connection that is not the same for all.</summary>
internal enum Happening : byte
{
    /// <summary>It was refused the channel.</summary>
    SubscribeRefused,

    /// <summary>It left a replica, whose live events it got since <see cref="HappeningEntry.SinceMicros"/>, all behind <see cref="HappeningEntry.From"/>.</summary>
    Left,

    /// <summary>It was brought what it had missed, behind <see cref="HappeningEntry.From"/> up to <see cref="HappeningEntry.To"/>.</summary>
    CaughtUp,

    /// <summary>It was told that these are gone: from, to.</summary>
    Gap,

    /// <summary>A newer event of the same key stood for this one: from = to.</summary>
    Conflated,

    /// <summary>There was no room for this one: from = to.</summary>
    Dropped,
}

/// <summary>One <see cref="Happening"/>.</summary>
internal struct HappeningEntry : ITextBearer
{
    public Happening What;
    public long Connection;

    /// <summary>A channel, or a replica's name.</summary>
    public string Entity;
    public Epoch Epoch;
    public long From;
    public long To;
    public long SinceMicros;
    public long TimeMicros;
    public string? Text;

    public readonly int Characters => Entity.Length + (Text?.Length ?? 0);
}

/// <summary>What was given to a connection between two times had to wait, and was written then.</summary>
internal struct LateWriteEntry : ITextBearer
{
    public long Connection;
    public long FromMicros;
    public long UntilMicros;
    public long WrittenMicros;

    public readonly int Characters => 0;
}

/// <summary>A client confirmed an event.</summary>
internal struct AckEntry : ITextBearer
{
    public long Connection;
    public StreamPosition Position;
    public long TimeMicros;

    public readonly int Characters => 0;
}

/// <summary>A connection that ended.</summary>
internal struct EndEntry : ITextBearer
{
    public long Connection;

    /// <summary>Number of its session, which it may have taken over and another may take over.</summary>
    public long Session;
    public string ClientId;
    public string User;
    public DialectKind Kind;
    public long OpenedMicros;
    public long EndedMicros;

    /// <summary>Close code; 1006 = the socket was gone without one.</summary>
    public int Code;
    public string Reason;
    public bool ByClient;

    /// <summary>What was given to it at this time or later was not written; 0 = all was.</summary>
    public long LostMicros;

    public readonly int Characters => ClientId.Length + User.Length + Reason.Length;
}
