using Relay.Actors.Connections;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Explain;

/// <summary>
/// What this node remembers of deliveries, so that it can explain them (docs/operations-admin.md). Nothing is kept by delivery: an accepted event is one entry at its channel, a batch one entry
/// at each replica, and of a connection only what is not the same for all: that it came to a channel or left it, was brought what it missed, had to wait, was left out, refused, or ended. The
/// rest follows (<see cref="DeliveryRules"/>). Bounded in bytes, the oldest go first. Thread-safe.
/// </summary>
public sealed class DeliveryLog
{
    /// <summary>Waits that are not worth an entry: nobody looks for the cause of one.</summary>
    private const long ShortWaitMicros = 20_000;

    /// <summary>A reason longer than this is cut.</summary>
    private const int LongestText = 200;

    private readonly BoundedRing<AcceptedEntry>[] _accepted;
    private readonly BoundedRing<FanOutEntry>[] _fannedOut;
    private readonly BoundedRing<NotAcceptedEntry> _notAccepted;
    private readonly BoundedRing<HappeningEntry> _happened;
    private readonly BoundedRing<LateWriteEntry> _late;
    private readonly BoundedRing<AckEntry> _acks;
    private readonly BoundedRing<EndEntry> _ends;

    /// <param name="maxBytes">Bound of everything; 0 = nothing is kept.</param>
    /// <param name="stripes">For what every publish adds to: as many as there are processors, so that they do not wait for each other.</param>
    public DeliveryLog(long maxBytes, int stripes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stripes);
        IsOn = maxBytes > 0;
        MaxBytes = maxBytes;
        _accepted = Stripes<AcceptedEntry>(maxBytes * 3 / 8, stripes);
        _fannedOut = Stripes<FanOutEntry>(maxBytes / 4, stripes);
        _notAccepted = new(maxBytes / 16);
        _happened = new(maxBytes / 8);
        _late = new(maxBytes / 16);
        _acks = new(maxBytes / 16);
        _ends = new(maxBytes / 16);
    }

    /// <summary>Keeps nothing.</summary>
    public static DeliveryLog Off { get; } = new(0, 1);

    /// <summary>Whether anything is kept.</summary>
    public bool IsOn { get; }

    /// <summary>The bound.</summary>
    public long MaxBytes { get; }

    /// <summary>What is used of it.</summary>
    public long Bytes => _accepted.Sum(static ring => ring.Bytes) + _fannedOut.Sum(static ring => ring.Bytes) + _notAccepted.Bytes + _happened.Bytes + _late.Bytes + _acks.Bytes + _ends.Bytes;

    /// <summary>Accepted events kept.</summary>
    public int Messages => _accepted.Sum(static ring => ring.Count);

    /// <summary>Since when events can be explained that this node's channels accepted, microseconds since 1970-01-01 UTC; null while none was forgotten or kept.</summary>
    public long? OldestMicros => _accepted.Select(static ring => ring.Oldest).OfType<AcceptedEntry>().Select(static entry => (long?)entry.TimeMicros).Max();

    /// <summary>A publish id as it is kept: by its hash, so that ids take no memory.</summary>
    internal static ulong HashOf(string? id) => id is null ? 0 : ShardHash.Fnv1A(id);

    internal void Accepted(ReadOnlySpan<Publication> events, string[] nodes)
    {
        if (!IsOn)
        {
            return;
        }

        var ring = _accepted[Thread.GetCurrentProcessorId() % _accepted.Length];
        foreach (var publication in events)
        {
            // An event without a place in the sequence cannot be named, nor followed.
            if (!publication.IsTransient)
            {
                ring.Add(new AcceptedEntry
                {
                    IdHash = HashOf(publication.IdempotencyKey),
                    Channel = publication.Channel,
                    Event = publication.Event,
                    Position = publication.Position,
                    TimeMicros = publication.TimestampMicros,
                    ExpiresMicros = publication.ExpiresMicros,
                    Excluded = publication.ExcludedConnection,
                    Nodes = nodes,
                });
            }
        }
    }

    internal void NotAccepted(string channel, string? id, NotAccepted outcome, StreamPosition position, string reason, string publisher, long now)
    {
        if (IsOn)
        {
            _notAccepted.Add(new NotAcceptedEntry
            {
                IdHash = HashOf(id), Channel = channel, Outcome = outcome, Position = position, TimeMicros = now, Reason = Cut(reason), Publisher = publisher,
            });
        }
    }

    /// <summary>What an answer to a publisher says of those that were not accepted.</summary>
    internal void NotAccepted(Channels.PublishReply reply, string publisher, long now)
    {
        for (var i = 0; IsOn && i < reply.Outcomes.Length; i++)
        {
            ref readonly var outcome = ref reply.Outcomes[i];
            if (reply.Refusal is not null || outcome.Duplicate || outcome.Error is not null)
            {
                var what = reply.Refusal is not null ? Explain.NotAccepted.Unavailable : outcome.Duplicate ? Explain.NotAccepted.Duplicate : Explain.NotAccepted.Rejected;
                NotAccepted(reply.Batch.Channel, reply.Batch.Items[i].IdempotencyKey, what, outcome.Position, reply.Refusal ?? outcome.ErrorText, publisher, now);
            }
        }
    }

    internal void FannedOut(string entity, ReadOnlySpan<Publication> events, long now)
    {
        if (!IsOn)
        {
            return;
        }

        var ring = _fannedOut[Thread.GetCurrentProcessorId() % _fannedOut.Length];
        for (var i = 0; i < events.Length;)
        {
            var first = events[i];
            var last = first.Position.Offset;
            for (i++; i < events.Length && events[i].Channel == first.Channel && events[i].Position == new StreamPosition(first.Position.Epoch, last + 1); i++)
            {
                last++;
            }

            if (!first.IsTransient)
            {
                ring.Add(new FanOutEntry { Entity = entity, Channel = first.Channel, Epoch = first.Position.Epoch, From = first.Position.Offset, To = last, TimeMicros = now });
            }
        }
    }

    internal void Happened(Happening what, long connection, string entity, Epoch epoch, long from, long to, long now, string? text = null, long since = 0)
    {
        if (IsOn)
        {
            _happened.Add(new HappeningEntry
            {
                What = what, Connection = connection, Entity = entity, Epoch = epoch, From = from, To = to, TimeMicros = now, SinceMicros = since, Text = text is null ? null : Cut(text),
            });
        }
    }

    internal void WrittenLate(long connection, long from, long until, long now)
    {
        if (IsOn && now - from >= ShortWaitMicros)
        {
            _late.Add(new LateWriteEntry { Connection = connection, FromMicros = from, UntilMicros = until, WrittenMicros = now });
        }
    }

    internal void Acked(long connection, StreamPosition position, long now)
    {
        if (IsOn)
        {
            _acks.Add(new AckEntry { Connection = connection, Position = position, TimeMicros = now });
        }
    }

    internal void Ended(ClientConnection client, long now)
    {
        if (IsOn)
        {
            _ends.Add(new EndEntry
            {
                Connection = client.Id,
                Session = client.Session,
                ClientId = client.ClientId,
                User = client.Subject ?? "",
                Kind = client.Kind,
                OpenedMicros = client.OpenedMicros,
                EndedMicros = now,
                Code = client.EndCode,
                Reason = Cut(client.EndReason),
                ByClient = client.EndedByClient,
                LostMicros = client.Outbound.LostMicros,
            });
        }
    }

    internal List<AcceptedEntry> FindAccepted(Func<AcceptedEntry, bool> match, int most) => [.. _accepted.SelectMany(ring => ring.Find(match, most)).OrderBy(static entry => entry.TimeMicros)];

    internal List<NotAcceptedEntry> FindNotAccepted(Func<NotAcceptedEntry, bool> match, int most) => _notAccepted.Find(match, most);

    internal List<FanOutEntry> FindFannedOut(Func<FanOutEntry, bool> match) => [.. _fannedOut.SelectMany(ring => ring.Find(match)).OrderBy(static entry => entry.TimeMicros)];

    internal List<HappeningEntry> FindHappenings(Func<HappeningEntry, bool> match) => _happened.Find(match);

    internal List<LateWriteEntry> FindLate(Func<LateWriteEntry, bool> match) => _late.Find(match);

    internal List<AckEntry> FindAcks(Func<AckEntry, bool> match) => _acks.Find(match);

    internal List<EndEntry> FindEnds(Func<EndEntry, bool> match) => _ends.Find(match);

    private static BoundedRing<T>[] Stripes<T>(long bytes, int count)
        where T : struct, ITextBearer => [.. Enumerable.Range(0, count).Select(_ => new BoundedRing<T>(bytes / count))];

    private static string Cut(string text) => text.Length <= LongestText ? text : text[..LongestText];
}
