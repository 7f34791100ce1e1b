using Relay.Actors.Hooks;
using Relay.Cluster;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>The monitors of hooks on the other nodes. What does not arrive is made good when the link begins anew, by what the other knows then. Thread-safe.</summary>
internal sealed class HookPeers
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, Peer> _peers = [];

    /// <summary>This node's monitor; set before a channel is told anything.</summary>
    public IActorRef Monitor { get; set; } = ActorRefs.Nobody;

    public void Connected(Peer peer)
    {
        lock (_gate)
        {
            _peers[peer.Node] = peer;
        }

        Monitor.Tell(new HookPeer(peer));
    }

    public void Lost(Peer peer)
    {
        lock (_gate)
        {
            if (_peers.GetValueOrDefault(peer.Node) == peer)
            {
                _peers.Remove(peer.Node);
            }
        }
    }

    /// <summary>To all: those of the events that mean something.</summary>
    public void Tell(Publication[] events)
    {
        if (Array.FindAll(events, static one => HookState.Concerns(one.Event)) is not { Length: > 0 } told)
        {
            return;
        }

        Peer[] peers;
        lock (_gate)
        {
            peers = [.. _peers.Values];
        }

        var writer = new WireWriter().Byte((byte)NodeMessage.HooksPassed);
        EventWire.Write(writer, told);
        foreach (var peer in peers)
        {
            peer.TrySend(writer);
        }
    }

    /// <summary>To one: all that is known.</summary>
    public static void Tell(Peer peer, HookState state)
    {
        var writer = new WireWriter().Byte((byte)NodeMessage.HooksKnown);
        state.Write(writer);
        peer.TrySend(writer);
    }

    /// <summary><see cref="NodeMessage.HooksPassed"/> or <see cref="NodeMessage.HooksKnown"/>.</summary>
    public void Take(NodeMessage kind, ref WireReader reader)
    {
        object told = kind == NodeMessage.HooksPassed
            ? new EventsPassed(EventWire.ReadAll(ref reader, "hooks")) { IsHere = false }
            : new HooksTold(HookState.Read(ref reader));
        Monitor.Tell(told);
    }
}
