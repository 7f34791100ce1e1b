using Relay.Actors.Cluster;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <content>What a channel does whose listeners and publishers are on several nodes.</content>
internal sealed partial class ChannelCore
{
    private const string Untrusted = "The node has lost touch with its cluster";

    /// <summary>A shard that is lost tells its channels; one whose node is trusted again does not.</summary>
    private static readonly TimeSpan TrustInterval = TimeSpan.FromMilliseconds(100);

    [ThreadStatic]
    private static WireWriter? s_written;

    private void Copy(CopyState copy)
    {
        if (_durable is not null || _isGivenUp)
        {
            copy.Take(Channel, default, []);
            return;
        }

        CopyState.Of(_state!, (position, bytes) => copy.Take(Channel, position, bytes));
    }

    /// <summary>The channel is another node's: whoever waits is told so, and nothing is left for a next incarnation.</summary>
    public void GiveUp()
    {
        _isGivenUp = true;
        var owed = _replies.Take();
        _accepted.Take();
        _records.Take();
        DurableChannel.Refuse(owed, "The channel has moved to another node", _context.Self, _traffic);
        _durable?.GiveUp();
    }

    /// <summary>
    /// Another node may be the owner by now, and be ahead: what this one knows is no answer. A client that came back with a place from there would be told that it
    /// is lost. True when <paramref name="message"/> was refused, or waits until the node is trusted again or the channel is lost (<see cref="ChannelRest.TryTurnAway"/>).
    /// </summary>
    private bool TryHandleUntrusted(IShardOwnership ownership, object message)
    {
        if (message is LookForTrust)
        {
            _context.Stash.UnstashAll();
            return true;
        }

        if (message is not (PublishBatch or HistoryQuery or ReplicaJoin) || ownership.MayActOn(Channel))
        {
            return false;
        }

        switch (message)
        {
            case PublishBatch batch:
                // Not put aside: what is answered now need not be answered when the channel ends.
                Refuse(batch, Untrusted);
                break;
            case HistoryQuery { MayBeRefused: true } query:
                _context.Sender.Tell(new HistoryReply(query, default, false, []) { Refusal = Untrusted }, _context.Self);
                break;
            default:
                _context.Stash.Stash();
                if (!_context.Timers.IsActive(LookForTrust.Instance))
                {
                    _context.Timers.StartSingle(LookForTrust.Instance, LookForTrust.Instance, TrustInterval);
                }

                break;
        }

        return true;
    }

    // The answer to a publisher travels with the events to its own node, behind its own event; where its node does not listen it goes alone.
    private void DeliverToNodes(Publication[] events, PublishReply[] replies)
    {
        var left = replies.Length;
        WireWriter? written = null;
        foreach (var (replica, _) in _replicas)
        {
            var node = NodeOf(replica);
            var own = left == 0 ? [] : Array.FindAll(replies, reply => NodeOf(reply.ReplyTo) == node);
            left -= own.Length;
            if (events.Length > 0 || own.Length > 0)
            {
                replica.Tell(new ChannelBatch(events, own) { Written = node is null ? null : written ??= Write(events) }, _context.Self);
            }
        }

        for (var i = 0; left > 0; i++)
        {
            var node = NodeOf(replies[i].ReplyTo);
            if (!Array.Exists(_replicas, entry => NodeOf(entry.Replica) == node))
            {
                replies[i].ReplyTo.Tell(replies[i], _context.Self);
                left--;
            }
        }
    }

    private static WireWriter Write(Publication[] events)
    {
        var writer = WireWriter.Of(ref s_written);
        EventWire.Write(writer, events);
        return writer;
    }

    // Null = this one.
    private static Peer? NodeOf(IActorRef actor) => (actor as IRemoteRef)?.Peer;
}

/// <summary>To a channel itself: whether its node is trusted again.</summary>
internal sealed class LookForTrust
{
    private LookForTrust()
    {
    }

    public static LookForTrust Instance { get; } = new();
}
