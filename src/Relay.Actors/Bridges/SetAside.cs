namespace Relay.Actors.Bridges;

/// <summary>One message that was set aside.</summary>
/// <param name="Id">Of its entry or row.</param>
/// <param name="Item">What is to be delivered; null = nothing: it waits for its place among the dead letters.</param>
/// <param name="Tries">Failed tries so far.</param>
/// <param name="Reason">Of the last one.</param>
/// <param name="DueAt">Timestamp from which it may be tried again.</param>
public sealed record Aside<TId>(TId Id, BridgeItem? Item, int Tries, string Reason, long DueAt);

/// <summary>
/// Messages whose handling failed, so that those behind them go on: they stay unacknowledged in their stream or table, and are tried again here, each alone, with doubling
/// pauses, until they are accepted or have failed so often that they are dead letters. Owned by a source's loop; only the delivery runs beside it.
/// </summary>
/// <param name="services">The way into the relay, and the clock.</param>
/// <param name="maxTries">Failed tries that make a dead letter.</param>
/// <param name="firstPause">Between the first try and the second.</param>
public sealed class SetAside<TId>(BridgeServices services, int maxTries, TimeSpan firstPause)
    where TId : notnull
{
    /// <summary>With so many set aside, a source reads nothing more.</summary>
    public const int Most = 256;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    private readonly Dictionary<TId, Aside<TId>> _asides = [];
    private Task<List<(Aside<TId> Aside, BridgeFate Fate)>>? _trying;

    /// <summary>Number of messages set aside.</summary>
    public int Count => _asides.Count;

    /// <summary>True when the source should wait for some of them.</summary>
    public bool IsFull => _asides.Count >= Most;

    /// <summary>Ids of those set aside.</summary>
    public IReadOnlyCollection<TId> Ids => _asides.Keys;

    /// <summary>The message is not to be handled otherwise.</summary>
    public bool Contains(TId id) => _asides.ContainsKey(id);

    /// <summary>It is accepted, or a dead letter, or none of ours any more.</summary>
    public void Remove(TId id) => _asides.Remove(id);

    /// <summary>Handling the message failed once more. Not null: it is to become a dead letter now.</summary>
    public Aside<TId>? Failed(TId id, BridgeItem item, string reason)
    {
        var tries = _asides.TryGetValue(id, out var before) ? before.Tries + 1 : 1;
        if (tries >= maxTries)
        {
            _asides.Remove(id);
            return new Aside<TId>(id, null, tries, reason, 0);
        }

        _asides[id] = new Aside<TId>(id, item, tries, reason, After(Pause(tries)));
        return null;
    }

    /// <summary>The message could not be put among the dead letters; that is tried again as well, however often.</summary>
    public void NotBuried(Aside<TId> dead) => _asides[dead.Id] = dead with { Item = null, DueAt = After(Pause(3)) };

    /// <summary>Those that wait for their place among the dead letters and are due.</summary>
    public List<Aside<TId>> DueForBurial() => [.. _asides.Values.Where(one => one.Item is null && IsDue(one))];

    /// <summary>
    /// Takes the outcomes of a trial that has ended, and begins one of what is due. The delivery runs beside the loop: a message that fails by taking long must not hold up the others.
    /// </summary>
    public async ValueTask<IReadOnlyList<(Aside<TId> Aside, BridgeFate Fate)>> TryAgainAsync()
    {
        List<(Aside<TId>, BridgeFate)>? outcomes = null;
        if (_trying is { IsCompleted: true })
        {
            outcomes = await _trying;
            _trying = null;
        }
        else if (_trying is null)
        {
            var due = _asides.Values.Where(one => one.Item is not null && IsDue(one)).ToList();
            if (due.Count > 0)
            {
                _trying = TryAsync(due);
            }
        }

        return outcomes ?? [];
    }

    /// <summary>It was not refused for itself: the try does not count.</summary>
    public void Later(Aside<TId> aside, BridgeFate fate)
    {
        if (_asides.ContainsKey(aside.Id))
        {
            _asides[aside.Id] = aside with { Item = fate.Open, DueAt = After(firstPause) };
        }
    }

    private async Task<List<(Aside<TId>, BridgeFate)>> TryAsync(List<Aside<TId>> due)
    {
        var outcomes = new List<(Aside<TId>, BridgeFate)>(due.Count);
        foreach (var aside in due)
        {
            try
            {
                outcomes.Add((aside, (await BridgeDelivery.DeliverAsync(services.Publish, [aside.Item!]))[0]));
            }
            catch (Exception error)
            {
                outcomes.Add((aside, new BridgeFate(aside.Item, false, error.Message)));
            }
        }

        return outcomes;
    }

    private TimeSpan Pause(int tries) => TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, firstPause.Ticks << Math.Min(tries - 1, 8)));

    private long After(TimeSpan pause) => services.Time.GetTimestamp() + (long)(pause.TotalSeconds * services.Time.TimestampFrequency);

    private bool IsDue(Aside<TId> one) => services.Time.GetTimestamp() >= one.DueAt;
}
