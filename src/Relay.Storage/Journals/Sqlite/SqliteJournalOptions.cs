using System.Diagnostics.Metrics;
using Microsoft.Data.Sqlite;
using Relay.Actors.Channels;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>Where the embedded journal is and how it is opened. Immutable.</summary>
public sealed record SqliteJournalOptions
{
    /// <summary>Folder of the journal's files (<c>Relay:Storage:Path</c>); made when missing.</summary>
    public required string Path { get; init; }

    /// <summary>Bounds of queue and transactions.</summary>
    public JournalLimits Limits { get; init; } = new();

    /// <summary>Where the journal counts what it does.</summary>
    public JournalMetrics Metrics { get; init; } = new(new Meter(JournalMetrics.MeterName));

    /// <summary>
    /// True: a damaged record does not stop the start. It and everything behind it in its stream is dropped, the stream goes on under a new epoch, and the
    /// log says so. False (default): the start is refused and nothing is touched.
    /// </summary>
    public bool DropDamagedTails { get; init; }

    /// <summary>Checks every record's sum at the start. Records are checked again whenever they are read.</summary>
    public bool VerifyRecords { get; init; } = true;

    /// <summary>The database, inside <see cref="Path"/>.</summary>
    public string DatabaseFile => System.IO.Path.Combine(Path, "journal.db");

    /// <summary>Runs on every connection that will write: how tests make a disk full.</summary>
    internal Action<SqliteConnection>? OnWriterOpened { get; init; }

    /// <summary>See <see cref="CommitMark"/>.</summary>
    internal string MarkFile => System.IO.Path.Combine(Path, "journal.mark");

    /// <summary>Held locked while a node uses the folder.</summary>
    internal string LockFile => System.IO.Path.Combine(Path, "journal.lock");

    /// <summary>For failures and logs.</summary>
    internal string Place => $"the journal in {System.IO.Path.GetFullPath(Path)} (Relay:Storage:Path)";
}
