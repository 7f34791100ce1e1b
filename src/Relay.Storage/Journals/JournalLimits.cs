namespace Relay.Storage.Journals;

/// <summary>Bounds of a journal's queue and of its transactions. Immutable.</summary>
public sealed record JournalLimits
{
    /// <summary>Records that may wait; one more is refused as Busy. At 20,000 a second it is three seconds of work.</summary>
    public int QueuedRecords { get; init; } = 65_536;

    /// <summary>Payload bytes that may wait.</summary>
    public long QueuedBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Records of one transaction: bounds how long the first of a group waits for the last. A single larger batch is a transaction of its own.</summary>
    public int GroupRecords { get; init; } = 4096;

    /// <summary>Records dropped between two groups of appends, so that nobody waits for a long deletion.</summary>
    public int PrunePiece { get; init; } = 1000;

    /// <summary>Bytes of one record's payload, scope, id and key together.</summary>
    public int RecordBytes { get; init; } = 16 * 1024 * 1024;
}
