namespace Relay.Cluster.Links;

/// <summary>A moment in what a node says to its peers: <see cref="NodeLinks.Mark"/>.</summary>
public sealed class LinkMark
{
    internal LinkMark((LinkPeer Peer, (long Session, long Message) Mark)[] peers) => Peers = peers;

    internal (LinkPeer Peer, (long Session, long Message) Mark)[] Peers { get; }
}
