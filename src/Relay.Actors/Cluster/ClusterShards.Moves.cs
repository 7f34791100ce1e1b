using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Cluster;
using Relay.Cluster.Node;

namespace Relay.Actors.Cluster;

/// <content>How a shard goes to another node with the state of its channels.</content>
internal sealed partial class ClusterShards
{
    /// <summary>How long the state of a shard waits for the word that it is what the former owner gave away.</summary>
    private static readonly TimeSpan StateGrace = TimeSpan.FromSeconds(2);

    /// <summary>A state that nobody took up; far beyond the time for which a move may last.</summary>
    private static readonly TimeSpan StateAge = TimeSpan.FromMinutes(1);

    public void BeginMove(int shard, long move, NodeId to)
    {
        // One that still ends an earlier time of serving it, or waits for its state, has nothing to give yet.
        if (_slots[shard].Phase != ShardPhase.Serving || !TrySay(NodeMessage.Prepare, shard, move, to))
        {
            links.TellCluster(new MoveFailed(shard, move));
            return;
        }

        _slots[shard].Out = new OutgoingMove(move, to);
    }

    public void Drain(int shard, long move, NodeId to)
    {
        _slots[shard].Phase = ShardPhase.Draining;
        Evict(shard, Rest.Instance);
    }

    public void AbortMove(int shard, long move, NodeId to, bool serves)
    {
        var slot = _slots[shard];
        TrySay(NodeMessage.MoveOff, shard, move, to);
        switch (slot.Phase)
        {
            case ShardPhase.Draining:
                slot.Out!.ServesAfter = serves;
                break;
            case ShardPhase.Drained:
                GoOn(shard, slot, serves);
                break;
            default:
                slot.Out = null;
                break;
        }
    }

    public void HandedOver(int shard, long move, NodeId to, string epoch, long fence)
    {
        if (_peers.GetValueOrDefault(to) is { } target)
        {
            target.Send(_writer.Clear().Byte((byte)NodeMessage.Given).Count(shard).Number(move).Text(epoch).Number(fence));
        }
    }

    private bool TrySay(NodeMessage kind, int shard, long move, NodeId to)
    {
        if (_peers.GetValueOrDefault(to) is not { } target)
        {
            return false;
        }

        target.Send(_writer.Clear().Byte((byte)kind).Count(shard).Number(move));
        return true;
    }

    private void Drained(int shard, ShardSlot slot)
    {
        var move = slot.Out!;
        slot.Phase = ShardPhase.Drained;
        move.States = archive.TakeAll(channel => served.ShardOf(channel) == shard);
        if (move.ServesAfter is { } serves)
        {
            GoOn(shard, slot, serves);
        }
        else
        {
            SendStates(shard, move);
        }
    }

    // The move is off: the states are this node's still.
    private void GoOn(int shard, ShardSlot slot, bool serves)
    {
        foreach (var (channel, state) in slot.Out!.States)
        {
            archive.Put(channel, state);
        }

        slot.Out = null;
        if (serves)
        {
            Begin(shard);
        }
    }

    // As fast as the link takes them; what it does not take now follows with the next tick.
    private void SendStates(int shard, OutgoingMove move)
    {
        if (!_peers.ContainsKey(move.To))
        {
            links.TellCluster(new MoveFailed(shard, move.Number));
            return;
        }

        for (; move.Sent < move.States.Count; move.Sent++)
        {
            var (channel, state) = move.States[move.Sent];
            if (move.Ahead?.Sent.TryGetValue(channel, out var known) == true && state.ContentAfter(known) is { } addition)
            {
                _writer.Clear().Byte((byte)NodeMessage.StateRest).Count(shard).Number(move.Number).Text(channel);
                StateWire.Write(_writer, addition);
            }
            else
            {
                _writer.Clear().Byte((byte)NodeMessage.State).Count(shard).Number(move.Number).Text(channel);
                StateWire.Write(_writer, state.Content());
            }

            if (_writer.Length > Relay.Cluster.Links.LinkOptions.MaxMessage)
            {
                // The channel begins a new epoch over there, which tells its clients.
                LogTooLarge(channel, _writer.Length);
                _writer.Clear().Byte((byte)NodeMessage.State).Count(shard).Number(move.Number).Text("");
            }

            if (!links.TrySend(move.To, _writer))
            {
                return;
            }
        }

        _writer.Clear().Byte((byte)NodeMessage.StateEnd).Count(shard).Number(move.Number).Count(move.States.Count);
        move.IsEndSent = links.TrySend(move.To, _writer);
    }

    private void TakeMove(NodeMessage kind, Peer peer, ref WireReader reader)
    {
        var shard = Shard(ref reader);
        var number = reader.Number();
        var slot = _slots[shard];
        var isOurs = slot.Out is { } move && move.Number == number && move.To == peer.Node;
        switch (kind)
        {
            case NodeMessage.Prepare when slot.Phase == ShardPhase.Away:
                slot.In = new IncomingMove(peer, number, time.GetTimestamp());
                peer.Send(_writer.Clear().Byte((byte)NodeMessage.Prepared).Count(shard).Number(number).Flag(true));
                break;
            case NodeMessage.Prepare:
                TrySay(NodeMessage.MoveOff, shard, number, peer.Node);
                break;
            case NodeMessage.Prepared when isOurs && slot.Out!.Ahead is null && slot.Phase == ShardPhase.Serving && !reader.IsAtEnd && reader.Flag():
                BeginAhead(shard, slot.Out!);
                break;
            case NodeMessage.Prepared when isOurs:
                links.TellCluster(new PrepareAgreed(shard, number));
                break;
            case NodeMessage.StateTaken when isOurs:
                links.TellCluster(reader.Flag() ? new StateMoved(shard, number) : new MoveFailed(shard, number));
                break;
            case NodeMessage.MoveOff when isOurs:
                links.TellCluster(new MoveFailed(shard, number));
                break;
            case NodeMessage.Prepared or NodeMessage.StateTaken:
                break;
            case NodeMessage.State or NodeMessage.StateAhead or NodeMessage.StateRest or NodeMessage.StateEnd or NodeMessage.Given or NodeMessage.MoveOff:
                TakeIn(kind, peer, shard, slot, number, ref reader);
                break;
            default:
                throw WireReader.Malformed();
        }
    }

    private void TakeIn(NodeMessage kind, Peer peer, int shard, ShardSlot slot, long number, ref WireReader reader)
    {
        var move = slot.In is { } known && known.Number == number && known.From == peer ? known : null;
        switch (kind)
        {
            case NodeMessage.State when move is not null:
                if (reader.Text() is { Length: > 0 } channel)
                {
                    move.States.Add((channel, new ChannelState(channel, settings.For(channel), StateWire.Read(ref reader, channel))));
                }
                else
                {
                    move.States.Add(("", null!));
                }

                break;
            case NodeMessage.StateAhead:
                var ahead = reader.Text();
                move?.Ahead[ahead] = new ChannelState(ahead, settings.For(ahead), StateWire.Read(ref reader, ahead));
                break;
            case NodeMessage.StateRest when move is not null:
                var continued = reader.Text();
                if (!move.Ahead.Remove(continued, out var begun))
                {
                    throw WireReader.Malformed();
                }

                begun.Continue(StateWire.ReadAddition(ref reader, continued));
                move.States.Add((continued, begun));
                break;
            case NodeMessage.StateEnd:
                move?.Ahead.Clear();
                move?.IsComplete = move.States.Count == reader.Count();
                move?.States.RemoveAll(static one => one.Channel.Length == 0);
                peer.Send(_writer.Clear().Byte((byte)NodeMessage.StateTaken).Count(shard).Number(number).Flag(move is { IsComplete: true }));
                break;
            case NodeMessage.Given:
                var (epoch, fence) = (reader.Text(), reader.Number());
                move?.GivenFence = fence;
                if (slot.Phase == ShardPhase.Awaiting && slot.Fence == fence)
                {
                    Begin(shard);
                }

                links.TellCluster(new ShardGiven(epoch, shard, fence));
                break;
            case NodeMessage.MoveOff when move is not null && slot.Phase == ShardPhase.Away:
                slot.In = null;
                break;
        }
    }

    private void WatchMoves()
    {
        for (var shard = 0; shard < _slots.Length; shard++)
        {
            var slot = _slots[shard];
            if (slot is { Phase: ShardPhase.Serving, Out: { Ahead: { IsDone: false } } leaving })
            {
                GoAhead(shard, leaving);
            }
            else if (slot is { Phase: ShardPhase.Drained, Out: { IsEndSent: false } move })
            {
                SendStates(shard, move);
            }
            else if (slot.Phase == ShardPhase.Awaiting && time.GetTimestamp() >= slot.AwaitUntil)
            {
                LogWithoutState(shard);
                Begin(shard);
            }
            else if (slot is { Phase: ShardPhase.Away, In: { } old } && time.GetElapsedTime(old.Since) >= StateAge)
            {
                slot.In = null;
            }
        }
    }

    // Its word would have come over the link that is gone.
    private void MovesLost(int shard, ShardSlot slot, Peer peer)
    {
        if (slot.In is { GivenFence: 0 } @in && @in.From == peer)
        {
            slot.In = null;
            if (slot.Phase == ShardPhase.Awaiting)
            {
                Begin(shard);
            }
        }

        if (slot.Out is { } move && move.To == peer.Node)
        {
            links.TellCluster(new MoveFailed(shard, move.Number));
        }
    }

    [LoggerMessage(EventId = 212, Level = LogLevel.Warning, Message = "Channel {Channel} is too large to be brought to another node ({Bytes} bytes): it begins a new epoch there")]
    private partial void LogTooLarge(string channel, int bytes);

    [LoggerMessage(EventId = 213, Level = LogLevel.Warning, Message = "The former owner of shard {Shard} did not confirm its state: its channels in memory begin a new epoch")]
    private partial void LogWithoutState(int shard);
}
