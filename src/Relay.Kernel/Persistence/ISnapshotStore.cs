namespace Relay.Kernel.Persistence;

/// <summary>A persistent actor's state at one point of its stream.</summary>
/// <param name="PersistenceId">Whose.</param>
/// <param name="Epoch">The life of the stream it belongs to; a snapshot of another life is never offered.</param>
/// <param name="SequenceNr">The last event it contains.</param>
/// <param name="TimeMicros">When it was made, microseconds since 1970-01-01 UTC.</param>
/// <param name="Payload">The actor's own bytes.</param>
public sealed record Snapshot(string PersistenceId, ulong Epoch, long SequenceNr, long TimeMicros, ReadOnlyMemory<byte> Payload);

/// <summary>Keeps the newest snapshot of each persistent actor. Safe for concurrent use; nothing waits on the caller's thread.</summary>
public interface ISnapshotStore
{
    /// <summary>Replaces the snapshot of an older sequence number or another life; one of a newer number stays.</summary>
    /// <returns>Done, Busy, Unavailable or Closed.</returns>
    ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot);

    /// <summary>The snapshot, or null.</summary>
    /// <exception cref="JournalException">The store failed, or the snapshot is damaged.</exception>
    ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId);

    /// <summary>Removes the snapshot, if there is one.</summary>
    ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId);
}

/// <summary>Turns an actor's events and states into bytes and back. Called on the actor's turn; must not block.</summary>
public interface IEventSerializer
{
    /// <summary>The bytes of an event or a state.</summary>
    ReadOnlyMemory<byte> Serialize(object value);

    /// <summary>The event or state that <see cref="Serialize"/> wrote.</summary>
    object Deserialize(ReadOnlyMemory<byte> bytes);
}

/// <summary>What persistent actors are given. Immutable, shared.</summary>
/// <param name="Journal">Where events go.</param>
/// <param name="Snapshots">Where states go.</param>
/// <param name="Serializer">How they look.</param>
public sealed record PersistenceServices(IJournal Journal, ISnapshotStore Snapshots, IEventSerializer Serializer)
{
    /// <summary>Events read at once during recovery: bounds the memory of a replay without a turn of its own per event.</summary>
    public int ReplayPage { get; init; } = 256;
}
