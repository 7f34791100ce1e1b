namespace Relay.Cluster.Links;

/// <summary>
/// What comes in from the peers of a node. One call at a time per peer; calls of different peers may come on several threads at once. Nothing here may block. Every call may use
/// <see cref="NodeLinks"/> as it likes.
/// </summary>
public interface ILinkHandler
{
    /// <summary>A session with the peer begins. From this call on <see cref="NodeLinks.TrySend"/> takes messages for it.</summary>
    void OnConnected(NodeId peer);

    /// <summary>The next message of a session: in the order in which the peer sent them, each once. The bytes are valid until the method returns.</summary>
    void OnMessage(NodeId from, ReadOnlySpan<byte> message);

    /// <summary>
    /// The session that began last is over. Whatever was taken for the peer before this call, or came from it, belongs to that session and may have got lost from some message on;
    /// what comes later belongs to a new session, which <see cref="OnConnected"/> tells of.
    /// </summary>
    void OnReset(NodeId peer);
}
