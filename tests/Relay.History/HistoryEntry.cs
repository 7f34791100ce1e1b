using System.Text.Json.Serialization;

namespace Relay.History;

/// <summary>A place in a channel's sequence.</summary>
/// <param name="Epoch">The sequence's life, as the relay writes it.</param>
/// <param name="Offset">1 for the first accepted event; 0 = before it.</param>
public readonly record struct Place(string Epoch, long Offset)
{
    /// <summary><c>epoch:offset</c></summary>
    public override string ToString() => $"{Epoch}:{Offset}";
}

/// <summary>One line of a history: what one client did or was told about one channel. Lines of one client are in the order it went through them.</summary>
/// <param name="Channel">The channel.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "line")]
[JsonDerivedType(typeof(Invoked), "invoked")]
[JsonDerivedType(typeof(Acknowledged), "acknowledged")]
[JsonDerivedType(typeof(Refused), "refused")]
[JsonDerivedType(typeof(Unanswered), "unanswered")]
[JsonDerivedType(typeof(Subscribed), "subscribed")]
[JsonDerivedType(typeof(Seen), "seen")]
[JsonDerivedType(typeof(GapTold), "gap")]
[JsonDerivedType(typeof(Disconnected), "disconnected")]
[JsonDerivedType(typeof(CaughtUp), "caughtup")]
[JsonDerivedType(typeof(JournalRead), "journal")]
[JsonDerivedType(typeof(Stored), "stored")]
public abstract record HistoryEntry(string Channel);

/// <summary>A publisher is about to send a publish; written before the first byte leaves. A retry under the same id is another such line.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Publisher">Who.</param>
/// <param name="Id">The publish id, used for no other event of the channel.</param>
/// <param name="Body">The payload as it is sent.</param>
public sealed record Invoked(string Channel, string Publisher, string Id, string Body) : HistoryEntry(Channel);

/// <summary>A publisher read the success ack.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Publisher">Who.</param>
/// <param name="Id">The publish id.</param>
/// <param name="Place">The ack's epoch and offset.</param>
/// <param name="Duplicate">The ack's <c>duplicate</c>.</param>
public sealed record Acknowledged(string Channel, string Publisher, string Id, Place Place, bool Duplicate) : HistoryEntry(Channel);

/// <summary>A publisher read a refusal.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Publisher">Who.</param>
/// <param name="Id">The publish id.</param>
/// <param name="Code">The refusal's code.</param>
/// <param name="Retryable">True when it says after what time a retry can help. Such an event may have been stored all the same: the journal did not answer.</param>
public sealed record Refused(string Channel, string Publisher, string Id, string Code, bool Retryable) : HistoryEntry(Channel);

/// <summary>The connection ended before an answer: the event was accepted or it was not (Jepsen's <c>info</c>).</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Publisher">Who.</param>
/// <param name="Id">The publish id.</param>
public sealed record Unanswered(string Channel, string Publisher, string Id) : HistoryEntry(Channel);

/// <summary>A subscriber read the ack of a subscription.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Subscriber">Who; the same name over all its connections.</param>
/// <param name="Since">The place it asked to resume from; null when it asked for live events only.</param>
/// <param name="Place">The ack's epoch and offset.</param>
/// <param name="Recovered">The ack's <c>recovered</c>; null when it is not there.</param>
public sealed record Subscribed(string Channel, string Subscriber, Place? Since, Place Place, bool? Recovered) : HistoryEntry(Channel);

/// <summary>A subscriber read an event.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Subscriber">Who.</param>
/// <param name="Place">The event's epoch and offset.</param>
/// <param name="Id">The publish id, as the payload tells it.</param>
/// <param name="Body">The payload.</param>
public sealed record Seen(string Channel, string Subscriber, Place Place, string Id, string Body) : HistoryEntry(Channel);

/// <summary>A subscriber read a gap notice.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Subscriber">Who.</param>
/// <param name="Epoch">The notice's epoch.</param>
/// <param name="From">First missing offset.</param>
/// <param name="To">Last missing offset.</param>
public sealed record GapTold(string Channel, string Subscriber, string Epoch, long From, long To) : HistoryEntry(Channel);

/// <summary>A subscriber's connection is gone; what it missed is the next subscription's affair.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Subscriber">Who.</param>
public sealed record Disconnected(string Channel, string Subscriber) : HistoryEntry(Channel);

/// <summary>A subscriber says that it has everything up to here, told gaps aside.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Subscriber">Who.</param>
/// <param name="Place">The last place it answers for.</param>
public sealed record CaughtUp(string Channel, string Subscriber, Place Place) : HistoryEntry(Channel);

/// <summary>The final content of a channel was read; its <see cref="Stored"/> lines follow.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Head">The newest place.</param>
/// <param name="First">The oldest offset that retention left; what is older cannot be judged. 1 = nothing was dropped.</param>
public sealed record JournalRead(string Channel, Place Head, long First) : HistoryEntry(Channel);

/// <summary>One event of the final content.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Place">Its epoch and offset.</param>
/// <param name="Id">The publish id, as the payload tells it.</param>
/// <param name="Body">The payload.</param>
public sealed record Stored(string Channel, Place Place, string Id, string Body) : HistoryEntry(Channel);
