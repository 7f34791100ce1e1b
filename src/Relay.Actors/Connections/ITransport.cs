namespace Relay.Actors.Connections;

/// <summary>
/// The writing half of one client's socket, implemented by the program that owns sockets. Calls never overlap: <see cref="Outbound"/> makes them
/// under its lock, or alone while <see cref="SendAsync"/> runs.
/// </summary>
public interface ITransport
{
    /// <summary>
    /// Gives the socket as many bytes as it takes now, without blocking. Returns how many it took, 0 when it is full, -1 when it is broken
    /// (the reading half then ends and reports why).
    /// </summary>
    int TrySend(ReadOnlySpan<byte> bytes);

    /// <summary>
    /// Sends all <paramref name="segments"/> in order, waiting for the socket as often as needed; false when it broke. The list is not kept
    /// after completion.
    /// </summary>
    ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments);

    /// <summary>
    /// Everything is sent and nothing will follow: wait at most <paramref name="linger"/> for the peer's close frame or FIN, then drop the
    /// connection. An immediate drop would let a reset overtake the close frame (reliability.md, finding 8).
    /// </summary>
    void Finish(TimeSpan linger);

    /// <summary>Drops the connection at once; bytes not yet sent are lost.</summary>
    void Abort();
}
