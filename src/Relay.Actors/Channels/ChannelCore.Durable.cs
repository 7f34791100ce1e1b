using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <content>What only durable channels do: begin from the journal, store before anything is shown, refuse while the journal is ill.</content>
internal sealed partial class ChannelCore
{
    /// <summary>Publishes kept while a durable channel starts; further ones are refused.</summary>
    private const int MaxStashed = 1000;

    // Null for channels in memory.
    private readonly DurableChannel? _durable;

    /// <summary>True when a journal keeps it.</summary>
    public bool IsDurable => _durable is not null;

    /// <inheritdoc cref="DurableChannel.Refusal"/>
    public string? Refusal => _durable?.Refusal;

    /// <summary>True when nothing is on its way to the journal.</summary>
    public bool OwesNothing => _durable is null or { OwesNothing: true };

    /// <summary>Begins: a durable channel takes its stream over.</summary>
    public void Start() => _durable?.Recover();

    /// <summary>Forgets the stream of a durable channel that owes nothing; its actor is told <see cref="JournalRemoved"/> and asks nothing of it until then.</summary>
    public void Remove() => _durable!.Remove();

    /// <summary>The stream is forgotten: the channel's next life begins with <see cref="Start"/>.</summary>
    public void Removed() => _state = null;

    private void Store(DurableChannel durable, Publication[] events, PublishReply[] replies)
    {
        // Events without a place in the sequence are not stored: they go at once.
        var records = _records.Take();
        if (records.Length < events.Length)
        {
            Deliver([.. events.Where(static publication => publication.IsTransient)], []);
            events = [.. events.Where(static publication => !publication.IsTransient)];
        }

        if (durable.Refusal is { } reason)
        {
            // Accepted in the turn in which an earlier write failed: its offset may not follow what is stored, so it must never be stored.
            DurableChannel.Refuse(replies, reason, _context.Self, _traffic);
        }
        else if (!durable.TryStore(events, records, replies))
        {
            Deliver([], replies);
        }
    }

    /// <summary>What only durable channels do: recover, wait for the journal, refuse while it is ill.</summary>
    private bool TryHandleDurable(object message)
    {
        switch (message)
        {
            case JournalWritten written:
                _durable!.Written(written, _state!, Show);
                return true;
            case JournalRecovered recovered when _durable!.TryRecover(recovered, out var state):
                Continue(state, recovered);
                return true;
            case JournalRecovered:
                TellOwner();
                return true;
            case JournalNotRecovered not:
                _durable!.NotRecovered(not.Reason);
                TellOwner();
                return true;
            case JournalRenewed or JournalRetry:
                _durable!.Recover();
                return true;
            case PublishBatch batch when _durable!.Refusal is { } reason:
                Refuse(batch, reason);
                return true;
            case PublishBatch batch when _state is null && _context.Stash.Count >= MaxStashed:
                Refuse(batch, "The channel is starting");
                return true;
            case HistoryQuery { MayBeRefused: true } query when _state is null && _durable!.Refusal is { } reason:
                _context.Sender.Tell(new HistoryReply(query, default, false, []) { Refusal = reason }, _context.Self);
                return true;
            case ReplicaJoin join when _state is null && _durable!.Refusal is { } reason:
                // It joins once the journal can be read; who waits at the replica is told now.
                join.Replica.Tell(new ReplicaRefused(reason), _context.Self);
                _context.Stash.Stash();
                return true;
            case PublishBatch or ReplicaJoin or HistoryQuery when _state is null:
                _context.Stash.Stash();
                return true;
            default:
                return false;
        }
    }

    private void TellOwner()
    {
        if (_durable!.Refusal is { } reason)
        {
            _owner?.Unreachable(reason);
        }
    }

    private void Show(Publication[] events, PublishReply[] replies)
    {
        if (_owner is not null)
        {
            foreach (var publication in events)
            {
                _owner.Observe(publication);
            }
        }

        Deliver(events, replies);
    }

    private void Continue(ChannelState state, JournalRecovered recovered)
    {
        _state = state;
        _owner?.Recovered(recovered);
        var missed = _durable!.Missed(state, Now);
        if (missed is null)
        {
            foreach (var (replica, _) in _replicas)
            {
                replica.Tell(new ReplicaJoined(Position), _context.Self);
            }
        }
        else if (missed.Length > 0)
        {
            Deliver(missed, []);
        }

        _context.Stash.UnstashAll();
    }
}
