using Relay.Actors.Cluster;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>One event on its way to its channel.</summary>
public readonly record struct PublishItem
{
    /// <summary>Name of the event.</summary>
    public required string Event { get; init; }

    /// <summary>One JSON value, verbatim; empty = none.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The publisher's request, given back with the outcome.</summary>
    public RequestId RequestId { get; init; }

    /// <summary>See <see cref="Publication.IdempotencyKey"/>.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>See <see cref="Publication.Key"/>.</summary>
    public string? Key { get; init; }

    /// <summary>0 = no end.</summary>
    public long TtlMilliseconds { get; init; }

    /// <summary>Accepted only when <see cref="Key"/> is at this version; null = in any case.</summary>
    public ExpectedVersion? IfVersion { get; init; }

    /// <summary>See <see cref="Publication.Raw"/>.</summary>
    public ReadOnlyMemory<byte> Raw { get; init; }

    /// <summary>See <see cref="Publication.RawFormat"/>.</summary>
    public RawFormat RawFormat { get; init; }

    /// <summary>See <see cref="Publication.ExcludedConnection"/>.</summary>
    public long ExcludedConnection { get; init; }

    /// <summary>The sampled trace it belongs to; null for nearly all.</summary>
    public TraceParent? Trace { get; init; }

    /// <summary>True = delivered to those who are there, never stored.</summary>
    public bool Transient { get; init; }

    /// <summary>True when the same event also goes to another channel and is counted there.</summary>
    public bool IsCopy { get; init; }
}

/// <summary>What became of one publish.</summary>
/// <param name="Position">
/// The place it got. With <see cref="ErrorCode.VersionMismatch"/> the version its key has, default when the key has no value.
/// </param>
/// <param name="Duplicate">Its id was known: the place is that of the first time.</param>
public readonly record struct PublishOutcome(StreamPosition Position, bool Duplicate)
{
    /// <summary>
    /// Why it alone was not accepted; null when it was. <see cref="ErrorCode.VersionMismatch"/>, or <see cref="ErrorCode.InvalidMessage"/> where its
    /// namespace keeps no values by key, so that none has a version.
    /// </summary>
    public ErrorCode? Error { get; init; }

    /// <summary>The same for people; empty when it was accepted.</summary>
    public string ErrorText => Error switch
    {
        null => "",
        ErrorCode.VersionMismatch => Position.Offset == 0 ? "The key has no value" : "The key has another version",
        _ => "Keys have no versions here: the namespace keeps no values by key (KeyedValues is 0)",
    };
}

/// <summary>Publishes of one publisher to one channel, in order. The array belongs to the message.</summary>
public sealed class PublishBatch : IShardMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    string IShardMessage.EntityId => Channel;

    /// <summary>In the publisher's order.</summary>
    public required PublishItem[] Items { get; init; }

    /// <summary>Whose publish ids these are; empty for anonymous publishers.</summary>
    public string Scope { get; init; } = "";

    /// <summary>True when the sender gets a <see cref="PublishReply"/>.</summary>
    public bool WantsReply { get; init; }

    /// <summary>Number the publisher knows this batch by.</summary>
    public long Tag { get; init; }

    /// <summary>When it was sent, by the publisher's monotonic clock; means nothing to anybody else. Null where nobody wants to know how long it takes.</summary>
    public long? SentAt { get; init; }
}

/// <summary>
/// Answer to a <see cref="PublishBatch"/>. Where the publisher's node has subscribers it travels through their replica, behind the events
/// themselves: a subscribed publisher sees its own event first, then the ack (protocols.md, <c>context</c>).
/// </summary>
public sealed record PublishReply(PublishBatch Batch, PublishOutcome[] Outcomes, int Subscribers, IActorRef ReplyTo)
{
    /// <summary>
    /// Why nothing of the batch is accepted, for people; null when all of it is. Trying again later may help; whoever does so under the same ids is safe:
    /// what was stored all the same is found to be known.
    /// </summary>
    public string? Refusal { get; init; }

    /// <summary>True when it is refused because handling this very batch failed in the channel, which goes on with others.</summary>
    public bool IsFault { get; init; }
}

/// <summary>A node's replica wants the channel's events from now on.</summary>
public sealed record ReplicaJoin(IActorRef Replica);

/// <summary>Answer: the replica gets every event after <paramref name="Position"/>.</summary>
public sealed record ReplicaJoined(StreamPosition Position);

/// <summary>Not yet: the channel's journal cannot be read. <see cref="ReplicaJoined"/> follows by itself once it can; until then this is told at every vain try.</summary>
/// <param name="Reason">For people.</param>
public sealed record ReplicaRefused(string Reason);

/// <summary>The replica has no subscribers left.</summary>
public sealed record ReplicaLeave(IActorRef Replica);

/// <summary>Answer: nothing more comes. Until it does, answers for publishers may still be on their way through the replica.</summary>
public sealed record ReplicaLeft;

/// <summary>How many subscribers a replica has now.</summary>
public sealed record ReplicaCount(IActorRef Replica, int Subscribers);

/// <summary>Events of one channel in order, to a replica, with the answers for publishers of its node.</summary>
public sealed record ChannelBatch(Publication[] Events, PublishReply[] Replies)
{
    /// <summary>The events as they go to other nodes, where there are any: written once for all of them. To be copied before <see cref="IActorRef.Tell"/> returns.</summary>
    internal WireWriter? Written { get; init; }
}

/// <summary>
/// Asks a channel for stored events; the sender gets a <see cref="HistoryReply"/>. At most one of <see cref="Resume"/>, <see cref="After"/> and
/// <see cref="FromMicros"/> is set.
/// </summary>
public sealed record HistoryQuery
{
    /// <summary>Given back.</summary>
    public object? Tag { get; init; }

    /// <summary>With <see cref="Page"/>: everything after this position, or nothing when some of it is gone.</summary>
    public StreamPosition? Resume { get; init; }

    /// <summary>What is left after this offset.</summary>
    public StreamPosition? After { get; init; }

    /// <summary>With <see cref="After"/>: the last offset wanted; null = up to the newest.</summary>
    public long? Until { get; init; }

    /// <summary>What was accepted at this time or later, microseconds since 1970-01-01 UTC; the oldest first, as with <see cref="IsPage"/>.</summary>
    public long? FromMicros { get; init; }

    /// <summary>
    /// The newest event of each key; with <see cref="After"/> only those behind it. With <see cref="Resume"/>: where that fails.
    /// </summary>
    public bool LastPerKey { get; init; }

    /// <summary>With <see cref="LastPerKey"/>: of this key only.</summary>
    public string? Key { get; init; }

    /// <summary>
    /// With <see cref="After"/>: true when whoever asks goes on behind the last event of the answer: what <see cref="Limit"/> leaves out is not missing then.
    /// </summary>
    public bool IsPage { get; init; }

    /// <summary>At most so many; without another way: the newest ones.</summary>
    public int Limit { get; init; } = 1000;

    /// <summary>True = whoever asks can be told that the channel's journal cannot be read; otherwise it waits until it can.</summary>
    public bool MayBeRefused { get; init; }

    /// <summary>With the newest ones: only events of these names; null = all.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>
    /// Not null for a subscriber that catches up: the answer is the first page of everything from where the question begins to the newest event, and says in
    /// <see cref="HistoryReply.Reached"/> where the next one begins. <see cref="Limit"/> then bounds what the question reaches back to, not the page.
    /// </summary>
    public PageBounds? Page { get; init; }
}

/// <summary>Most of one page.</summary>
/// <param name="Events">Stored events looked at, those that expired among them; 0 = only where the page would begin, and whether anything is missing.</param>
/// <param name="Bytes">Bytes of those in the answer, as stored; one event is in it however large it is.</param>
public readonly record struct PageBounds(int Events, int Bytes);

/// <summary>Answer to a <see cref="HistoryQuery"/>.</summary>
/// <param name="Query">What was asked.</param>
/// <param name="Position">Where the channel stood; later events are delivered live.</param>
/// <param name="Complete">False when events that were asked for, by position or by time, are missing from <paramref name="Events"/>.</param>
/// <param name="Events">Oldest first; others may read the same list.</param>
public sealed record HistoryReply(HistoryQuery Query, StreamPosition Position, bool Complete, List<Publication> Events)
{
    /// <summary>Why there is no answer now, for people; null when there is. Trying again later may help.</summary>
    public string? Refusal { get; init; }

    /// <summary>Of a page: the position it begins behind. With <see cref="Complete"/> false what is missing lies before it.</summary>
    public StreamPosition Start { get; init; }

    /// <summary>Of a page: the position up to which it holds everything that has not expired; at most <see cref="Position"/>.</summary>
    public StreamPosition Reached { get; init; }

    /// <summary>
    /// Whether <paramref name="query"/>, asked when the channel stands at <paramref name="position"/>, has the same answer: after a restart hundreds ask the same.
    /// </summary>
    internal bool IsFor(HistoryQuery query, StreamPosition position) => Position == position && query == Query with { Tag = query.Tag };
}
