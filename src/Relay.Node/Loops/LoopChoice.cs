using Relay.Kernel;
using Relay.Node.WebSockets;

namespace Relay.Node.Loops;

/// <summary>
/// Whether this node has event loops, as its options and its system say. Owns them.
/// </summary>
public sealed class LoopChoice : IDisposable
{
    /// <param name="options">How many are wanted.</param>
    /// <param name="time">Measures their slices.</param>
    /// <param name="logger">Where failed turns are logged.</param>
    public LoopChoice(WebSocketServerOptions options, TimeProvider time, ILogger<EventLoops> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        var count = options.EventLoops ?? Environment.ProcessorCount;
        Loops = count > 0 && EventLoops.IsSupported ? new EventLoops(count, time, logger) : null;
    }

    /// <summary>Null = Kestrel's sockets and the thread pool do it all.</summary>
    public EventLoops? Loops { get; }

    /// <summary>Runs the actors' turns.</summary>
    public IDispatcher Dispatcher => Loops ?? (IDispatcher)ThreadPoolDispatcher.Instance;

    /// <inheritdoc/>
    public void Dispose() => Loops?.Dispose();
}
