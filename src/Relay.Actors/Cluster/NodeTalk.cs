namespace Relay.Actors.Cluster;

/// <summary>What nodes say to each other beside the channels: of themselves, of hooks, of revoked tokens, and when they are asked. Thread-safe.</summary>
internal sealed class NodeTalk(NodeNews news, NodeQuestions questions, HookPeers hooks, RevocationPeers revocations)
{
    public void Connected(Peer peer)
    {
        news.Connected(peer);
        questions.Connected(peer);
        hooks.Connected(peer);
        revocations.Connected(peer);
    }

    public void Lost(Peer peer)
    {
        news.Lost(peer);
        questions.Lost(peer);
        hooks.Lost(peer);
        revocations.Lost(peer);
    }

    public void Take(NodeMessage kind, Peer peer, ref WireReader reader)
    {
        switch (kind)
        {
            case NodeMessage.News or NodeMessage.FiguresAll:
                news.Take(kind, peer, ref reader);
                break;
            case NodeMessage.NodeAsked or NodeMessage.NodeTold:
                questions.Take(kind, peer, ref reader);
                break;
            case NodeMessage.HooksPassed or NodeMessage.HooksKnown:
                hooks.Take(kind, ref reader);
                break;
            case NodeMessage.Revoked:
                revocations.Take(ref reader);
                break;
        }
    }
}
