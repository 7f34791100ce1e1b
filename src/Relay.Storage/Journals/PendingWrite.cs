using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>The writes of snapshots, which share the queue and the transactions of the streams.</summary>
internal abstract record SnapshotWrite(string PersistenceId)
{
    public sealed record Save(Snapshot Snapshot) : SnapshotWrite(Snapshot.PersistenceId);

    public sealed record Delete(string PersistenceId) : SnapshotWrite(PersistenceId);
}

/// <summary>
/// A write on its way: in the queue, then in one group. The committer sets <see cref="Result"/> inside the transaction; it is told to the waiting caller only
/// when the transaction is durable.
/// </summary>
internal sealed class PendingWrite
{
    // Continuations run where Complete is called, which is never the thread that writes.
    private readonly TaskCompletionSource<JournalResult> _done = new();

    public PendingWrite(object operation, int records, long bytes)
    {
        Operation = operation;
        Records = records;
        Bytes = bytes;
        Stream = operation is JournalWrite write ? write.Stream : ((SnapshotWrite)operation).PersistenceId;
        StreamUtf8 = Encoding.UTF8.GetBytes(Stream);
    }

    /// <summary>A <see cref="JournalWrite"/> or a <see cref="SnapshotWrite"/>.</summary>
    public object Operation { get; }

    public string Stream { get; }

    public byte[] StreamUtf8 { get; }

    public int Records { get; }

    public long Bytes { get; }

    /// <summary>What will be told after the commit.</summary>
    public JournalResult Result { get; set; }

    /// <summary>True when another piece is left (pruning): it goes to the end of the queue once this piece is durable, and nothing is told yet.</summary>
    public bool HasMore { get; set; }

    public ValueTask<JournalResult> Answer => new(_done.Task);

    public void Complete() => _done.TrySetResult(Result);
}
