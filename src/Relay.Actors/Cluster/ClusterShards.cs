using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Links;
using Relay.Cluster.Node;
using Relay.Cluster.Rules;

namespace Relay.Actors.Cluster;

/// <summary>
/// Carries out what the cluster decides about the channels' shards on this node: serves them, ends them, finds those of others. Owned by the turn of the cluster's actor.
/// </summary>
/// <remarks>
/// The way to a shard is not read from the store's table but said by its owner, over the same link as its answers: who serves a shard says so to all, and says when it has answered
/// what it took and takes no more. So when a shard goes from one node to another, whoever asked knows which questions have no answer, asks the new owner the same in the same order, and
/// nothing is done twice. Only where an owner dies without a word the fate of some questions is open; those that carry an id are asked again, the others are refused.
/// </remarks>
internal sealed partial class ClusterShards(ClusterLinks links, ServedShards served, IChannelArchive archive, RelaySettings settings, TimeProvider time, ILogger log) : IShardKeeper
{
    /// <summary>Longest a question waits for an owner; below the 10 s for which whoever asks waits.</summary>
    private static readonly TimeSpan RefuseAfter = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan RefuseInterval = TimeSpan.FromSeconds(1);

    private readonly ShardSlot[] _slots = [.. Enumerable.Range(0, served.Count).Select(static _ => new ShardSlot())];
    private readonly Dictionary<NodeId, Peer> _peers = [];
    private readonly HashSet<NodeId> _members = [];
    private readonly WireWriter _writer = new();
    private LinkMark? _lastWords;
    private bool _isSuspended;
    private long _refusedAt;

    public void Start(int shard, long fence)
    {
        var slot = _slots[shard];
        if (slot.Phase is ShardPhase.Ending or ShardPhase.Draining)
        {
            slot.Phase = ShardPhase.Ending;
            slot.Next = fence;
            return;
        }

        slot.Fence = fence;
        if (slot.In is { IsComplete: true } move && move.GivenFence != fence)
        {
            // The former owner says in a moment that this is the state it gave away; it may also have gone on with it, and died.
            slot.Phase = ShardPhase.Awaiting;
            slot.AwaitUntil = time.GetTimestamp() + (long)(StateGrace.TotalSeconds * time.TimestampFrequency);
            return;
        }

        Begin(shard);
    }

    public void Resume(int shard, long fence)
    {
        var slot = _slots[shard];
        slot.Fence = fence;
        if (slot.Out is { ServesAfter: not null } move)
        {
            // Still ending: it is served again when that is over.
            move.ServesAfter = true;
            return;
        }

        Begin(shard);
    }

    public void Stop(int shard, StopReason reason)
    {
        var slot = _slots[shard];
        slot.Next = null;
        switch (slot.Phase)
        {
            case ShardPhase.Awaiting or ShardPhase.Away:
                Ended(shard);
                break;
            case ShardPhase.Drained:
                slot.Out = null;
                Ended(shard);
                break;
            case ShardPhase.Draining or ShardPhase.Serving:
                // Also what ends already: it may wait for a journal that never answers an owner of yesterday.
                LogStopped(shard, reason);
                served.Lose(shard);
                slot.Out = null;
                slot.Phase = ShardPhase.Ending;
                Evict(shard, ShardLost.Instance);
                break;
        }
    }

    public void SuspendAll()
    {
        _isSuspended = true;
        ForAll(ShardPhase.Serving, links.Shards.Hold);
    }

    public void ResumeAll()
    {
        _isSuspended = false;
        ForAll(ShardPhase.Serving, links.Shards.Serve);
    }

    public void Members(IReadOnlyList<Member> members)
    {
        _members.Clear();
        _members.UnionWith(members.Select(static member => member.Node));
        links.SetPeers(_members);
    }

    public void Handle(object message)
    {
        switch (message)
        {
            case PeerConnected connected:
                _peers[connected.Peer.Node] = connected.Peer;
                SayServing(connected.Peer, Enumerable.Range(0, _slots.Length).Where(shard => served.FenceOf(shard) != 0));
                break;
            case PeerLost lost:
                Lost(lost.Peer);
                break;
            case NodeSaid said when _peers.GetValueOrDefault(said.Peer.Node) == said.Peer:
                Take(said.Peer, said.Bytes);
                break;
            case NodeSaid:
                break;
            case StateCopied copied:
                Copied(copied);
                break;
            case GoOnAhead going:
                GoOn(going);
                break;
            case ShardEmptied emptied when _slots[emptied.Shard].Evictions == emptied.Eviction:
                Emptied(emptied.Shard);
                break;
        }
    }

    public bool IsHeard()
    {
        if (!NodeLinks.HasReached(_lastWords ??= links.Mark()))
        {
            return false;
        }

        _lastWords = null;
        return true;
    }

    public void Tick()
    {
        WatchMoves();
        if (time.GetElapsedTime(_refusedAt) >= RefuseInterval)
        {
            _refusedAt = time.GetTimestamp();
            links.Shards.RefuseOlder(RefuseAfter);
        }
    }

    // The state, if there is any, is this node's: serves.
    private void Begin(int shard)
    {
        var slot = _slots[shard];
        if (slot.In is { IsComplete: true } move && move.GivenFence == slot.Fence)
        {
            foreach (var (channel, state) in move.States)
            {
                archive.Put(channel, state);
            }
        }

        // Without a word of the owner that was asked nobody knows what it has done of what it has not answered. Its state comes behind its answers; that of another says nothing.
        Leave(shard, inDoubt: slot.In is not { IsComplete: true } came || came.From.Node != slot.Remote?.Owner);
        slot.In = null;
        slot.Phase = ShardPhase.Serving;
        slot.Token = ShardToken.Next(slot.Fence, slot.Token);
        served.Set(shard, slot.Fence, slot.Token);

        // Those who asked under an earlier fence ask again.
        links.Shards.Drop(shard, static asker => asker is RemoteAsker);
        if (!_isSuspended)
        {
            links.Shards.Serve(shard);
        }

        foreach (var peer in _peers.Values)
        {
            SayServing(peer, [shard]);
        }
    }

    private void Evict(int shard, object stopMessage)
    {
        var eviction = ++_slots[shard].Evictions;
        links.Shards.Evict(shard, stopMessage, () => links.TellKeeper(new ShardEmptied(shard, eviction)));
    }

    private void Emptied(int shard)
    {
        var slot = _slots[shard];
        switch (slot.Phase)
        {
            case ShardPhase.Draining:
                Drained(shard, slot);
                break;
            case ShardPhase.Ending:
                Ended(shard);
                break;
        }
    }

    // Whatever was asked here is answered: whoever is not has not been heard, and may ask the next owner.
    private void Ended(int shard)
    {
        var slot = _slots[shard];
        archive.TakeAll(channel => served.ShardOf(channel) == shard);
        var wasServed = served.FenceOf(shard) != 0;
        served.Set(shard, 0, 0);
        links.Shards.Drop(shard, static asker => asker is RemoteAsker);
        slot.Phase = ShardPhase.Away;
        slot.Fence = 0;
        slot.In = null;
        if (wasServed)
        {
            _writer.Clear().Byte((byte)NodeMessage.Stopped).Count(shard).Number(slot.Token);
            foreach (var peer in _peers.Values)
            {
                peer.Forget(shard, slot.Token);
                peer.Send(_writer);
            }
        }

        if (slot.Next is { } next)
        {
            slot.Next = null;
            Start(shard, next);
        }
        else
        {
            Follow(shard);
        }
    }

    private void SayServing(Peer peer, IEnumerable<int> shards)
    {
        _writer.Clear().Byte((byte)NodeMessage.Serving);
        var any = false;
        foreach (var shard in shards)
        {
            any = true;
            _writer.Count(shard).Number(_slots[shard].Token);
        }

        if (any)
        {
            peer.Send(_writer);
        }
    }

    private void Take(Peer peer, byte[] bytes)
    {
        try
        {
            var reader = new WireReader(bytes);
            var kind = (NodeMessage)reader.Byte();
            switch (kind)
            {
                case NodeMessage.Serving:
                    while (!reader.IsAtEnd)
                    {
                        Announced(peer, Shard(ref reader), reader.Number());
                    }

                    break;
                case NodeMessage.Stopped:
                    Stopped(peer, Shard(ref reader), reader.Number());
                    break;
                default:
                    TakeMove(kind, peer, ref reader);
                    break;
            }
        }
        catch (InvalidDataException malformed)
        {
            LogMalformed(peer.Node.ToString(), malformed.Message);
            links.Reset(peer.Node);
        }
    }

    private int Shard(ref WireReader reader) => reader.Count() is var shard && shard < _slots.Length ? shard : throw WireReader.Malformed();

    private void Announced(Peer peer, int shard, long token)
    {
        var slot = _slots[shard];
        if (slot.Announced is { } known && known.Token >= token)
        {
            return;
        }

        slot.Announced = (peer.Node, token);
        if (slot.Remote is { } remote)
        {
            if (remote.Owner == peer.Node)
            {
                // The same owner began anew: what it has not answered it has not done.
                Leave(shard);
            }
            else
            {
                // The former owner still has to say what it has done.
                links.Shards.Hold(shard);
            }
        }

        Follow(shard);
    }

    private void Stopped(Peer peer, int shard, long token)
    {
        var slot = _slots[shard];
        if (slot.Announced is { } known && known.Node == peer.Node && known.Token <= token)
        {
            slot.Announced = null;
        }

        if (slot.Remote is { } remote && remote.Owner == peer.Node && remote.Token <= token)
        {
            Leave(shard);
            Follow(shard);
        }
    }

    private void Lost(Peer peer)
    {
        if (_peers.GetValueOrDefault(peer.Node) == peer)
        {
            _peers.Remove(peer.Node);
        }

        for (var shard = 0; shard < _slots.Length; shard++)
        {
            var slot = _slots[shard];
            if (slot.Announced?.Node == peer.Node)
            {
                slot.Announced = null;
            }

            if (slot.Remote?.Owner == peer.Node)
            {
                Leave(shard, inDoubt: true);
                Follow(shard);
            }

            MovesLost(shard, slot, peer);
        }
    }

    /// <summary>Gives up the way to the former owner: what it has not answered waits for the next one.</summary>
    /// <param name="shard">Which.</param>
    /// <param name="inDoubt">True = it may have done what it has not answered.</param>
    private void Leave(int shard, bool inDoubt = false)
    {
        var slot = _slots[shard];
        if (slot.Remote is not { } remote)
        {
            return;
        }

        links.Shards.Hold(shard);
        slot.Remote = null;
        links.Forget(remote);
        var left = remote.Close();
        if (inDoubt)
        {
            foreach (var (message, sender) in left.Where(static one => !ShardRefusals.MayRepeat(one.Message)))
            {
                ShardRefusals.Instance.Refuse(message, sender);
            }

            left.RemoveAll(static one => !ShardRefusals.MayRepeat(one.Message));
        }

        links.Shards.Return(shard, left);
    }

    /// <summary>Goes to the owner that is known, if the shard is not this node's and nothing of a former owner is open.</summary>
    private void Follow(int shard)
    {
        var slot = _slots[shard];
        if (slot is { Phase: ShardPhase.Away, Remote: null, Announced: { } owner } && _peers.ContainsKey(owner.Node))
        {
            var remote = links.Remote(shard, owner.Token, owner.Node);
            slot.Remote = remote;
            links.Shards.SendTo(shard, remote);
        }
    }

    private void ForAll(ShardPhase phase, Action<int> act)
    {
        for (var shard = 0; shard < _slots.Length; shard++)
        {
            if (_slots[shard].Phase == phase)
            {
                act(shard);
            }
        }
    }

    [LoggerMessage(EventId = 210, Level = LogLevel.Warning, Message = "Shard {Shard} is not this node's any more: {Reason}")]
    private partial void LogStopped(int shard, StopReason reason);

    [LoggerMessage(EventId = 211, Level = LogLevel.Error, Message = "Node {Node} sent what cannot be read, and the link begins anew: {Reason}")]
    private partial void LogMalformed(string node, string reason);
}

/// <summary>To the keeper: a session with another node began.</summary>
internal sealed record PeerConnected(Peer Peer);

/// <summary>To the keeper: it is over.</summary>
internal sealed record PeerLost(Peer Peer);

/// <summary>To the keeper: what another node says about shards.</summary>
internal sealed record NodeSaid(Peer Peer, byte[] Bytes);

/// <summary>To the keeper: the last channel of a shard that was let go has stopped.</summary>
/// <param name="Eviction">Which time of letting it go: <see cref="ShardSlot.Evictions"/>.</param>
internal sealed record ShardEmptied(int Shard, long Eviction);
