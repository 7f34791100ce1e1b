using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>What is to be done with an append.</summary>
internal enum Verdict
{
    /// <summary>Store it.</summary>
    Accept,

    /// <summary>It may be the repeat of one that is stored: the last record decides.</summary>
    Compare,

    /// <summary>Refuse it.</summary>
    Refuse,
}

/// <summary>
/// The rules of a stream, the same for the stores that have no rules of their own (Redis has them in its scripts): who may write, what follows what.
/// Plain data: no I/O. A row of the store, as it will be after the transaction. Owned by the committer.
/// </summary>
internal sealed class StreamLedger
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";

    /// <summary>The store's own number of the stream; 0 = not stored yet.</summary>
    public long Id { get; set; }

    public ulong Epoch { get; set; }

    public long Head { get; set; }

    /// <summary>First offset of the readable window.</summary>
    public long First { get; set; } = 1;

    public long Fence { get; set; }

    public long LastMicros { get; set; }

    /// <summary>The store lost a part of the stream, or may have: the next owner gets another epoch.</summary>
    public bool IsDoubtful { get; set; }

    /// <summary>It differs from the stored row.</summary>
    public bool IsDirty { get; set; }

    public StreamState State => IsDoubtful ? default : new StreamState(Epoch, Head, First, Fence, LastMicros);

    public JournalResult Done => new(JournalOutcome.Done, State);

    /// <summary>Takes the stream over for a fence.</summary>
    public JournalResult Open(OpenStream open)
    {
        if (open.Fence < Fence)
        {
            return Fenced(open.Fence);
        }

        if (Epoch == 0 || IsDoubtful)
        {
            Epoch = open.EpochIfNew;
            IsDoubtful = false;
            IsDirty = true;
        }

        Raise(open.Fence);
        return Done;
    }

    /// <summary>Judges an append; accepting it is <see cref="Accept"/>.</summary>
    public Verdict Judge(AppendBatch batch, out JournalResult refusal)
    {
        refusal = default;
        if (batch.Fence < Fence)
        {
            refusal = Fenced(batch.Fence);
            return Verdict.Refuse;
        }

        if (Epoch == 0 || IsDoubtful || batch.Epoch != Epoch)
        {
            refusal = Conflict(Epoch == 0 || IsDoubtful ? "the stream was not opened" : $"the stream is in epoch {Epoch}, the append in {batch.Epoch}");
            return Verdict.Refuse;
        }

        if (batch.FirstOffset == Head + 1)
        {
            return Verdict.Accept;
        }

        refusal = Conflict($"the stream's head is {Head}, the append begins with {batch.FirstOffset}");
        return batch.LastOffset <= Head ? Verdict.Compare : Verdict.Refuse;
    }

    public JournalResult Accept(AppendBatch batch)
    {
        Head = batch.LastOffset;
        LastMicros = batch.Records[^1].TimeMicros;
        IsDirty = true;
        Raise(batch.Fence);
        return Done;
    }

    /// <summary>Checks the fence of a prune or of a new life, and raises it.</summary>
    public bool TryRule(JournalWrite write, out JournalResult refusal)
    {
        refusal = write.Fence < Fence ? Fenced(write.Fence) : default;
        if (write.Fence < Fence)
        {
            return false;
        }

        Raise(write.Fence);
        return true;
    }

    public JournalResult Renew(ulong epoch)
    {
        Epoch = epoch;
        Head = 0;
        First = 1;
        LastMicros = 0;
        IsDoubtful = false;
        IsDirty = true;
        return Done;
    }

    /// <summary>Back to a stream that nobody opened.</summary>
    public JournalResult Remove()
    {
        Epoch = 0;
        Head = 0;
        First = 1;
        Fence = 0;
        LastMicros = 0;
        IsDoubtful = false;
        IsDirty = true;
        return Done;
    }

    public void MoveFirst(long first)
    {
        if (first > First)
        {
            First = first;
            IsDirty = true;
        }
    }

    private void Raise(long fence)
    {
        if (fence > Fence)
        {
            Fence = fence;
            IsDirty = true;
        }
    }

    private JournalResult Fenced(long fence) => new(JournalOutcome.Fenced, State, $"fence {fence} is lower than {Fence}, which the stream has seen: it has another owner");

    private JournalResult Conflict(string reason) => new(JournalOutcome.Conflict, State, reason);
}
