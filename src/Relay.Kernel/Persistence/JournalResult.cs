namespace Relay.Kernel.Persistence;

/// <summary>What became of a write.</summary>
public enum JournalOutcome
{
    /// <summary>Stored as durably as the store can; will be read after any crash.</summary>
    Done,

    /// <summary>An append that was stored before, byte for byte: the repeat of one whose answer was lost. As good as <see cref="Done"/>.</summary>
    Repeated,

    /// <summary>The stream has seen a higher fence: there is another owner. Not stored, never will be; the writer must stop acting as an owner.</summary>
    Fenced,

    /// <summary>
    /// The append does not continue the stream as it is: other epoch, other offset, unknown stream. Not stored. The writer opens the stream again and
    /// recovers; when the head is then lower than what it was told was durable, the store has lost data and the stream must be renewed.
    /// </summary>
    Conflict,

    /// <summary>Too much is waiting. Not stored; the same write may be tried again later.</summary>
    Busy,

    /// <summary>
    /// The store failed (disk full, I/O error, no connection). Not acknowledged by the store, so it must not be acknowledged to anybody; whether it will
    /// be read later is unknown. The same append may be tried again: it is stored once.
    /// </summary>
    Unavailable,

    /// <summary>The journal was closed. Not stored.</summary>
    Closed,
}

/// <summary>Where a stream stands.</summary>
/// <param name="Epoch">Its life; 0 when there is no such stream.</param>
/// <param name="Head">Offset of the newest record; 0 before the first.</param>
/// <param name="First">Offset of the oldest record that belongs to the readable window; <c>Head + 1</c> when that is empty.</param>
/// <param name="Fence">Highest fence seen.</param>
/// <param name="LastMicros">Time of the newest record, microseconds since 1970-01-01 UTC; 0 before the first.</param>
public readonly record struct StreamState(ulong Epoch, long Head, long First, long Fence, long LastMicros)
{
    /// <summary>True when there is such a stream.</summary>
    public bool Exists => Epoch != 0;
}

/// <summary>Answer to a write.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="State">Where the stream stands, as far as the journal knows; default when it does not.</param>
/// <param name="Reason">Why not, for people; null when it was done.</param>
public readonly record struct JournalResult(JournalOutcome Outcome, StreamState State, string? Reason = null)
{
    /// <summary>True when what was to be stored is stored.</summary>
    public bool IsDone => Outcome is JournalOutcome.Done or JournalOutcome.Repeated;

    /// <summary>True when the same write may succeed later.</summary>
    public bool IsRetryable => Outcome is JournalOutcome.Busy or JournalOutcome.Unavailable;
}
