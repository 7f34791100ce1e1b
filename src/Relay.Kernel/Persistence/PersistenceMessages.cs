namespace Relay.Kernel.Persistence;

/// <summary>Told to <see cref="PersistentActor.OnRecover"/> first, when there is a snapshot.</summary>
/// <param name="SequenceNr">The last event the state contains.</param>
/// <param name="State">What was given to <see cref="PersistentActor.SaveSnapshot"/>.</param>
public sealed record SnapshotOffer(long SequenceNr, object State);

/// <summary>Told to <see cref="PersistentActor.OnRecover"/> once, after the last event and before the first command.</summary>
public sealed class RecoveryCompleted
{
    private RecoveryCompleted()
    {
    }

    /// <summary>The only one.</summary>
    public static RecoveryCompleted Instance { get; } = new();
}

/// <summary>Told as a command: the snapshot is stored.</summary>
public sealed record SaveSnapshotSuccess(long SequenceNr);

/// <summary>Told as a command: the snapshot is not stored. Nothing is lost by it; recovery only takes longer.</summary>
public sealed record SaveSnapshotFailure(long SequenceNr, Exception Cause);

/// <summary>Told as a command: events up to this one are dropped.</summary>
public sealed record DeleteMessagesSuccess(long ToSequenceNr);

/// <summary>Told as a command: events up to this one may still be there.</summary>
public sealed record DeleteMessagesFailure(long ToSequenceNr, Exception Cause);

/// <summary>A write was not done; carries what the journal said.</summary>
public sealed class PersistException(JournalResult result) : Exception(result.Reason ?? $"The journal answered {result.Outcome}")
{
    /// <summary>What the journal said.</summary>
    public JournalResult Result { get; } = result;
}
