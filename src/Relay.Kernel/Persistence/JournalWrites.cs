namespace Relay.Kernel.Persistence;

/// <summary>Something to be written to one stream. Writes to one stream take effect in the order in which they were handed over.</summary>
public abstract record JournalWrite
{
    private protected JournalWrite()
    {
    }

    /// <summary>Name of the stream: a channel's name, an actor's persistence id. 1 to 1,024 bytes of UTF-8, no NUL.</summary>
    public required string Stream { get; init; }

    /// <summary>
    /// The writer's fencing token (cluster.md "Owning"), which grows with every change of owner. A lower one than the stream has seen is refused
    /// inside the transaction; a higher one is remembered. One node without a cluster writes 0.
    /// </summary>
    public long Fence { get; init; }
}

/// <summary>
/// Takes a stream over: makes it when it is missing and raises its fence, so that whoever held it before cannot append any more. Comes before
/// reading: only then is what is read the end.
/// </summary>
public sealed record OpenStream : JournalWrite
{
    /// <summary>The epoch the stream gets when it is made, or when the store knows that it lost a part of it. Not 0.</summary>
    public required ulong EpochIfNew { get; init; }
}

/// <summary>Records to be stored behind the stream's head, all or none.</summary>
public sealed record AppendBatch : JournalWrite
{
    /// <summary>The life of the stream, as told when it was opened.</summary>
    public required ulong Epoch { get; init; }

    /// <summary>At least one, offsets consecutive, the first one right behind the head. The array belongs to the journal from now on.</summary>
    public required JournalRecord[] Records { get; init; }

    /// <summary>Offset of the first record.</summary>
    public long FirstOffset => Records[0].Offset;

    /// <summary>Offset of the last record.</summary>
    public long LastOffset => Records[^1].Offset;
}

/// <summary>
/// Drops what is too old. Done in pieces between other writes, so that traffic goes on; the stream's first offset moves with the first piece.
/// </summary>
public sealed record PruneStream : JournalWrite
{
    /// <summary>The newest so many records stay readable.</summary>
    public long KeepRecords { get; init; } = long.MaxValue;

    /// <summary>Records before the first one of this time or later are dropped; microseconds since 1970-01-01 UTC.</summary>
    public long KeepSinceMicros { get; init; }

    /// <summary>Ids of dropped records stay known: the newest so many of the stream.</summary>
    public int KeepIds { get; init; }

    /// <summary>And none older than this; microseconds since 1970-01-01 UTC.</summary>
    public long KeepIdsSinceMicros { get; init; }

    /// <summary>The last record of each key outlives its neighbours, for the newest so many keys.</summary>
    public int KeepKeys { get; init; }
}

/// <summary>
/// Ends the stream's life: every record, id and last value goes, the sequence begins again behind 0 under another epoch. For an owner that finds the
/// store behind what it was told was durable. <see cref="RemoveStream"/> is for streams that are over.
/// </summary>
public sealed record RenewStream : JournalWrite
{
    /// <summary>The new epoch. Not 0.</summary>
    public required ulong Epoch { get; init; }
}

/// <summary>
/// Forgets a stream as if it had never been, its fence and its snapshot included: for channels and sessions that are over, of which a store would otherwise keep a
/// row each for ever. Whoever opens it again gets a new life.
/// </summary>
public sealed record RemoveStream : JournalWrite;
