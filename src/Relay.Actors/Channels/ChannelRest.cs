using Relay.Actors.Cluster;
using Relay.Kernel;

namespace Relay.Actors.Channels;

/// <summary>
/// When a channel's actor goes: nobody on any node listens, nothing was said for a while, and nothing is owed to anybody. Used by <see cref="ChannelActor"/> and by
/// the session's actor. Owned by that actor's turn.
/// </summary>
internal sealed class ChannelRest(ChannelCore core, IActorContext context)
{
    /// <summary>Long enough that a channel published to once a minute stays; its state survives either way.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);

    private bool _resting;
    private bool _isLost;

    // The last word is on its way to itself; and it has come, so that nothing of what was put aside is left in the mailbox.
    private bool _isAsked;
    private bool _isEnding;

    /// <summary>True once it asked its shard to let it go: a life that began now would end at once.</summary>
    public bool IsPassivating { get; private set; }

    /// <summary>The actor's start: from now on it is watched.</summary>
    public void Begin() => context.SetReceiveTimeout(IdleTime);

    /// <summary>Handles what concerns its going; false when <paramref name="message"/> is nothing of that.</summary>
    /// <param name="message">Any message that the channel itself has no use for.</param>
    /// <param name="mayRest">False = the actor has other reasons to stay.</param>
    public bool TryHandle(object message, bool mayRest = true)
    {
        switch (message)
        {
            case ReceiveTimeout:
                if (mayRest && !core.HasReplicas && core.CanRest && !IsPassivating)
                {
                    IsPassivating = true;
                    context.Parent.Tell(new Passivate(Rest.Instance), context.Self);
                }

                return true;
            case Rest:
                // What was published meanwhile is still to be confirmed by the journal.
                _resting = true;
                _isEnding = _isAsked && context.Stash.Count == 0;
                _isAsked = false;
                return true;
            case ShardLost when context.Stash.Count > 0:
                core.GiveUp();
                _isLost = true;

                // Whoever waits behind a journal that is still being read is told so, in this actor's last turn.
                context.Stash.UnstashAll();
                context.Self.Tell(message, context.Sender);
                return true;
            case ShardLost:
                core.GiveUp();
                context.Stop(context.Self);
                return true;
            default:
                return false;
        }
    }

    /// <summary>
    /// Behind <see cref="ShardLost"/> nothing is done any more. Who asked on this node is refused, or goes back to where it waits for the next owner; other nodes ask that one by themselves.
    /// </summary>
    public bool TryTurnAway(object message)
    {
        if (!_isLost || message is ShardLost)
        {
            return false;
        }

        var question = message as IShardMessage ?? new ShardEnvelope(core.Channel, message);
        if (context.Sender is IRemoteRef)
        {
            return true;
        }

        if (ShardRefusals.Instance.CanRefuse(question))
        {
            ShardRefusals.Instance.Refuse(question, context.Sender);
        }
        else if (message is ReplicaJoin or ReplicaLeave or HistoryQuery)
        {
            context.Parent.Tell(question, context.Sender);
        }

        return true;
    }

    /// <summary>The end of a turn, behind the channel's own.</summary>
    /// <param name="mayGo">False = the actor owes somebody an answer.</param>
    public void CompleteTurn(bool mayGo = true)
    {
        // A channel that is listened to never goes: it needs no timer.
        if (core.HasReplicas != context.ReceiveTimeout is null)
        {
            context.SetReceiveTimeout(core.HasReplicas ? null : IdleTime);
        }

        if (!_resting || !core.CanRest || !mayGo)
        {
            _isEnding = false;
        }
        else if (_isEnding)
        {
            context.Stop(context.Self);
        }
        else if (!_isAsked)
        {
            // Not at once: what had been put aside may have come back to the mailbox in this very turn.
            _isAsked = true;
            context.Self.Tell(Rest.Instance);
        }
    }
}

/// <summary>To a channel's actor, behind the last message of the outside: stop once nothing is owed to anybody.</summary>
internal sealed class Rest
{
    public static Rest Instance { get; } = new();
}

/// <summary>To a channel's actor: it is another node's by now. It stops at once, and what it holds in memory is worth nothing.</summary>
internal sealed class ShardLost
{
    public static ShardLost Instance { get; } = new();
}
