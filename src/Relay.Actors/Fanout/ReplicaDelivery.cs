using Relay.Actors.Explain;
using System.Runtime.InteropServices;
using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Metrics;
using Relay.Actors.Tracing;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// What a replica has collected and not yet brought to its subscribers: station "fan out" of a message's way. Events first, then the answers for their
/// publishers, then what has to be sent again. Owned by the replica's turn.
/// </summary>
/// <param name="traffic">Where its channel's namespace counts; null for patterns, whose events come from many.</param>
internal sealed class ReplicaDelivery(IActorContext context, TimeProvider time, SubscriberSet subscribers, NamespaceView settings, NamespaceTraffic? traffic = null)
{
    private static readonly TimeSpan RedeliveryInterval = TimeSpan.FromSeconds(1);

    // Made when first needed: most channels are one user's, who mostly hears nothing.
    private List<Publication>? _pending;
    private List<PublishReply>? _replies;
    private FanoutRun? _run;
    private NamespaceView _settings = settings;
    private Redelivery? _redelivery;
    private long _started;

    /// <summary>True while a batch is on its way to more subscribers than one turn serves: nothing may change them meanwhile.</summary>
    public bool IsRunning => _run is not null;

    /// <summary>True while answers wait for events that were missed and are being fetched.</summary>
    public bool HoldsReplies { get; set; }

    /// <summary>Those who still get what they missed: an answer for one of them waits for its event.</summary>
    public CatchUps? CatchUps { get; set; }

    /// <summary>Where it is noted what went out, and under which name.</summary>
    public DeliveryLog Deliveries { get; init; } = DeliveryLog.Off;

    /// <inheritdoc cref="Deliveries"/>
    public string Entity { get; init; } = "";

    private WhenSlow WhenSlow => _settings.Current.WhenSlow;

    public void Collect(Publication publication) => (_pending ??= new List<Publication>(1)).Add(publication);

    public void Collect(Publication[] publications) => (_pending ??= new List<Publication>(publications.Length)).AddRange(publications);

    public void Collect(PublishReply[] replies)
    {
        if (replies.Length > 0)
        {
            (_replies ??= new List<PublishReply>(replies.Length)).AddRange(replies);
        }
    }

    /// <summary>Sends what was collected; false when there are so many subscribers that it goes on in later turns.</summary>
    public bool TryFlush()
    {
        if (_pending is { Count: > 0 })
        {
            _started = EventTraces.AreIn(CollectionsMarshal.AsSpan(_pending)) ? time.NowMicros() : 0;
            if (subscribers.Count > FanoutRun.SendsPerTurn)
            {
                _run = new FanoutRun([.. _pending], subscribers, WhenSlow);
                _pending.Clear();
                LetOthersGoFirst();
                return false;
            }

            var events = CollectionsMarshal.AsSpan(_pending);
            FanoutLoop.Send(events, subscribers, WhenSlow);
            Sent(events);
            _pending.Clear();
        }

        Reply();
        return true;
    }

    /// <summary>Handles a message that comes while a run is under way: its next step, or something that has to wait for its end.</summary>
    public void GoOn(object message)
    {
        if (message != FanoutRun.Next)
        {
            context.Stash.Stash();
            return;
        }

        if (!_run!.Step())
        {
            LetOthersGoFirst();
            return;
        }

        Sent(_run.Events);
        _run = null;
        Reply();
        context.Stash.UnstashAll();
    }

    /// <summary>Sends one subscriber the next part of what it missed; returns how many events that is.</summary>
    public int SendPart(List<Publication> events, int from, Subscription subscription) =>
        FanoutLoop.SendPart(CollectionsMarshal.AsSpan(events)[from..], subscription, WhenSlow);

    public void Acked(DeliveryAcked acked) => _redelivery?.Acked(acked.Subscription, acked.Position);

    public int CountPending() => _redelivery?.CountPending(subscribers.Of(DialectKind.Context)) ?? 0;

    /// <summary>Sends again what is due.</summary>
    public void Redeliver()
    {
        var due = new List<(Subscription Client, Publication Event)>();
        _redelivery!.TakeDue(time.NowMicros(), subscribers.Of(DialectKind.Context), due);
        foreach (var (client, publication) in due)
        {
            FanoutLoop.SendTo([publication], client, WhenSlow);
        }

        if (_redelivery.IsEmpty)
        {
            context.Timers.Cancel(RedeliveryDue.Instance);
        }
    }

    private void LetOthersGoFirst()
    {
        context.Self.Tell(FanoutRun.Next, context.Self);
        context.EndTurn();
    }

    private void Sent(ReadOnlySpan<Publication> events)
    {
        traffic?.Delivered(events[0].TimestampMicros, time);
        if (Deliveries.IsOn)
        {
            Deliveries.FannedOut(Entity, events, time.NowMicros());
        }

        if (_started != 0)
        {
            EventTraces.Delivered(events, traffic?.Name ?? "pattern", subscribers.Count, _started, time);
        }

        if (subscribers.CountOf(DialectKind.Context) == 0)
        {
            return;
        }

        _redelivery ??= new Redelivery();
        _redelivery.Sent(events);
        if (!_redelivery.IsEmpty && !context.Timers.IsActive(RedeliveryDue.Instance))
        {
            context.Timers.StartPeriodic(RedeliveryDue.Instance, RedeliveryDue.Instance, RedeliveryInterval);
        }
    }

    private void Reply()
    {
        if (_replies is { Count: > 0 } && !HoldsReplies)
        {
            foreach (var reply in _replies)
            {
                if (CatchUps?.TryHold(reply) != true)
                {
                    reply.ReplyTo.Tell(reply, context.Self);
                }
            }

            _replies.Clear();
        }
    }
}

/// <summary>To the replica itself: something may have to be sent again.</summary>
internal sealed class RedeliveryDue
{
    private RedeliveryDue()
    {
    }

    public static RedeliveryDue Instance { get; } = new();
}
