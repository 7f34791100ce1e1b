using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Explain;

/// <summary>The event that is asked about. Times in microseconds since 1970-01-01 UTC.</summary>
public sealed record ExplainedEvent(string Channel, string Event, StreamPosition Position, long AcceptedMicros)
{
    /// <summary>Not delivered after it; 0 = never expires.</summary>
    public long ExpiresMicros { get; init; }

    /// <summary>Connection that must not get it back; 0 = none.</summary>
    public long Excluded { get; init; }
}

/// <summary>What became of an event for one connection. Immutable; times in microseconds since 1970-01-01 UTC, null where it did not come to that.</summary>
/// <param name="Name">One word for machines, of <see cref="Verdicts"/>.</param>
/// <param name="Reason">The cause, for people.</param>
public sealed record Verdict(string Name, string Reason)
{
    /// <summary>Whether it was for this connection, by its subscriptions.</summary>
    public bool Matched { get; init; }

    /// <summary>Given to the connection.</summary>
    public long? QueuedMicros { get; init; }

    /// <summary>All of it given to the socket.</summary>
    public long? WrittenMicros { get; init; }

    /// <summary>Confirmed by the client.</summary>
    public long? AckedMicros { get; init; }

    /// <summary>When the cause happened that is not one of the above.</summary>
    public long? AtMicros { get; init; }

    /// <summary>Brought as a part of what was missed, not live.</summary>
    public bool ByCatchUp { get; init; }
}

/// <summary>The words of a <see cref="Verdict"/>.</summary>
public static class Verdicts
{
    public const string Acked = "acked";
    public const string Written = "written";
    public const string Queued = "queued";
    public const string CatchingUp = "catching_up";
    public const string NotSubscribed = "not_subscribed";
    public const string SubscribeRefused = "subscribe_refused";
    public const string Unsubscribed = "unsubscribed";
    public const string SubscribedLater = "subscribed_later";
    public const string ConnectedLater = "connected_later";
    public const string ConnectionEnded = "connection_ended";
    public const string TokenEnded = "token_ended";
    public const string CutOff = "cut_off";
    public const string Filtered = "filtered";
    public const string OwnPublish = "own_publish";
    public const string Expired = "expired";
    public const string Gap = "gap";
    public const string Conflated = "conflated";
    public const string Dropped = "dropped";
}

/// <summary>A subscription as its replica sees it now.</summary>
/// <param name="Entity">The replica's name.</param>
/// <param name="StartedAt">Behind this its events begin; none for patterns.</param>
/// <param name="LiveMicros">Since when it gets live events; 0 = it still catches up.</param>
/// <param name="Cursor">How far it has caught up; null when it does not.</param>
/// <param name="Filter">Null = all events.</param>
internal sealed record SubscriptionSight(string Entity, StreamPosition StartedAt, long LiveMicros, StreamPosition? Cursor, EventFilter? Filter);

/// <summary>Everything that is known of one connection with regard to one event. Immutable.</summary>
internal sealed record ConnectionSight(long Id, long OpenedMicros)
{
    /// <summary>When it ended; null while it lives.</summary>
    public long? EndedMicros { get; init; }

    /// <summary>What was given to it at this time or later is not written, nor will be; 0 = nothing was lost.</summary>
    public long LostMicros { get; init; }

    /// <summary>The close code it ended, or ends, with.</summary>
    public int EndCode { get; init; } = CloseCode.Abnormal;

    /// <summary>For people.</summary>
    public string EndReason { get; init; } = "";

    /// <summary>What was given to it at this time or later is not written yet; 0 = all is.</summary>
    public long WaitingMicros { get; init; }

    public IReadOnlyList<SubscriptionSight> Subscriptions { get; init; } = [];

    /// <summary>Those of this connection and the event's channel or patterns of it, oldest first.</summary>
    public IReadOnlyList<HappeningEntry> Happenings { get; init; } = [];

    public IReadOnlyList<LateWriteEntry> Late { get; init; } = [];

    public IReadOnlyList<AckEntry> Acks { get; init; } = [];
}

/// <summary>
/// From what is known to one verdict. A subscriber that was live when its replica gave the event to everybody got it, unless something says otherwise; what was given to it at a time was
/// written at that time, unless it had to wait. Plain code without clock and I/O.
/// </summary>
internal static class DeliveryRules
{
    /// <param name="message">The event.</param>
    /// <param name="fanOuts">When the replicas of this node gave it to their subscribers.</param>
    /// <param name="connection">Whose verdict.</param>
    public static Verdict Judge(ExplainedEvent message, IReadOnlyList<FanOutEntry> fanOuts, ConnectionSight connection)
    {
        if (message.Excluded != 0 && message.Excluded == connection.Id)
        {
            return new Verdict(Verdicts.OwnPublish, "It published the event itself, in a dialect whose senders do not get their own back") { Matched = true };
        }

        if (CaughtUp(message, connection) is { } caught)
        {
            return caught;
        }

        foreach (var fanOut in fanOuts)
        {
            if (WasLive(message, fanOut, connection, out var filter))
            {
                return filter is not null && !filter.Matches(message.Event)
                    ? new Verdict(Verdicts.Filtered, $"The subscription's filter lets only these events pass: {string.Join(", ", filter.Patterns)}")
                    : Given(message, connection, fanOut.TimeMicros, byCatchUp: false);
            }
        }

        return NotGiven(message, connection);
    }

    private static Verdict? CaughtUp(ExplainedEvent message, ConnectionSight connection)
    {
        foreach (var entry in connection.Happenings)
        {
            if (entry.What == Happening.CaughtUp && IsIn(message, entry, isBehind: true))
            {
                var filter = connection.Subscriptions.FirstOrDefault(one => one.Entity == entry.Entity)?.Filter;
                return message.ExpiresMicros != 0 && message.ExpiresMicros <= entry.TimeMicros
                    ? new Verdict(Verdicts.Expired, "Its time to live was over before it could be brought") { Matched = true, AtMicros = message.ExpiresMicros }
                    : filter is not null && !filter.Matches(message.Event)
                        ? new Verdict(Verdicts.Filtered, $"The subscription's filter lets only these events pass: {string.Join(", ", filter.Patterns)}")
                        : Given(message, connection, entry.TimeMicros, byCatchUp: true);
            }

            if (entry.What == Happening.Gap && IsIn(message, entry, isBehind: false))
            {
                return new Verdict(Verdicts.Gap, "It was gone from the channel's history when the client came back, and the client was told so") { Matched = true, AtMicros = entry.TimeMicros };
            }
        }

        foreach (var one in connection.Subscriptions)
        {
            if (one.Cursor is { } cursor && cursor.Epoch == message.Position.Epoch && cursor.Offset < message.Position.Offset)
            {
                return new Verdict(Verdicts.CatchingUp, $"The client still gets what it missed, and has come to offset {cursor.Offset}") { Matched = true };
            }
        }

        return null;
    }

    private static bool WasLive(ExplainedEvent message, FanOutEntry fanOut, ConnectionSight connection, out EventFilter? filter)
    {
        filter = null;
        foreach (var one in connection.Subscriptions)
        {
            if (one.Entity == fanOut.Entity && one.LiveMicros != 0 && one.LiveMicros <= fanOut.TimeMicros && IsBehind(message.Position, one.StartedAt))
            {
                filter = one.Filter;
                return true;
            }
        }

        // The filter of one that has left is not known any more.
        return connection.Happenings.Any(entry => entry.What == Happening.Left && entry.Entity == fanOut.Entity && entry.SinceMicros != 0
            && entry.SinceMicros <= fanOut.TimeMicros && fanOut.TimeMicros <= entry.TimeMicros && IsBehind(message.Position, new StreamPosition(entry.Epoch, entry.From)));
    }

    private static Verdict Given(ExplainedEvent message, ConnectionSight connection, long time, bool byCatchUp)
    {
        var given = new Verdict("", "") { Matched = true, QueuedMicros = time, ByCatchUp = byCatchUp };
        foreach (var entry in connection.Happenings)
        {
            if (entry.What is Happening.Conflated or Happening.Dropped && entry.TimeMicros >= time && IsIn(message, entry, isBehind: false))
            {
                return entry.What == Happening.Conflated
                    ? given with { Name = Verdicts.Conflated, Reason = "The client was too slow, and a newer event of the same key stands for it", AtMicros = entry.TimeMicros }
                    : given with { Name = Verdicts.Dropped, Reason = "The client was too slow, and there was no room for it; the client is told of the gap", AtMicros = entry.TimeMicros };
            }
        }

        if (connection.LostMicros != 0 && time >= connection.LostMicros)
        {
            return connection.EndCode == CloseCode.TryAgainLater
                ? given with { Name = Verdicts.CutOff, Reason = "The client did not read, and was cut off while it waited: " + Ending(connection), AtMicros = connection.EndedMicros }
                : Ended(connection) with { Matched = true };
        }

        if (connection.WaitingMicros != 0 && time >= connection.WaitingMicros)
        {
            return given with { Name = Verdicts.Queued, Reason = "The client reads too slowly: it waits for the socket" };
        }

        given = given with { WrittenMicros = connection.Late.Where(entry => entry.FromMicros <= time && time <= entry.UntilMicros).Select(static entry => (long?)entry.WrittenMicros).FirstOrDefault() ?? time };
        var acked = connection.Acks.Where(entry => entry.Position == message.Position).Select(static entry => (long?)entry.TimeMicros).FirstOrDefault();
        return acked is null
            ? given with { Name = Verdicts.Written, Reason = byCatchUp ? "Written to the socket when the client had come back" : "Written to the socket; the client has not confirmed it" }
            : given with { Name = Verdicts.Acked, Reason = "The client has confirmed it", AckedMicros = acked };
    }

    private static Verdict NotGiven(ExplainedEvent message, ConnectionSight connection)
    {
        var accepted = message.AcceptedMicros;
        if (connection.EndedMicros <= accepted)
        {
            return Ended(connection);
        }

        if (connection.Happenings.LastOrDefault(static entry => entry.What == Happening.SubscribeRefused) is { Connection: not 0 } refused && connection.Subscriptions.Count == 0)
        {
            return new Verdict(Verdicts.SubscribeRefused, refused.Text ?? "") { AtMicros = refused.TimeMicros };
        }

        if (connection.OpenedMicros > accepted)
        {
            return new Verdict(Verdicts.ConnectedLater, "It connected after the event had been given to everybody, and did not ask for what it had missed") { AtMicros = connection.OpenedMicros };
        }

        if (connection.Subscriptions.Count > 0)
        {
            var since = connection.Subscriptions.Min(static one => one.LiveMicros);
            return new Verdict(Verdicts.SubscribedLater, "It subscribed after the event had been given to everybody, and did not ask for what it had missed") { AtMicros = since == 0 ? null : since };
        }

        return connection.Happenings.LastOrDefault(entry => entry.What == Happening.Left && entry.TimeMicros <= accepted) is { Connection: not 0 } left
            ? new Verdict(Verdicts.Unsubscribed, "Its subscription had ended before") { AtMicros = left.TimeMicros }
            : new Verdict(Verdicts.NotSubscribed, "It is not subscribed to the channel");
    }

    private static Verdict Ended(ConnectionSight connection) =>
        new(connection.EndCode == CloseCode.Unauthorized ? Verdicts.TokenEnded : Verdicts.ConnectionEnded, "The connection ended before it could be written: " + Ending(connection)) { AtMicros = connection.EndedMicros };

    private static string Ending(ConnectionSight connection) =>
        connection.EndReason.Length > 0 ? $"{connection.EndCode} {connection.EndReason}" : connection.EndCode == CloseCode.Abnormal ? "the socket was gone" : $"{connection.EndCode}";

    private static bool IsIn(ExplainedEvent message, HappeningEntry entry, bool isBehind) =>
        entry.Epoch == message.Position.Epoch && (isBehind ? message.Position.Offset > entry.From : message.Position.Offset >= entry.From) && message.Position.Offset <= entry.To;

    // A position of another life of the channel, or none, says nothing.
    private static bool IsBehind(StreamPosition position, StreamPosition start) => position.Epoch != start.Epoch || position.Offset > start.Offset;
}
