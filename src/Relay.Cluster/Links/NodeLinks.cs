using Microsoft.Extensions.Logging;
using Relay.Cluster.Engine;

namespace Relay.Cluster.Links;

/// <summary>
/// Reliable, ordered messages between this run of a node and its peers, over the frames of an <see cref="IClusterEngine"/>: within a session each message arrives once, in order. The
/// rules: docs/cluster.md, "Links between nodes". All members may be called from any thread, also within a call of the handler.
/// </summary>
public sealed class NodeLinks : IAsyncDisposable
{
    /// <param name="engine">Stays its owner's. Its listener has to pass on <see cref="IClusterListener.OnFrame"/> and <see cref="IClusterListener.OnInboxRestored"/>.</param>
    /// <exception cref="ArgumentException">The options cannot work.</exception>
    public NodeLinks(NodeId self, IClusterEngine engine, LinkOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(loggers);
        if (options.Problem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        Self = self;
    }

    public NodeId Self { get; }

    /// <summary>Once, before anything else.</summary>
    public void Start(ILinkHandler handler) => throw new NotSupportedException("not there yet");

    /// <summary>A frame from the engine's listener. Frames that mean nothing are counted and dropped.</summary>
    public void OnFrame(ReadOnlySpan<byte> frame) => throw new NotSupportedException("not there yet");

    /// <summary>Frames may have been missed: all peers are asked at once to send again what did not arrive.</summary>
    public void OnInboxRestored() => throw new NotSupportedException("not there yet");

    /// <summary>
    /// All members of the cluster; this node itself is skipped. A session is begun with each that is new; with those that are gone it ends. A run that was gone and comes back begins anew.
    /// </summary>
    public void SetPeers(IReadOnlyCollection<NodeId> peers) => throw new NotSupportedException("not there yet");

    /// <summary>Copies the message and sends it, at once if not much is under way to the peer, else together with what gathers.</summary>
    /// <returns>False when there is no session with the peer (between <see cref="ILinkHandler.OnConnected"/> and the end of that session), or <see cref="LinkOptions.MaxUnacked"/> is reached.</returns>
    /// <exception cref="ArgumentException">The message is larger than <see cref="LinkOptions.MaxMessage"/>.</exception>
    public bool TrySend(NodeId to, ReadOnlySpan<byte> message) => throw new NotSupportedException("not there yet");

    /// <summary>Ends the session on both sides, where <see cref="ILinkHandler.OnReset"/> tells of it, and begins a new one. No effect when there is none.</summary>
    public void Reset(NodeId peer) => throw new NotSupportedException("not there yet");

    /// <summary>Nothing is sent any more, and the handler is told nothing more; a call of it that is under way may still be.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException("not there yet");
}
