using Relay.Actors.Fanout;
using Relay.Actors.Hooks;
using Relay.Actors.Metrics;
using Relay.Actors.Tracing;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>What every channel's actor is given. Immutable, shared.</summary>
public sealed record ChannelServices(RelaySettings Settings, TimeProvider Time, Random Random, IChannelArchive Archive, KeyFigures Figures, IActorRef HookMonitor, PatternTable Patterns)
{
    /// <summary>For durable namespaces.</summary>
    public ChannelJournals Journals { get; init; } = new();

    /// <summary>Where they tell how it goes.</summary>
    public required JournalReports JournalReports { get; init; }

    /// <summary>Null when this node has all channels.</summary>
    public IShardOwnership? Ownership { get; init; }

    /// <summary>Where they count.</summary>
    public ChannelMetrics Metrics { get; init; } = ChannelMetrics.Unseen;
}

/// <summary>
/// What an actor does to be a channel: admit, sequence, fan out, acknowledge. Used by <see cref="ChannelActor"/> and by the session's actor, which is a
/// channel with more behaviour. Owned by that actor's turn.
/// </summary>
internal sealed partial class ChannelCore
{
    private readonly ChannelServices _services;
    private readonly IActorContext _context;
    private readonly NamespaceTraffic _traffic;
    private readonly bool _isHooks;

    // Null while a durable channel is not recovered.
    private ChannelState? _state;

    private bool _isGivenUp;

    // One for each node that listens: one or a few.
    private (IActorRef Replica, int Subscribers)[] _replicas = [];
    private int _subscribers;
    private Gathered<Publication> _accepted;
    private Gathered<PublishReply> _replies;
    private Gathered<JournalRecord> _records;

    // The last answer about the history: whoever asks the same in this turn gets it too.
    private HistoryReply? _answer;

    // Somebody knows the position, so that a client may come back with it.
    private bool _wasShown;
    private PatternTable.Entry[] _knownPatterns = [];
    private IActorRef[] _patternReplicas = [];
    private readonly IChannelOwner? _owner;

    /// <param name="channel">Its name.</param>
    /// <param name="services">What every channel is given.</param>
    /// <param name="context">The owning actor's.</param>
    /// <param name="owner">The actor, when it is more than a channel.</param>
    public ChannelCore(string channel, ChannelServices services, IActorContext context, IChannelOwner? owner = null)
    {
        _owner = owner;
        Channel = channel;
        _isHooks = channel == "hooks";
        _traffic = services.Metrics.For(channel);
        _services = services;
        _context = context;
        _presenceOpen = services.Ownership?.HasJustBegun(channel) == true ? services.Time.GetTimestamp() : null;
        var settings = services.Settings.For(channel);
        if (services.Journals.For(settings) is { } journal)
        {
            _durable = new DurableChannel(journal, channel, settings, services, context);
        }
        else
        {
            // What was kept was shown to somebody.
            var kept = services.Archive.Take(channel);
            _wasShown = kept is not null;
            _state = kept ?? new ChannelState(channel, Epoch.New(services.Random), settings, Now);
        }
    }

    public string Channel { get; }

    /// <summary>Counts it as awake, or as asleep again.</summary>
    public void CountLive(int change) => _traffic.Add(ChannelCounter.Live, change);

    public bool HasReplicas => _replicas.Length > 0;

    public StreamPosition Position => _state!.Position;

    /// <summary>True when it may go without anybody missing an answer.</summary>
    public bool CanRest => OwesNothing && _context.Stash.Count == 0;

    private long Now => _services.Time.NowMicros();

    /// <summary>Handles a channel's message; false when it is none.</summary>
    public bool TryHandle(object message)
    {
        if (_services.Ownership is { } ownership && TryHandleUntrusted(ownership, message))
        {
            return true;
        }

        if (_durable is not null && TryHandleDurable(message))
        {
            return true;
        }

        switch (message)
        {
            case PublishBatch batch:
                try
                {
                    Publish(batch);
                }
                catch (Exception failure)
                {
                    // What was accepted in this turn has its offset and its id, and no record: a durable channel must forget it, or its repeat would count as stored.
                    Refuse(batch, "handling it failed: " + failure.GetType().Name, isFault: true);
                    _durable?.Fail("An event could not be handled; the channel begins again from its journal");
                    Flush();
                    throw;
                }

                return true;
            case ReplicaJoin join:
                Flush();
                _wasShown = true;
                Add(join.Replica);
                JoinPresence();
                _context.Watch(join.Replica);
                join.Replica.Tell(new ReplicaJoined(Position), _context.Self);
                return true;
            case ReplicaCount count:
                Count(count);
                return true;
            case ReplicaLeave leave:
                Remove(leave.Replica);
                leave.Replica.Tell(new ReplicaLeft(), _context.Self);
                return true;
            case Terminated terminated:
                LosePresence(terminated.ActorRef);
                Remove(terminated.ActorRef);
                return true;
            case HistoryQuery query:
                Flush();
                _wasShown = true;
                _answer = _answer is { } last && last.IsFor(query, Position) ? last with { Query = query } : HistoryAnswer.Of(query, _state!, Now);
                _context.Sender.Tell(_answer, _context.Self);
                return true;
            case CopyState copy:
                Copy(copy);
                return true;
            default:
                return _services.Ownership is not null && TryHandlePresence(message);
        }
    }

    /// <summary>Accepts an event of the channel's own actor.</summary>
    public Publication Publish(in PublishItem item)
    {
        var publication = _state!.Accept(item, "", Now, out _)!;
        Take(publication, item, "");
        return publication;
    }

    /// <summary>Station "fan out, acknowledge": once per turn, so that everything pending goes out in one batch.</summary>
    public void Flush()
    {
        if (_accepted.Count == 0 && _replies.Count == 0)
        {
            return;
        }

        var events = _accepted.Take();
        var replies = _replies.Take();
        if (_durable is null)
        {
            Deliver(events, replies);
        }
        else
        {
            Store(_durable, events, replies);
        }
    }

    /// <summary>The end of a turn: <see cref="Flush"/>, and nothing is held for others any more.</summary>
    public void CompleteTurn()
    {
        Flush();
        _answer = null;
        WatchPresence();
    }

    private void Deliver(Publication[] events, PublishReply[] replies)
    {
        _traffic.Add(ChannelCounter.Accepted, events.Length);
        if (_services.Settings.TraceUnmarked || EventTraces.AreIn(events))
        {
            EventTraces.Accepted(events, _traffic.Name, _services.Settings.TraceUnmarked, _services.Time);
        }

        TellHooks(events);
        TellPatterns(events);
        if (_services.Ownership is not null)
        {
            DeliverToNodes(events, replies);
        }
        else if (_replicas.Length == 0)
        {
            foreach (var reply in replies)
            {
                reply.ReplyTo.Tell(reply, _context.Self);
            }
        }
        else
        {
            var batch = new ChannelBatch(events, replies);
            foreach (var (replica, _) in _replicas)
            {
                replica.Tell(batch, _context.Self);
            }
        }
    }

    /// <summary>Leaves the truth to the next incarnation.</summary>
    public void Save()
    {
        Flush();
        AnswerPresence("The channel is moving to another node");
        if (_durable is null && !_isGivenUp && (_wasShown || !_state!.IsUnused))
        {
            _services.Archive.Put(Channel, _state!);
        }
    }

    /// <summary>Answers a publisher whose events are not accepted.</summary>
    public void Refuse(PublishBatch batch, string reason, bool isFault = false)
    {
        _traffic.Add(ChannelCounter.Unavailable, batch.Items.Length);
        if (batch.WantsReply)
        {
            _context.Sender.Tell(new PublishReply(batch, new PublishOutcome[batch.Items.Length], 0, _context.Sender) { Refusal = reason, IsFault = isFault }, _context.Self);
        }
    }

    // Stations "admit, sequence". A publish that cannot be taken is answered, never lost in a failure of the actor.
    private void Publish(PublishBatch batch)
    {
        var outcomes = new PublishOutcome[batch.Items.Length];
        var now = Now;
        var duplicates = 0;
        var rejected = 0;
        _accepted.Expect(outcomes.Length);
        for (var i = 0; i < outcomes.Length; i++)
        {
            ref readonly var item = ref batch.Items[i];
            if (_state!.Accept(item, batch.Scope, now, out outcomes[i]) is { } publication)
            {
                Take(publication, item, batch.Scope);
            }
            else if (outcomes[i].Duplicate)
            {
                duplicates++;
            }
            else
            {
                rejected++;
            }
        }

        _traffic.Add(ChannelCounter.Duplicate, duplicates);
        _traffic.Add(ChannelCounter.Rejected, rejected);

        if (batch.WantsReply)
        {
            _replies.Add(new PublishReply(batch, outcomes, _subscribers, _context.Sender));
        }
    }

    private void Take(Publication publication, in PublishItem item, string scope)
    {
        _accepted.Add(publication);
        if (_durable is not null && !item.Transient)
        {
            _records.Add(_owner?.RecordOf(publication, scope) ?? PublicationRecord.Write(publication, scope));
        }
        else
        {
            _owner?.Observe(publication);
        }

        if (!item.IsCopy && !item.Transient)
        {
            _services.Figures.Apply(publication);
        }
    }

    // Before the answers, so that whoever was answered and asks the monitor finds the event there.
    private void TellHooks(Publication[] events)
    {
        if (_isHooks && events.Length > 0)
        {
            _services.HookMonitor.Tell(new EventsPassed(events), _context.Self);
        }
    }

    private void TellPatterns(Publication[] events)
    {
        if (_services.Patterns.Entries is var entries && entries != _knownPatterns)
        {
            _knownPatterns = entries;
            _patternReplicas = [.. entries.Where(entry => entry.Pattern.Matches(Channel)).Select(static entry => entry.Replica)];
        }

        if (_patternReplicas.Length > 0 && events.Length > 0)
        {
            var batch = new ChannelBatch(events, []);
            foreach (var replica in _patternReplicas)
            {
                replica.Tell(batch, _context.Self);
            }
        }
    }

    private void Add(IActorRef replica)
    {
        if (IndexOf(replica) < 0)
        {
            _replicas = [.. _replicas, (replica, 0)];
        }
    }

    private void Count(ReplicaCount count)
    {
        if (IndexOf(count.Replica) is var index and >= 0)
        {
            _subscribers += count.Subscribers - _replicas[index].Subscribers;
            _replicas[index].Subscribers = count.Subscribers;
        }
    }

    private void Remove(IActorRef replica)
    {
        Flush();
        if (IndexOf(replica) is var index and >= 0)
        {
            _subscribers -= _replicas[index].Subscribers;
            _replicas = [.. _replicas[..index], .. _replicas[(index + 1)..]];
            _context.Unwatch(replica);
            LeavePresence(replica);
        }
    }

    private int IndexOf(IActorRef replica) => Array.FindIndex(_replicas, entry => ReferenceEquals(entry.Replica, replica));
}
