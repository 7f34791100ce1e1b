using Relay.Actors.Cluster;
using Relay.Actors.Fanout;
using Relay.Kernel;

namespace Relay.Actors.Channels;

/// <content>What a channel does for those who are present on it through several nodes.</content>
internal sealed partial class ChannelCore
{
    /// <summary>How long a new owner waits at most for the members that its channel had.</summary>
    private static readonly TimeSpan MostPresenceWait = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan PresenceLook = TimeSpan.FromMilliseconds(100);

    // Null while nobody is present.
    private ChannelPresence? _presence;
    private long _presenceSince;
    private List<(PresentElsewhere Query, IActorRef Asker)>? _presenceAsked;

    // Not null while the channel may have come from another owner a moment ago, and there may be members that this one has not heard of: since when they could have spoken.
    private long? _presenceOpen;
    private bool _hasBeenJoined;

    private bool TryHandlePresence(object message)
    {
        switch (message)
        {
            case PresenceReport report:
                if (IndexOf(report.Replica) >= 0)
                {
                    Take(report);
                }

                return true;
            case PresentElsewhere query:
                (_presenceAsked ??= []).Add((query, _context.Sender));
                TryCompletePresence();
                return true;
            case PresenceLookDue:
                LookAfterPresence();
                return true;
            default:
                return false;
        }
    }

    private void Take(PresenceReport report)
    {
        var presence = OpenPresence();
        var wasComplete = presence.IsComplete;
        var change = presence.Take(report.Replica, report.Statement);
        if (!wasComplete)
        {
            TryCompletePresence();
            return;
        }

        TellPresence(change, report.Replica);
        if (report.Statement is { Ends: true } && presence.Watchers.Contains(report.Replica))
        {
            TellOthers(report.Replica);
        }

        ForgetPresence();
    }

    // Only who has joined says who is present by it, and a durable channel may take its time until it can be joined.
    private void JoinPresence()
    {
        if (_presenceOpen is not null && !_hasBeenJoined)
        {
            _hasBeenJoined = true;
            _presenceOpen = _services.Time.GetTimestamp();
        }
    }

    private void LeavePresence(IActorRef replica)
    {
        if (_presence is not { } presence || presence.IsLost(replica))
        {
            return;
        }

        var change = presence.Remove(replica);
        if (presence.IsComplete)
        {
            TellPresence(change, replica);
            ForgetPresence();
        }
    }

    // A link that breaks between living nodes is there again in a moment.
    private void LosePresence(IActorRef replica)
    {
        if (replica is IRemoteRef)
        {
            _presence?.Lose(replica, _services.Time.GetTimestamp());
            LookAfterPresence();
        }
    }

    private void LookAfterPresence()
    {
        if (_presence is not { } presence)
        {
            return;
        }

        foreach (var change in presence.GiveUp((node, since) => !_services.Ownership!.IsMember(node) || _services.Time.GetElapsedTime(since) >= MostPresenceWait))
        {
            if (presence.IsComplete)
            {
                TellPresence(change, ActorRefs.Nobody);
            }
        }

        TryCompletePresence();
    }

    private ChannelPresence OpenPresence()
    {
        if (_presence is null)
        {
            if (_presenceOpen is { } since && _services.Time.GetElapsedTime(since) >= MostPresenceWait)
            {
                _presenceOpen = null;
            }

            _presence = new ChannelPresence(isComplete: _presenceOpen is null);
            _presenceSince = _services.Time.GetTimestamp();
        }

        return _presence;
    }

    private void TryCompletePresence()
    {
        var presence = OpenPresence();
        if (!presence.IsComplete && !presence.TryComplete(_services.Ownership!.IsMember))
        {
            if (_services.Time.GetElapsedTime(_presenceSince) < MostPresenceWait)
            {
                return;
            }

            presence.Complete();
        }

        if (_presenceOpen is not null)
        {
            _presenceOpen = null;
            _context.Timers.Cancel(PresenceLookDue.Instance);
            foreach (var replica in presence.Watchers)
            {
                TellOthers(replica);
            }
        }

        AnswerPresence();
        ForgetPresence();
    }

    // While others are awaited. A session's end cancels all timers of its actor.
    private void WatchPresence()
    {
        if (_presence is { } presence && (!presence.IsComplete || presence.HasLost) && !_context.Timers.IsActive(PresenceLookDue.Instance))
        {
            _context.Timers.StartSingle(PresenceLookDue.Instance, PresenceLookDue.Instance, PresenceLook);
        }
    }

    private void TellPresence(PresenceStatement? change, IActorRef source)
    {
        if (change is null)
        {
            return;
        }

        var news = new PresenceNews(change);
        foreach (var replica in _presence!.Watchers)
        {
            if (replica != source)
            {
                replica.Tell(news, _context.Self);
            }
        }
    }

    private void TellOthers(IActorRef replica)
    {
        foreach (var statement in _presence!.Others(replica))
        {
            replica.Tell(new PresenceNews(statement), _context.Self);
        }
    }

    private void AnswerPresence(string? refusal = null)
    {
        if (_presenceAsked is not { } asked || (refusal is null && _presence is not { IsComplete: true }))
        {
            return;
        }

        _presenceAsked = null;
        foreach (var (query, asker) in asked)
        {
            var node = NodeOf(asker);
            asker.Tell(
                refusal is null
                    ? _presence!.Answer(query, replica => NodeOf(replica) == node, PresenceSet.MaxListed)
                    : new PresentElsewhereReply(query, [], 0, 0) { Refusal = refusal },
                _context.Self);
        }
    }

    private void ForgetPresence()
    {
        if (_presence is { IsComplete: true, IsEmpty: true })
        {
            _presence = null;
        }
    }

    private sealed class PresenceLookDue
    {
        public static PresenceLookDue Instance { get; } = new();
    }
}
