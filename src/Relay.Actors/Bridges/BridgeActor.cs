using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Bridges;

/// <summary>One message from outside and the channels it goes to.</summary>
/// <param name="Channels">At least one valid name.</param>
/// <param name="Item">The event.</param>
public sealed record BridgeItem(IReadOnlyList<string> Channels, PublishItem Item);

/// <summary>Messages in their order; the sender gets <see cref="BridgeAccepted"/> when every channel has accepted its part.</summary>
public sealed record BridgeBatch(IReadOnlyList<BridgeItem> Items)
{
    /// <summary>Who is told instead of the sender, and then within 11 s: 21 s for a source that wants to know what is open.</summary>
    public BridgeAnswer? Answer { get; init; }
}

/// <summary>All events of a batch are accepted.</summary>
/// <param name="Subscribers">Subscribers of the channels that took them, summed over the batch.</param>
public sealed record BridgeAccepted(int Subscribers);

/// <summary>The bridge has too much waiting already; nothing of the batch was taken, so it may be sent again.</summary>
public sealed class BridgeOverloadedException(int waiting)
    : Exception($"{waiting} messages wait for their channels already; nothing of this batch was taken");

/// <summary>
/// A channel could not store its part: the batch may be sent again. What other channels took under a publish id is then known there.
/// </summary>
public sealed class BridgeRefusedException(string reason) : Exception(reason);

/// <summary>
/// Brings messages of Redis, PostgreSQL or HTTP to their channels, in order: guarantees.md 1, protocols.md <c>updates</c>.
/// <para>
/// A worker's messages to one user go to one channel and keep their order there. A message to every user goes to another channel, whose actor knows nothing
/// of the first; sent side by side, a user could see "to all" before what was published earlier for him alone. So a message to all waits until what came
/// before it was delivered on this node, and what follows waits for it. Such messages are rare; the others flow freely.
/// </para>
/// <para>
/// The sender keeps few batches outstanding, which bounds this actor's memory; a sender that does not is refused (<see cref="BridgeOverloadedException"/>).
/// An answer that never comes (an actor on its way failed) must not stop the bridge for good: what has been without any answer for 45 s is given up.
/// Its asker has been told by its own time-out long before, and who is told by a <see cref="BridgeAnswer"/> by this actor's.
/// </para>
/// </summary>
public sealed class BridgeActor(string scope, IActorRef channels) : ActorBase
{
    /// <summary>Events on their way to their channels; more wait here, and the source behind it.</summary>
    private const int MaxInFlight = 10_000;

    /// <summary>Waiting events at which further batches are refused: several sources with full windows stay well below.</summary>
    private const int MaxWaiting = 100_000;

    /// <summary>Lists kept between turns: what one read of a busy source fills.</summary>
    private const int MaxFreeLists = 1024;

    /// <summary>A list that one hot channel has made longer is not kept.</summary>
    private const int KeptListCapacity = 64;

    /// <summary>Longer than any asker waits, so that nothing is given up that may still be confirmed. In sweeps.</summary>
    private const int GiveUpAfter = 45;

    /// <summary>10 s and the part of a sweep that may be over when a batch comes.</summary>
    private const int AnswerAfter = 11;

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly Queue<(BridgeItem Item, BridgeRequest Request)> _waiting = new();
    private readonly Dictionary<string, List<PublishItem>> _byChannel = new(StringComparer.Ordinal);

    // A new list's first element would bring room for four: most of what a message cost here.
    private readonly Stack<List<PublishItem>> _freeLists = new();
    private readonly Dictionary<long, BridgeRequest> _requests = [];
    private readonly List<BridgeRequest> _overdue = [];
    private long _lastTag;
    private int _inFlight;
    private bool _barrier;
    private long _sweep;

    /// <inheritdoc/>
    protected override void PreStart() => Context.Timers.StartPeriodic("sweep", new Sweep(), SweepInterval);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case BridgeBatch batch:
                Take(batch);
                break;
            case PublishReply reply:
                Accepted(reply);
                break;
            case Sweep:
                SweepRequests();
                break;
            default:
                Unhandled(message);
                return;
        }

        Publish();
    }

    /// <summary>Whoever waits learns that his answer went with this actor's state.</summary>
    protected override void PostStop()
    {
        foreach (var request in _requests.Values)
        {
            Answer(request, new BridgeRefusedException("the bridge ended or began anew"));
        }

        _requests.Clear();
    }

    private void Take(BridgeBatch batch)
    {
        var request = new BridgeRequest(++_lastTag, Sender, batch) { Waiting = batch.Items.Count, CameIn = _sweep };
        if (batch.Items.Count == 0)
        {
            Answer(request, null);
            return;
        }

        if (_waiting.Count >= MaxWaiting)
        {
            Answer(request, new BridgeOverloadedException(_waiting.Count));
            return;
        }

        _requests.Add(request.Tag, request);
        for (var i = 0; i < batch.Items.Count; i++)
        {
            var item = batch.Items[i];
            request.Open += item.Channels.Count;
            _waiting.Enqueue((item, request));
        }
    }

    private static bool IsForAll(BridgeItem item)
    {
        for (var i = 0; i < item.Channels.Count; i++)
        {
            if (string.Equals(item.Channels[i], ChannelName.Users, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private void Accepted(PublishReply reply)
    {
        if (!_requests.TryGetValue(reply.Batch.Tag, out var request))
        {
            return;
        }

        var outcomes = request.Tracking?.Answered(reply) ?? reply.Outcomes.Length;
        Settle(request, Math.Min(outcomes, request.InFlight));
        request.Open -= outcomes;
        request.Subscribers += reply.Subscribers;
        request.Refusal ??= reply.Refusal;
        request.LastHeard = _sweep;
        if (reply is { Refusal: { } refusal, IsFault: false })
        {
            Withdraw(request, "not sent, because what comes before it was refused: " + refusal);
        }

        if (request.Open == 0)
        {
            Finish(request);
        }
        else if (request is { GivenUp: true, InFlight: 0, Waiting: 0 })
        {
            _requests.Remove(request.Tag);
        }
    }

    private void Finish(BridgeRequest request)
    {
        _requests.Remove(request.Tag);
        Answer(request, request switch
        {
            { Tracking: { } tracking } => tracking.Unfinished(),
            { Refusal: { } reason } => new BridgeRefusedException(reason),
            _ => null,
        });
    }

    private void Answer(BridgeRequest request, Exception? failure)
    {
        if (request.IsAnswered)
        {
            return;
        }

        request.IsAnswered = true;
        switch (request.Told, failure)
        {
            case (null, null):
                request.ReplyTo.Tell(new BridgeAccepted(request.Subscribers), Self);
                break;
            case (null, _):
                request.ReplyTo.Tell(new Status.Failure(failure), Self);
                break;
            case (_, null):
                request.Told.Accepted(request.Subscribers);
                break;
            default:
                request.Told.Failed(failure);
                break;
        }
    }

    private void SweepRequests()
    {
        _sweep++;
        foreach (var request in _requests.Values)
        {
            if ((request is { Told: not null, IsAnswered: false } && _sweep - request.CameIn >= AnswerAfter) || (request.InFlight > 0 && _sweep - request.LastHeard >= GiveUpAfter))
            {
                _overdue.Add(request);
            }
        }

        foreach (var request in _overdue)
        {
            if (request.Tracking is { } tracking)
            {
                Chase(request, tracking);
                continue;
            }

            if (request.Told is not null)
            {
                Answer(request, new AskTimeoutException("the channels did not confirm within 10 s"));
            }

            if (_sweep - request.LastHeard >= GiveUpAfter)
            {
                GiveUp(request);
            }
        }

        _overdue.Clear();
    }

    private void GiveUp(BridgeRequest request)
    {
        Settle(request, request.InFlight);
        request.GivenUp = true;
        if (request.Waiting == 0)
        {
            _requests.Remove(request.Tag);
        }
    }

    /// <summary>Answers are missing: sends nothing more of the batch, asks the silent channels, and ends when they had their time as well.</summary>
    private void Chase(BridgeRequest request, BridgeTracking tracking)
    {
        Withdraw(request, "not sent, because what comes before it has no answer");
        if (tracking.ProbedAt is null)
        {
            tracking.ProbedAt = _sweep;
            foreach (var channel in tracking.Silent())
            {
                var probe = Batch(channel, [], request);
                tracking.Probing(probe);
                channels.Tell(probe, Self);
            }
        }
        else if (_sweep - tracking.ProbedAt >= AnswerAfter)
        {
            request.Open -= tracking.GiveUp("its channel does not answer");
            Settle(request, request.InFlight);
        }

        if (request.Open == 0)
        {
            Finish(request);
        }
    }

    /// <summary>What a source brings again must not be overtaken by what it brought behind it.</summary>
    private static void Withdraw(BridgeRequest request, string reason)
    {
        if (request is { Tracking: { } tracking, Waiting: > 0 })
        {
            request.Open -= tracking.Withdraw(request.Items.Count - request.Waiting, reason);
            request.Waiting = 0;
            request.IsWithdrawn = true;
        }
    }

    private void Settle(BridgeRequest request, int events)
    {
        request.InFlight -= events;
        _inFlight -= events;
        _barrier = _barrier && _inFlight > 0;
    }

    private void Publish()
    {
        BridgeRequest? current = null;
        while (!_barrier && _inFlight < MaxInFlight && _waiting.TryPeek(out var next))
        {
            if (next.Request.IsWithdrawn)
            {
                _waiting.Dequeue();
                continue;
            }

            var forAll = IsForAll(next.Item);
            if (forAll && _inFlight > 0)
            {
                break;
            }

            if (current is not null && current != next.Request)
            {
                Flush(current);
            }

            current = next.Request;
            _waiting.Dequeue();
            Collect(next.Item, current);
            current.Waiting--;
            current.InFlight += next.Item.Channels.Count;
            current.LastHeard = _sweep;
            _barrier = forAll;
        }

        if (current is not null)
        {
            Flush(current);
        }
    }

    private void Collect(BridgeItem item, BridgeRequest request)
    {
        for (var i = 0; i < item.Channels.Count; i++)
        {
            if (!_byChannel.TryGetValue(item.Channels[i], out var list))
            {
                _byChannel.Add(item.Channels[i], list = _freeLists.TryPop(out var free) ? free : []);
            }

            list.Add(i == 0 ? item.Item : item.Item with { IsCopy = true });
            request.Tracking?.Collect(item.Channels[i], request.Items.Count - request.Waiting);
            _inFlight++;
        }
    }

    private void Flush(BridgeRequest request)
    {
        foreach (var (channel, items) in _byChannel)
        {
            var batch = Batch(channel, [.. items], request);
            request.Tracking?.Sent(batch);
            channels.Tell(batch, Self);
            Keep(items);
        }

        _byChannel.Clear();
    }

    private PublishBatch Batch(string channel, PublishItem[] items, BridgeRequest request) =>
        new() { Channel = channel, Items = items, Scope = scope, WantsReply = true, Tag = request.Tag };

    private void Keep(List<PublishItem> list)
    {
        if (_freeLists.Count < MaxFreeLists && list.Capacity <= KeptListCapacity)
        {
            list.Clear();
            _freeLists.Push(list);
        }
    }

    private sealed record Sweep;
}
