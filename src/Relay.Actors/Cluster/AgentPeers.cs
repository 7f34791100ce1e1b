using Relay.Actors.Agents;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// What agents are subscribed to, told to the other nodes: each change to all, and everything to one that comes. Thread-safe.
/// </summary>
internal sealed class AgentPeers(Func<IEnumerable<Peer>> peers) : IAgentPeer
{
    private IActorRef? _region;
    private AgentServices? _services;

    public void Tell(string agent, AgentInterest interest)
    {
        var writer = Write(agent, interest);
        foreach (var peer in peers())
        {
            peer.Send(writer);
        }
    }

    /// <summary>Where agents are remembered on this node.</summary>
    public void Bind(IActorRef region, AgentServices services) => (_region, _services) = (region, services);

    /// <summary>A session with another node begins: it is told all.</summary>
    public void Connected(Peer peer)
    {
        foreach (var agent in _services!.Known.Keys)
        {
            _region!.Tell(new ShardEnvelope(agent, new AgentShare(new OnePeer(peer))));
        }
    }

    /// <summary>Takes what another node tells.</summary>
    public void Take(ref WireReader reader)
    {
        var agent = reader.Text();
        var interest = new AgentInterest(reader.Text(), reader.Flag()) { AtMicros = reader.Number() };
        _region!.Tell(new ShardEnvelope(agent, interest));
    }

    private static WireWriter Write(string agent, AgentInterest interest) =>
        new WireWriter().Byte((byte)NodeMessage.AgentInterest).Text(agent).Text(interest.Entity).Flag(interest.Subscribed).Number(interest.AtMicros!.Value);

    private sealed class OnePeer(Peer peer) : IAgentPeer
    {
        public void Tell(string agent, AgentInterest interest) => peer.Send(Write(agent, interest));
    }
}
