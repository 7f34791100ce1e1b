using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// What a durable channel has sequenced and its journal has not confirmed yet: batches in their order, each with the answers for its publishers. Plain
/// data. Results may come in any order; batches leave in theirs.
/// <para>
/// The first batch that is not stored casts doubt on all behind it: their offsets do not follow any more. Nothing is added then; once every result is
/// in, what could not be confirmed is abandoned and the channel begins again from what the journal holds.
/// </para>
/// </summary>
internal sealed class Unconfirmed
{
    private readonly Queue<Batch> _batches = new();
    private Batch? _newest;
    private long _lastNumber;
    private int _open;

    /// <summary>True when nothing waits.</summary>
    public bool IsEmpty => _batches.Count == 0;

    /// <summary>Why a batch was not stored; null while all is well.</summary>
    public string? Doubt { get; private set; }

    /// <summary>True when the journal owes no result any more.</summary>
    public bool IsSettled => _open == 0;

    /// <summary>Adds a batch that is handed to the journal; returns its number.</summary>
    public long Add(Publication[] events, PublishReply[] replies)
    {
        _newest = new Batch(++_lastNumber, events, replies);
        _batches.Enqueue(_newest);
        _open++;
        return _lastNumber;
    }

    /// <summary>
    /// Answers to publishers without an event of their own, all of whose events were known: they wait for what they repeat. False when nothing waits.
    /// </summary>
    public bool TryAttach(PublishReply[] replies)
    {
        if (IsEmpty)
        {
            return false;
        }

        _newest!.Replies = [.. _newest.Replies, .. replies];
        return true;
    }

    /// <summary>The journal's result for a batch.</summary>
    /// <param name="number">Whose.</param>
    /// <param name="failure">Why it is not stored; null when it is.</param>
    public void Settle(long number, string? failure)
    {
        _open--;
        Doubt ??= failure;
        if (failure is null)
        {
            _batches.First(batch => batch.Number == number).IsStored = true;
        }
    }

    /// <summary>Casts doubt on what is sequenced for another reason than a batch's.</summary>
    public void Fail(string reason) => Doubt ??= reason;

    /// <summary>Takes out the oldest batch if it is stored.</summary>
    public bool TryTake(out Publication[] events, out PublishReply[] replies)
    {
        if (_batches.TryPeek(out var oldest) && oldest.IsStored)
        {
            _batches.Dequeue();
            (events, replies) = (oldest.Events, oldest.Replies);
            return true;
        }

        (events, replies) = ([], []);
        return false;
    }

    /// <summary>Ends the doubt: the answers that are owed for everything that is left.</summary>
    public List<PublishReply> Abandon()
    {
        var owed = _batches.SelectMany(static batch => batch.Replies).ToList();
        _batches.Clear();
        Doubt = null;
        return owed;
    }

    private sealed class Batch(long number, Publication[] events, PublishReply[] replies)
    {
        public long Number => number;

        public Publication[] Events => events;

        public PublishReply[] Replies { get; set; } = replies;

        public bool IsStored { get; set; }
    }
}
