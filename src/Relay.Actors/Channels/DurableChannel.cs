using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// What a durable channel does besides: it begins from its journal, shows and acknowledges nothing that the journal has not confirmed, and after a write
/// whose fate is not known it begins from the journal again. Owned by the channel's turn.
/// <para>
/// recovering -> running -> (a write failed) in doubt: publishes are refused, until all results are in -> recovering. While the journal cannot be read,
/// publishes are refused and the reading is tried again, each time a little later.
/// </para>
/// </summary>
internal sealed class DurableChannel
{
    private const string RetryTimer = "journal";
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly string _channel;
    private NamespaceSettings _settings;
    private readonly ChannelServices _services;
    private readonly IActorContext _context;
    private readonly ChannelJournal _journal;
    private readonly Unconfirmed _unconfirmed = new();

    // The last position that anybody was shown by this instance.
    private StreamPosition _shown;

    // What the stream was offered for a new life when it was opened last.
    private Epoch _offered;
    private bool _removed;
    private string? _illness;
    private TimeSpan _pause = FirstPause;

    public DurableChannel(IJournal journal, string channel, NamespaceSettings settings, ChannelServices services, IActorContext context)
    {
        _channel = channel;
        _settings = settings;
        _services = services;
        _context = context;
        _journal = new ChannelJournal(journal, channel, settings, context, Retention.Kept(channel, services.Settings), hasSnapshot: ChannelName.IsIn(channel, ChannelName.Sessions))
        {
            Ownership = services.Ownership,
            Fence = services.Ownership?.FenceOf(channel) ?? 0,
        };
    }

    /// <summary>Why nothing can be accepted now; null when it can, or when it will be known in a moment.</summary>
    public string? Refusal => _unconfirmed.Doubt ?? _illness;

    /// <summary>True when no publisher waits for the journal.</summary>
    public bool OwesNothing => _unconfirmed.IsEmpty;

    private long Now => _services.Time.NowMicros();

    /// <summary>Answers publishers whose events are not stored.</summary>
    public static void Refuse(IEnumerable<PublishReply> replies, string reason, IActorRef channel, NamespaceTraffic traffic)
    {
        foreach (var owed in replies)
        {
            traffic.Add(ChannelCounter.Unavailable, owed.Outcomes.Length);
            owed.ReplyTo.Tell(owed with { Outcomes = new PublishOutcome[owed.Outcomes.Length], Refusal = reason }, channel);
        }
    }

    /// <summary>Lives by other settings from now on.</summary>
    public void Take(NamespaceSettings settings)
    {
        _settings = settings;
        _journal.Take(settings, Retention.Kept(_channel, _services.Settings));
    }

    /// <summary>Takes the stream over and reads it.</summary>
    public void Recover()
    {
        _offered = Epoch.New(_services.Random);
        _journal.Recover(_offered, Now);
    }

    /// <summary>Forgets the stream; its next life is no loss.</summary>
    public void Remove()
    {
        _removed = true;
        _journal.Remove();
    }

    /// <summary>The journal cannot be read now: whoever waits is told, and it is tried again.</summary>
    public void NotRecovered(string reason)
    {
        _services.JournalReports.RecoveryFailed(_channel, reason);
        TryLater(reason);
        _context.Stash.UnstashAll();
    }

    private void TryLater(string reason)
    {
        _illness = reason;
        _context.Timers.StartSingle(RetryTimer, JournalRetry.Instance, _pause);
        _pause = TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, _pause.Ticks * 2));
    }

    /// <summary>Hands events to the journal with the answers that wait for it. False when there is nothing to wait for.</summary>
    public bool TryStore(Publication[] events, JournalRecord[] records, PublishReply[] replies)
    {
        if (records.Length == 0)
        {
            return _unconfirmed.TryAttach(replies);
        }

        _journal.Append(_unconfirmed.Add(events, replies), records);
        return true;
    }

    /// <summary>The journal's answer: what is stored is shown and delivered, in order.</summary>
    public void Written(JournalWritten written, ChannelState state, Action<Publication[], PublishReply[]> deliver)
    {
        if (!_journal.IsOurs(written))
        {
            return;
        }

        _unconfirmed.Settle(written.Number, written.Failure);
        while (_unconfirmed.TryTake(out var events, out var replies))
        {
            foreach (var publication in events)
            {
                state.Show(publication);
            }

            _shown = state.Position;
            deliver(events, replies);
            _journal.Stored(events.Length, Now);
        }

        EndDoubt();
    }

    /// <summary>The state was left half changed by a failure in the channel itself: as after a write that failed, it begins from the journal again.</summary>
    public void Fail(string reason)
    {
        _unconfirmed.Fail(reason);
        EndDoubt();
    }

    /// <summary>The channel is another owner's by now: whoever waits is told that its fate is not known here.</summary>
    public void GiveUp() => Refuse(_unconfirmed.Abandon(), "The channel has moved to another node", _context.Self, _services.Metrics.For(_channel));

    private void EndDoubt()
    {
        if (_unconfirmed is { Doubt: { } reason, IsSettled: true })
        {
            Refuse(_unconfirmed.Abandon(), reason, _context.Self, _services.Metrics.For(_channel));
            TryLater(reason);
        }
    }

    /// <summary>The journal's content as the channel's state; false when it must be asked again.</summary>
    public bool TryRecover(JournalRecovered recovered, out ChannelState state)
    {
        state = null!;
        var opened = recovered.Recovery.Opened;
        if (!opened.IsDone)
        {
            NotRecovered(opened.Reason ?? opened.Outcome.ToString());
            return false;
        }

        var position = new StreamPosition(new Epoch(opened.State.Epoch), opened.State.Head);
        if (position.Epoch == _shown.Epoch && position.Offset < _shown.Offset)
        {
            // The store has lost what was acknowledged: offsets would be given twice. Another life says so to everybody.
            _journal.Renew(Epoch.New(_services.Random));
            return false;
        }

        try
        {
            state = StateOf(recovered.Recovery, position);
        }
        catch (InvalidDataException unreadable)
        {
            NotRecovered(unreadable.Message);
            return false;
        }

        _journal.Begin(position.Epoch);
        _illness = null;
        _pause = FirstPause;
        _services.JournalReports.Recovered();
        return true;
    }

    private ChannelState StateOf(StreamRecovery recovery, StreamPosition position)
    {
        var history = recovery.Records.Select(Read);

        // All are read, also those of a session, which reads them for itself: here is where a channel that cannot be read is refused. A session's keyed
        // events are kept as long as its history; the records' own keys are the conversation's.
        var values = Array.ConvertAll(recovery.LastValues, Read);
        var keyed = ChannelName.IsIn(_channel, ChannelName.Sessions) ? history.Where(static publication => publication.Key is not null) : values;
        return new ChannelState(_channel, _settings, position, history, recovery.Ids, keyed, position.Offset > 0 ? recovery.Opened.State.LastMicros : Now);

        Publication Read(JournalRecord record) => PublicationRecord.Read(_channel, position.Epoch, record);
    }

    /// <summary>
    /// Events that were stored although the journal could not say so, and that nobody has seen yet; null when the stream has another life than the one that was
    /// shown.
    /// </summary>
    public Publication[]? Missed(ChannelState state, long nowMicros)
    {
        var before = _shown;
        _shown = state.Position;
        if (!_removed && ((!before.Epoch.IsNone && before.Epoch != state.Epoch) || (_offered == state.Epoch && state.Position.Offset > 0)))
        {
            _services.JournalReports.Renewed(_channel, before, state.Position);
        }

        _removed = false;

        if (before.Epoch.IsNone)
        {
            return [];
        }

        return before.Epoch == state.Epoch ? [.. state.After(before.Offset, int.MaxValue, nowMicros)] : null;
    }
}
