using Relay.Actors.Channels;
using Relay.Actors.Explain;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// The subscriptions of one replica that still get what they missed, page by page (guarantees.md 4).
/// <para>
/// A page is asked for when little waits for the client, and sent in parts as the client takes them, so what a client has missed may be as long as the history and yet
/// little of it is in memory. Live events are not sent meanwhile: they are in the history. In the turn in which all up to the replica's position was sent the
/// subscription joins the live ones, so nothing falls between and nothing comes twice. What the history loses before it was sent is told as a gap.
/// </para>
/// Owned by the replica's turn.
/// </summary>
internal sealed class CatchUps(IActorContext context, PageBounds page, ReplicaMembers members, ReplicaDelivery delivery, Action<HistoryQuery> ask)
{
    /// <summary>Of another life of the channel, to which the client's position says nothing, it gets the newest. Also the most values by key.</summary>
    public const int MostUnasked = 10_000;

    /// <summary>How long the answer to a publish waits at most for the events before it: longer than a client catches up that reads, and shorter than its patience.</summary>
    private static readonly TimeSpan MostHeld = TimeSpan.FromSeconds(5);

    private static readonly object HeldKey = new();

    private readonly HashSet<CatchUp> _all = [];

    // Those that have begun, by their connection's actor: one for each, since a subscription begins in the place of an earlier one.
    private readonly Dictionary<IActorRef, CatchUp> _begun = [];
    private readonly int[] _begunByKind = new int[WireEncoding.MaxSlots / 2];

    public int Count => _all.Count;

    /// <summary>All of them.</summary>
    public IEnumerable<CatchUp> All => _all;

    /// <summary>Those that were acked, and so count as subscribers.</summary>
    public int Begun { get; private set; }

    /// <summary>Changes with every beginning and end of one that was acked.</summary>
    public long Version { get; private set; }

    /// <summary>How many of one dialect were acked.</summary>
    public int CountOf(DialectKind kind) => _begunByKind[(int)kind];

    /// <summary>Begins to bring a subscription what it asked for.</summary>
    public void Add(Subscription subscription)
    {
        var catchUp = new CatchUp(subscription, context.Self);
        subscription.CatchUp = catchUp;
        _all.Add(catchUp);
        Ask(catchUp, FirstQuestion(catchUp));
    }

    /// <summary>A page came.</summary>
    /// <param name="reply">The page.</param>
    /// <param name="live">Where the replica stands; null while it cannot say, see <see cref="Suspend"/>.</param>
    public void Receive(HistoryReply reply, StreamPosition? live)
    {
        var catchUp = (CatchUp)reply.Query.Tag!;
        if (!ReferenceEquals(catchUp.Asked, reply.Query) || live is not { } position)
        {
            return;
        }

        if (reply.Position != position)
        {
            // Answered before events that went out since: ask again, the difference is small.
            Ask(catchUp, reply.Query);
            return;
        }

        catchUp.Asked = null;
        if (!reply.Complete)
        {
            NoteGap(catchUp, reply.Start);
        }

        if (!catchUp.HasBegun)
        {
            Begin(catchUp, reply, position);
        }
        else if (!reply.Complete)
        {
            members.TellGap(catchUp.Subscription, catchUp.Cursor, reply.Start);
        }

        catchUp.Cursor = reply.Start;
        (catchUp.Page, catchUp.Sent, catchUp.Reached) = (reply.Events, 0, reply.Reached);
        if (!catchUp.HasRest)
        {
            PageSent(catchUp, live);
        }
        else if (catchUp.Outbound.TryTakeTurn(catchUp))
        {
            SendPart(catchUp, live);
        }
    }

    /// <summary>A client has room for more.</summary>
    public void OnTurn(CatchUp catchUp, StreamPosition? live)
    {
        if (!catchUp.Outbound.HasTurn(catchUp))
        {
            return;
        }

        if (catchUp.HasRest)
        {
            SendPart(catchUp, live);
            return;
        }

        catchUp.Outbound.EndTurn(catchUp);
        if (live is not null)
        {
            Ask(catchUp, NextQuestion(catchUp));
        }
    }

    /// <summary>Ends one, wherever it stands: its subscription was removed, or another takes its place.</summary>
    public void Remove(CatchUp catchUp)
    {
        _all.Remove(catchUp);
        catchUp.Subscription.CatchUp = null;
        catchUp.Asked = null;
        (catchUp.Page, catchUp.Sent) = ([], 0);
        catchUp.Outbound.EndTurn(catchUp);
        if (catchUp.HasBegun)
        {
            _begun.Remove(catchUp.Subscription.Client.Actor);
            Begun--;
            _begunByKind[(int)catchUp.Subscription.Client.Kind]--;
            Version++;
            Release(catchUp, everything: true);
        }
    }

    /// <summary>
    /// The channel's owner is another: what was asked may never be answered. Those that have begun keep their place; the others wait with whoever wants to begin.
    /// </summary>
    public void Suspend()
    {
        foreach (var catchUp in _all.ToList())
        {
            catchUp.Asked = null;
            if (!catchUp.HasBegun)
            {
                Remove(catchUp);
                members.Wait(catchUp.Subscription);
            }
            else if (!catchUp.HasRest)
            {
                catchUp.Outbound.EndTurn(catchUp);
            }
        }
    }

    /// <summary>The replica knows again where it stands.</summary>
    public void Resume(StreamPosition live)
    {
        foreach (var catchUp in _all.Where(static one => one is { HasBegun: true, HasRest: false, Asked: null }).ToList())
        {
            catchUp.Outbound.EndTurn(catchUp);
            PageSent(catchUp, live);
        }
    }

    /// <summary>The replica ends: nobody may wait for its turns.</summary>
    public void Stop()
    {
        foreach (var catchUp in _all)
        {
            catchUp.Outbound.EndTurn(catchUp);
        }
    }

    /// <summary>
    /// Keeps the answer to a publish of somebody who has not got the event yet, as own events come before own acks; false when it need not wait. It waits
    /// for <see cref="MostHeld"/> at most.
    /// </summary>
    public bool TryHold(PublishReply reply)
    {
        if (_begun.Count == 0 || !_begun.TryGetValue(reply.ReplyTo, out var catchUp) || (catchUp.Held is null && !IsAhead(reply, catchUp.Cursor)))
        {
            return false;
        }

        (catchUp.Held ??= []).Add(reply);
        if (!context.Timers.IsActive(HeldKey))
        {
            context.Timers.StartSingle(HeldKey, HeldLongEnough.Instance, MostHeld);
        }

        return true;
    }

    /// <summary>What was held goes, whatever it waits for.</summary>
    public void ReleaseHeld()
    {
        foreach (var catchUp in _begun.Values)
        {
            Release(catchUp, everything: true);
        }
    }

    private void Begin(CatchUp catchUp, HistoryReply reply, StreamPosition position)
    {
        var query = reply.Query;
        members.Begin(catchUp.Subscription, position, reply.Start, query.Resume is null && query.FromMicros is null ? null : reply.Complete);
        catchUp.HasBegun = true;
        _begun[catchUp.Subscription.Client.Actor] = catchUp;
        Begun++;
        _begunByKind[(int)catchUp.Subscription.Client.Kind]++;
        Version++;
    }

    private void SendPart(CatchUp catchUp, StreamPosition? live)
    {
        catchUp.Sent += delivery.SendPart(catchUp.Page, catchUp.Sent, catchUp.Subscription);
        catchUp.Outbound.EndTurn(catchUp);
        if (!catchUp.HasRest)
        {
            PageSent(catchUp, live);
            return;
        }

        // Values by key stand before the cursor.
        if (catchUp.Page[catchUp.Sent - 1].Position is var last && last.Offset > catchUp.Cursor.Offset)
        {
            NoteBrought(catchUp, last);
            catchUp.Cursor = last;
            Release(catchUp);
        }

        if (catchUp.Outbound.TryTakeTurn(catchUp))
        {
            // Others go first: a client that reads fast has no more of this turn than a slow one.
            context.Self.Tell(catchUp, context.Self);
        }
    }

    private void PageSent(CatchUp catchUp, StreamPosition? live)
    {
        NoteBrought(catchUp, catchUp.Reached);
        catchUp.Cursor = catchUp.Reached;
        (catchUp.Page, catchUp.Sent) = ([], 0);
        Release(catchUp);
        if (live is null)
        {
            return;
        }

        if (catchUp.Cursor == live)
        {
            Remove(catchUp);
            members.GoLive(catchUp.Subscription);
        }
        else if (catchUp.Outbound.TryTakeTurn(catchUp))
        {
            catchUp.Outbound.EndTurn(catchUp);
            Ask(catchUp, NextQuestion(catchUp));
        }
    }

    // What expired meanwhile is in it: it was passed over.
    private void NoteBrought(CatchUp catchUp, StreamPosition to)
    {
        if (to.Offset > catchUp.Cursor.Offset)
        {
            members.Deliveries.Happened(Happening.CaughtUp, catchUp.Subscription.Client.Id, members.Entity, to.Epoch, catchUp.Cursor.Offset, to.Offset, context.System.Time.NowMicros());
        }
    }

    private void NoteGap(CatchUp catchUp, StreamPosition start)
    {
        var seen = catchUp.HasBegun ? catchUp.Cursor : catchUp.Subscription.Since ?? default;
        var from = seen.Epoch == start.Epoch ? seen.Offset + 1 : 1;
        if (from <= start.Offset)
        {
            members.Deliveries.Happened(Happening.Gap, catchUp.Subscription.Client.Id, members.Entity, start.Epoch, from, start.Offset, context.System.Time.NowMicros());
        }
    }

    private void Release(CatchUp catchUp, bool everything = false)
    {
        if (catchUp.Held is not { } held)
        {
            return;
        }

        var count = everything ? held.Count : held.FindIndex(reply => IsAhead(reply, catchUp.Cursor)) is var first and >= 0 ? first : held.Count;
        for (var i = 0; i < count; i++)
        {
            held[i].ReplyTo.Tell(held[i], context.Self);
        }

        held.RemoveRange(0, count);
        catchUp.Held = held.Count > 0 ? held : null;
    }

    private static bool IsAhead(PublishReply reply, StreamPosition cursor)
    {
        foreach (var outcome in reply.Outcomes)
        {
            if (outcome.Error is null && outcome.Position.Epoch == cursor.Epoch && outcome.Position.Offset > cursor.Offset)
            {
                return true;
            }
        }

        return false;
    }

    private void Ask(CatchUp catchUp, HistoryQuery query)
    {
        catchUp.Asked = query;
        ask(query);
    }

    private HistoryQuery FirstQuestion(CatchUp catchUp)
    {
        var wish = catchUp.Subscription;
        if (wish.Since is { } since)
        {
            return new HistoryQuery { Tag = catchUp, Resume = since, LastPerKey = wish.LastPerKey, Limit = MostUnasked, Page = PageBehind(since.Offset) };
        }

        return wish.LastPerKey || wish.FromMicros is not null
            ? new HistoryQuery { Tag = catchUp, FromMicros = wish.FromMicros, LastPerKey = wish.LastPerKey, Limit = MostUnasked, Page = PageBehind(0) }
            : new HistoryQuery { Tag = catchUp, Limit = wish.Last, Page = PageBehind(0) };
    }

    private HistoryQuery NextQuestion(CatchUp catchUp) =>
        new() { Tag = catchUp, After = catchUp.Cursor, Limit = MostUnasked, Page = PageBehind(catchUp.Cursor.Offset) };

    // Pages end at the same offsets, wherever their readers began: whoever comes to them together is given the same answer.
    private PageBounds PageBehind(long offset) => page with { Events = page.Events - (int)(Math.Max(0, offset) % page.Events) };
}

/// <summary>To the replica itself: answers to publishes have waited long enough.</summary>
internal sealed class HeldLongEnough
{
    private HeldLongEnough()
    {
    }

    public static HeldLongEnough Instance { get; } = new();
}
