using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>
/// A snapshot is stored as a record (<see cref="RecordFormat"/>) whose offset is the sequence number, whose payload is the actor's own bytes and whose stream's
/// name is the persistence id behind a NUL, which no stream has. The epoch stands beside it: it changes when a stream goes on after losing its tail.
/// </summary>
internal static class SnapshotFormat
{
    public static byte[] ToArray(Snapshot snapshot) => RecordFormat.ToArray(
        Name(snapshot.PersistenceId), new JournalRecord { Offset = snapshot.SequenceNr, TimeMicros = snapshot.TimeMicros, Payload = snapshot.Payload });

    /// <exception cref="JournalException">It is damaged.</exception>
    public static Snapshot Read(string persistenceId, ulong epoch, long sequenceNr, ReadOnlyMemory<byte> bytes, string place) =>
        RecordFormat.TryRead(Name(persistenceId), bytes, sequenceNr, out var record) is { } fault
            ? throw new JournalException($"{place}: the snapshot of '{persistenceId}' is damaged ({fault}). Delete it to recover from the events alone", isRetryable: false)
            : new Snapshot(persistenceId, epoch, sequenceNr, record.TimeMicros, record.Payload);

    private static byte[] Name(string persistenceId) => Encoding.UTF8.GetBytes("\0" + persistenceId);
}
