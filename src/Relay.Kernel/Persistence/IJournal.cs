namespace Relay.Kernel.Persistence;

/// <summary>
/// Durable streams of records: the only way in which history enters and leaves the kernel. Safe for concurrent use; nothing here waits for a disk or a
/// network on the caller's thread. Actors start a write and get its result as a message (<c>PipeTo</c>).
/// </summary>
/// <remarks>
/// <para>
/// An owner of a stream opens it (which fences off the owner before), reads what it needs, then appends. It has at most one <em>unknown</em> append: after
/// <see cref="JournalOutcome.Unavailable"/> it repeats the same batch, or opens the stream again and looks. Several appends may be in flight;
/// when one is not done, all later ones of the stream are refused as <see cref="JournalOutcome.Conflict"/>, because their offsets do not follow.
/// </para>
/// <para>
/// Expected refusals of writes are results, never exceptions. Reads throw <see cref="JournalException"/>. A write that no journal could take (no records,
/// offsets with holes, a stream name too long) throws <see cref="ArgumentException"/> at once.
/// </para>
/// </remarks>
public interface IJournal : IAsyncDisposable
{
    /// <summary>Why this journal cannot do its work just now, for health and people; null when it can.</summary>
    string? Illness { get; }

    /// <summary>Takes a stream over.</summary>
    ValueTask<JournalResult> OpenAsync(OpenStream open);

    /// <summary>Stores records; done means durable.</summary>
    ValueTask<JournalResult> AppendAsync(AppendBatch batch);

    /// <summary>Drops what is too old; done when the last piece is gone. An unknown stream is done as well.</summary>
    ValueTask<JournalResult> PruneAsync(PruneStream prune);

    /// <summary>Begins a new life of a stream.</summary>
    ValueTask<JournalResult> RenewAsync(RenewStream renew);

    /// <summary>Forgets a stream. An unknown stream is done as well.</summary>
    ValueTask<JournalResult> RemoveAsync(RemoveStream remove);

    /// <summary>Records of one stream, oldest first.</summary>
    /// <exception cref="JournalException">The store failed, or a record is damaged; nothing damaged is ever returned.</exception>
    ValueTask<JournalRecord[]> ReadAsync(ReadRecords read);

    /// <summary>Known ids, oldest first: the newest <paramref name="limit"/> that are not older than <paramref name="sinceMicros"/>.</summary>
    /// <exception cref="JournalException">As for <see cref="ReadAsync"/>.</exception>
    ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit);

    /// <summary>The last record of each key, oldest first: of the newest <paramref name="limit"/> keys.</summary>
    /// <exception cref="JournalException">As for <see cref="ReadAsync"/>.</exception>
    ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit);

    /// <summary>Streams in the order of their names' bytes, behind <paramref name="after"/> (empty: from the first). For retention over streams without an actor.</summary>
    /// <exception cref="JournalException">The store failed.</exception>
    ValueTask<ListedStream[]> ListAsync(string after, int limit);
}

/// <summary>Which records to read: those that fulfil all conditions, oldest first.</summary>
public sealed record ReadRecords
{
    /// <summary>Whose.</summary>
    public required string Stream { get; init; }

    /// <summary>Only offsets above this one.</summary>
    public long AfterOffset { get; init; }

    /// <summary>Only from the first record of this time or later; microseconds since 1970-01-01 UTC.</summary>
    public long SinceMicros { get; init; }

    /// <summary>At most so many; above 0.</summary>
    public int Limit { get; init; } = 1000;

    /// <summary>True: of those that fit, the newest <see cref="Limit"/>; false: the oldest.</summary>
    public bool Newest { get; init; }
}

/// <summary>A stream in a list.</summary>
public readonly record struct ListedStream(string Stream, StreamState State);

/// <summary>A store could not be opened or read.</summary>
/// <param name="message">What happened, where, and the way out.</param>
/// <param name="isRetryable">True when it may work later without anybody's help.</param>
/// <param name="cause">What the store's own library said.</param>
public sealed class JournalException(string message, bool isRetryable, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>True when it may work later without anybody's help.</summary>
    public bool IsRetryable { get; } = isRetryable;
}
