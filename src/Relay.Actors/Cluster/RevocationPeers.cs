using Relay.Actors.Security;
using Relay.Cluster;

namespace Relay.Actors.Cluster;

/// <summary>
/// Tells the other nodes which tokens are not believed any more: each at once to all, and all of them to a node whose link begins, which is how one that was away or
/// cut off learns of what it missed. What a link does not take must not be missed: it begins anew then. Thread-safe.
/// </summary>
internal sealed class RevocationPeers
{
    /// <summary>Of some hundred bytes each.</summary>
    private const int AtOnce = 1000;

    private readonly Revocations _revocations;
    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, Peer> _peers = [];

    public RevocationPeers(Revocations revocations)
    {
        _revocations = revocations;
        revocations.Added += Tell;
    }

    public void Connected(Peer peer)
    {
        // Known before all is told: what is added meanwhile is told twice rather than never.
        lock (_gate)
        {
            _peers[peer.Node] = peer;
        }

        foreach (var part in _revocations.All.Chunk(AtOnce))
        {
            peer.Send(Write(part));
        }
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

    /// <summary><see cref="NodeMessage.Revoked"/>.</summary>
    public void Take(ref WireReader reader)
    {
        for (var left = reader.CountOf(4); left > 0; left--)
        {
            // A kind of a later version is kept and told on; it means nothing here.
            _revocations.TryTake(new Revocation((RevokedBy)reader.Byte(), reader.Text(), reader.Number(), reader.Number()));
        }
    }

    internal static WireWriter Write(IReadOnlyCollection<Revocation> entries)
    {
        var writer = new WireWriter().Byte((byte)NodeMessage.Revoked).Count(entries.Count);
        foreach (var entry in entries)
        {
            writer.Byte((byte)entry.By).Text(entry.Value).Number(entry.IssuedUntil).Number(entry.ForgottenAt);
        }

        return writer;
    }

    private void Tell(Revocation revocation)
    {
        Peer[] peers;
        lock (_gate)
        {
            peers = [.. _peers.Values];
        }

        var writer = Write([revocation]);
        foreach (var peer in peers)
        {
            peer.Send(writer);
        }
    }
}
