namespace Relay.Kernel.Persistence;

/// <summary>How much of a stream its new owner wants back. The bounds are the namespace's (history length and age, window of known ids, keys).</summary>
public sealed record RecoverStream
{
    /// <summary>Takes the stream over first.</summary>
    public required OpenStream Open { get; init; }

    /// <summary>Newest records to read; 0 = none.</summary>
    public int Records { get; init; }

    /// <summary>None older than this, microseconds since 1970-01-01 UTC.</summary>
    public long RecordsSinceMicros { get; init; }

    /// <summary>Newest known ids to read; 0 = none.</summary>
    public int Ids { get; init; }

    /// <summary>None older than this, microseconds since 1970-01-01 UTC.</summary>
    public long IdsSinceMicros { get; init; }

    /// <summary>Keys whose last values are read; 0 = none.</summary>
    public int Keys { get; init; }
}

/// <summary>What a new owner starts from. When the outcome is not <see cref="JournalOutcome.Done"/> the lists are empty.</summary>
/// <param name="Opened">The stream's epoch and head; its head is the last offset ever given.</param>
/// <param name="Records">The window, oldest first, offsets consecutive up to the head.</param>
/// <param name="Ids">Known ids, oldest first.</param>
/// <param name="LastValues">Last record of each key, oldest first.</param>
public sealed record StreamRecovery(JournalResult Opened, JournalRecord[] Records, KnownId[] Ids, JournalRecord[] LastValues);

/// <summary>Opening and reading in one step.</summary>
public static class JournalExtensions
{
    /// <summary>
    /// Takes a stream over and reads what its owner needs. A stream that was just made is not read. The window ends at the head, because the
    /// fence is up before anything is read.
    /// </summary>
    /// <exception cref="JournalException">Reading failed.</exception>
    public static async Task<StreamRecovery> RecoverAsync(this IJournal journal, RecoverStream wanted)
    {
        ArgumentNullException.ThrowIfNull(journal);
        ArgumentNullException.ThrowIfNull(wanted);
        var opened = await journal.OpenAsync(wanted.Open).ConfigureAwait(false);
        if (!opened.IsDone || opened.State.Head == 0)
        {
            return new StreamRecovery(opened, [], [], []);
        }

        var stream = wanted.Open.Stream;
        var records = wanted.Records == 0
            ? []
            : await journal.ReadAsync(new ReadRecords { Stream = stream, SinceMicros = wanted.RecordsSinceMicros, Limit = wanted.Records, Newest = true }).ConfigureAwait(false);
        var ids = IdsOf(records, wanted);
        if (ids.Length < wanted.Ids && records is not [{ Offset: 1 }, ..])
        {
            // Older ones stand before the window.
            ids = await journal.ReadIdsAsync(stream, wanted.IdsSinceMicros, wanted.Ids).ConfigureAwait(false);
        }

        var values = wanted.Keys == 0 ? [] : await journal.ReadLastValuesAsync(stream, wanted.Keys).ConfigureAwait(false);
        return new StreamRecovery(opened, records, ids, values);
    }

    private static KnownId[] IdsOf(JournalRecord[] records, RecoverStream wanted) =>
    [
        .. records.Where(record => record.Id is not null && record.TimeMicros >= wanted.IdsSinceMicros)
            .Select(static record => new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros))
            .TakeLast(wanted.Ids),
    ];
}
