using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// The truth of one channel: sequence, history, known publish ids (guarantees.md 1, 3, 4). Plain data: no clock, no actor, no I/O; the time comes
/// in with every call. Owned by the channel's actor; nobody else touches it.
/// </summary>
public sealed partial class ChannelState
{
    /// <summary>Longest time to live that counts, a century: a larger one would overflow the clock and expire at once.</summary>
    private const long MaxTtlMilliseconds = 100L * 365 * 24 * 3600 * 1000;

    private readonly string _channel;
    private NamespaceSettings _settings;
    private readonly EventRing _history;
    private readonly DedupeWindow _known;
    private readonly bool _storesLater;

    // Null before the first key: most channels never see one.
    private KeyedValues? _keyed;
    private long _transients;

    /// <summary>A channel that begins a new life.</summary>
    /// <param name="channel">Its name.</param>
    /// <param name="epoch">Of this life.</param>
    /// <param name="settings">Its namespace.</param>
    /// <param name="nowMicros">When it begins: what an earlier life accepted before, it cannot know.</param>
    public ChannelState(string channel, Epoch epoch, NamespaceSettings settings, long nowMicros = 0)
    {
        _channel = channel;
        _settings = settings;
        Epoch = epoch;
        _history = new EventRing(settings.HistoryLength);
        _known = new DedupeWindow(settings.DedupeIds, settings.DedupeWindow);
        _history.DroppedMicros = BeforeMillisecondOf(nowMicros);
    }

    /// <summary>A channel as its journal holds it; what it accepts from now on is shown when it is stored: <see cref="Show"/>.</summary>
    /// <param name="channel">Its name.</param>
    /// <param name="settings">Its namespace.</param>
    /// <param name="position">Epoch, and the last offset ever given.</param>
    /// <param name="history">The window, oldest first. What another owner added after the position was read is left out: it is shown once it was taken over.</param>
    /// <param name="known">Known publish ids, oldest first.</param>
    /// <param name="lastValues">The newest event of each key, oldest first.</param>
    /// <param name="newestMicros">When the last offset was given; now when there is none.</param>
    public ChannelState(
        string channel,
        NamespaceSettings settings,
        StreamPosition position,
        IEnumerable<Publication> history,
        IEnumerable<KnownId> known,
        IEnumerable<Publication>? lastValues = null,
        long newestMicros = 0)
        : this(channel, position.Epoch, settings)
    {
        _storesLater = true;
        Offset = position.Offset;
        ShownOffset = position.Offset;
        foreach (var publication in history.TakeWhile(one => one.Position.Offset <= position.Offset))
        {
            _history.Add(publication);
        }

        foreach (var id in known)
        {
            _known.TryAdd(id.Scope, id.Id, id.Offset, id.TimeMicros, out _);
        }

        foreach (var value in (lastValues ?? []).Where(one => one.Position.Offset <= position.Offset))
        {
            Keep(value);
        }

        // What stood before the window is not known any more, only that it is not younger than the window.
        _history.DroppedMicros = _history.Oldest switch
        {
            null when position.Offset > 0 => newestMicros,
            { Position.Offset: > 1 } oldest => oldest.TimestampMicros,
            var oldest => BeforeMillisecondOf(oldest?.TimestampMicros ?? newestMicros),
        };
    }

    /// <summary>This life of the sequence.</summary>
    public Epoch Epoch { get; }

    /// <summary>Offset of the newest accepted event; 0 before the first.</summary>
    public long Offset { get; private set; }

    /// <summary>Offset of the newest event that anybody may see: behind <see cref="Offset"/> while a journal has not confirmed the rest.</summary>
    public long ShownOffset { get; private set; }

    /// <summary>Where the channel stands for others.</summary>
    public StreamPosition Position => new(Epoch, ShownOffset);

    /// <summary>Lives by other settings from now on; what they leave no room for is forgotten at once, and never comes back.</summary>
    public void Take(NamespaceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _history.Resize(settings.HistoryLength);
        _known.Resize(settings.DedupeIds, settings.DedupeWindow);
        if (settings.KeyedValues == 0)
        {
            _keyed = null;
        }
        else
        {
            _keyed?.Resize(settings.KeyedValues);
        }
    }

    /// <summary>True when it has accepted nothing.</summary>
    public bool IsUnused => Offset == 0 && _transients == 0;

    /// <summary>Stored events.</summary>
    public int HistoryCount => _history.Count;

    /// <summary>Remembered publish ids.</summary>
    public int KnownIds => _known.Count;

    /// <summary>Keys whose newest event is kept.</summary>
    public int KeptKeys => _keyed?.Count ?? 0;

    /// <summary>
    /// Accepts <paramref name="item"/> and gives it its place, unless its id is known: then nothing is accepted and the place it got the first time
    /// is in the outcome. Nor is it accepted when its key is not at the version expected; a repeat is a repeat all the same, so that whoever lost the
    /// answer gets it again.
    /// </summary>
    /// <param name="item">What is published.</param>
    /// <param name="scope">Whose publish ids these are: one publisher's id never hides another's.</param>
    /// <param name="nowMicros">Time of acceptance.</param>
    /// <param name="outcome">For the publisher.</param>
    /// <returns>The event to deliver; null when none was accepted.</returns>
    public Publication? Accept(in PublishItem item, string scope, long nowMicros, out PublishOutcome outcome)
    {
        if (item is { IfVersion: { } expected, Key: { } versioned } && !IsAtVersion(item, scope, versioned, expected, nowMicros, out outcome))
        {
            return null;
        }

        if (item is { IdempotencyKey: { } id, Transient: false })
        {
            if (!_known.TryAdd(scope, id, Offset + 1, nowMicros, out var known))
            {
                outcome = new PublishOutcome(new StreamPosition(Epoch, known), Duplicate: true);
                return null;
            }
        }

        var offset = item.Transient ? 0 : ++Offset;
        var publication = new Publication
        {
            Channel = _channel,
            Event = item.Event,
            Data = item.Data,
            Position = new StreamPosition(Epoch, offset),
            TransientNumber = item.Transient ? ++_transients : 0,
            TimestampMicros = nowMicros,
            IdempotencyKey = item.IdempotencyKey,
            Key = item.Key,
            ExpiresMicros = item.TtlMilliseconds > 0 ? nowMicros + (Math.Min(item.TtlMilliseconds, MaxTtlMilliseconds) * 1000) : 0,
            Raw = item.Raw,
            RawFormat = item.RawFormat,
            ExcludedConnection = item.ExcludedConnection,
            Trace = item.Trace,
        };
        if (!item.Transient && !_storesLater)
        {
            Show(publication);
        }
        else if (!item.Transient && item.Key is not null && _settings.KeyedValues > 0)
        {
            (_keyed ??= new KeyedValues(_settings.KeyedValues)).Accept(publication);
        }

        outcome = new PublishOutcome(publication.Position, Duplicate: false);
        return publication;
    }

    /// <summary>An event may be seen: it enters the history.</summary>
    public void Show(Publication publication)
    {
        ArgumentNullException.ThrowIfNull(publication);
        _history.Add(publication);
        Keep(publication);
        ShownOffset = publication.Position.Offset;
    }

    /// <summary>
    /// The stored events after <paramref name="since"/>, oldest first, at most <paramref name="limit"/>.
    /// </summary>
    /// <param name="since">A client's last position; it may be forged, of another life, or ahead of the sequence.</param>
    /// <param name="limit">Most events to return.</param>
    /// <param name="nowMicros">Expired events are left out.</param>
    /// <param name="events">What is there.</param>
    /// <returns>True when nothing the client missed is missing from <paramref name="events"/>.</returns>
    public bool TryResume(StreamPosition since, int limit, long nowMicros, out List<Publication> events)
    {
        events = [];
        if (since.Epoch != Epoch || since.Offset < 0 || since.Offset > ShownOffset)
        {
            return false;
        }

        Prune(nowMicros);
        if (since.Offset + 1 < ShownOffset - _history.Count + 1 || ShownOffset - since.Offset > limit)
        {
            return false;
        }

        events = _history.After(since.Offset, limit, nowMicros);
        return true;
    }

    /// <summary>The stored events after <paramref name="offset"/> that are still there, oldest first, at most <paramref name="limit"/>.</summary>
    public List<Publication> After(long offset, int limit, long nowMicros)
    {
        Prune(nowMicros);
        return _history.After(offset, limit, nowMicros);
    }

    /// <summary>
    /// The stored events after <paramref name="since"/> up to offset <paramref name="until"/>, oldest first, at most <paramref name="limit"/>: a page, behind
    /// whose last event the next one begins.
    /// </summary>
    /// <returns>True when nothing of the range is gone, apart from what expired; more may follow behind the page.</returns>
    public bool TryRange(StreamPosition since, long until, int limit, long nowMicros, out List<Publication> events)
    {
        events = [];
        if (since.Epoch != Epoch)
        {
            return false;
        }

        Prune(nowMicros);
        events = _history.Range(since.Offset, until, limit, nowMicros);
        return since.Offset >= ShownOffset - _history.Count && since.Offset <= ShownOffset && until <= ShownOffset;
    }

    /// <summary>The stored events that were accepted at <paramref name="fromMicros"/> or later, oldest first, at most <paramref name="limit"/>.</summary>
    /// <param name="fromMicros">Since when.</param>
    /// <param name="limit">Most events to return.</param>
    /// <param name="nowMicros">Expired events are left out.</param>
    /// <param name="events">What is there.</param>
    /// <returns>
    /// True when the history reaches back that far: nothing accepted since then is gone, apart from what expired; more may follow behind the last of them. A channel
    /// does not know what was before it was first asked for on its node, or before its journal's window; it never says true about that time.
    /// </returns>
    public bool TryReplay(long fromMicros, int limit, long nowMicros, out List<Publication> events)
    {
        Prune(nowMicros);
        events = _history.From(fromMicros, limit, nowMicros);
        return fromMicros > _history.DroppedMicros;
    }

    /// <summary>Where a subscriber that catches up begins: the offset before its first event, and whether nothing it asked for is gone.</summary>
    public (long Start, bool IsComplete) Begin(HistoryQuery query, long nowMicros)
    {
        ArgumentNullException.ThrowIfNull(query);
        Prune(nowMicros);
        var oldest = ShownOffset - _history.Count;
        return query switch
        {
            { Resume: { } since } => since.Epoch == Epoch && since.Offset >= oldest && since.Offset <= ShownOffset ? (since.Offset, true) : (ShownOffset, false),
            { LastPerKey: true } => (ShownOffset, true),
            { FromMicros: { } from } => (_history.OffsetBefore(from) ?? ShownOffset, from > _history.DroppedMicros),
            { After: { } seen } when seen.Epoch == Epoch => Math.Clamp(seen.Offset, oldest, ShownOffset) is var start ? (start, start == seen.Offset) : default,
            { After: not null } => (_history.OffsetBeforeNewest(query.Limit, nowMicros) ?? ShownOffset, false),
            _ => (_history.OffsetBeforeNewest(query.Limit, nowMicros) ?? ShownOffset, true),
        };
    }

    /// <summary>The stored events behind <paramref name="start"/> that have not expired, as many as <paramref name="bounds"/> allow, oldest first.</summary>
    /// <param name="start">An offset that <see cref="Begin"/> gave.</param>
    /// <param name="bounds">Of the page.</param>
    /// <param name="nowMicros">Expired events are left out.</param>
    /// <param name="reached">The offset behind which the next page begins.</param>
    public List<Publication> Page(long start, PageBounds bounds, long nowMicros, out long reached)
    {
        var events = _history.Page(start, bounds, nowMicros, out reached);
        if (reached >= _history.LastOffset)
        {
            // Behind the last that is kept there is nothing to come.
            reached = ShownOffset;
        }

        return events;
    }

    /// <summary>The newest event of each key, where that stands behind <paramref name="offset"/>; oldest first, at most <paramref name="limit"/>.</summary>
    public List<Publication> LastPerKey(long offset, int limit, long nowMicros) => _keyed?.After(offset, limit, nowMicros) ?? [];

    /// <summary>The newest event of <paramref name="key"/>; empty when it has no value behind <paramref name="offset"/>.</summary>
    public List<Publication> LastOf(string key, long offset, long nowMicros) => _keyed?.Of(key, offset, nowMicros) ?? [];

    /// <summary>The newest <paramref name="count"/> stored events, oldest first.</summary>
    public List<Publication> Last(int count, long nowMicros)
    {
        Prune(nowMicros);
        return _history.Last(count, nowMicros);
    }

    /// <summary>The newest <paramref name="count"/> stored events whose name <paramref name="wanted"/> accepts, oldest first.</summary>
    public List<Publication> Last(int count, Func<string, bool> wanted, long nowMicros)
    {
        Prune(nowMicros);
        return _history.Last(count, nowMicros, wanted);
    }

    /// <summary>Forgets what is too old. True when nothing is left that a later life would miss.</summary>
    public bool Prune(long nowMicros)
    {
        _history.DropBefore(nowMicros - Micros(_settings.HistoryAge));
        _known.Prune(nowMicros);
        _keyed?.Prune(nowMicros);
        return _history.Count == 0 && _known.Count == 0 && KeptKeys == 0;
    }

    private void Keep(Publication publication)
    {
        if (publication.Key is not null && _settings.KeyedValues > 0)
        {
            (_keyed ??= new KeyedValues(_settings.KeyedValues)).Show(publication);
        }
    }

    // False when the publish is not accepted, for which the outcome says why.
    private bool IsAtVersion(in PublishItem item, string scope, string key, ExpectedVersion expected, long nowMicros, out PublishOutcome outcome)
    {
        outcome = default;
        if (item.IdempotencyKey is { } id && _known.IsKnown(scope, id, nowMicros))
        {
            return true;
        }

        if (_settings.KeyedValues == 0)
        {
            outcome = new PublishOutcome { Error = ErrorCode.InvalidMessage };
            return false;
        }

        var current = _keyed?.VersionOf(key, nowMicros) ?? default;
        if (!expected.IsMetBy(current))
        {
            outcome = new PublishOutcome(current, Duplicate: false) { Error = ErrorCode.VersionMismatch };
            return false;
        }

        return true;
    }

    // Clients tell times in milliseconds: who asks for the one in which all began asks for all.
    private static long BeforeMillisecondOf(long micros) => micros - (micros % 1000) - 1;

    private static long Micros(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;
}
