using System.Net.Sockets;

namespace Relay.Redis;

/// <summary>
/// Tells when sockets have something to read, on threads that also run what the reads cause. Without one, connections are read through the runtime's socket
/// engine and the thread pool, where each message at light load costs two wake-ups of threads more.
/// </summary>
public interface ISocketWatcher
{
    /// <summary>Watches a connected, non-blocking socket until the watch is disposed; null when it cannot be watched.</summary>
    /// <param name="socket">Stays open until after the watch's end. Nobody else waits for its input.</param>
    /// <param name="readable">
    /// Called while there is something to read, or the end or an error to be learned by reading; again and again until it was read. May also be called without
    /// need. May begin before this method has returned. Calls for one socket never overlap. Must not block and must not throw.
    /// </param>
    ISocketWatch? TryWatch(Socket socket, Action readable);
}

/// <summary>One socket under watch. Its disposal ends the watch; a call that is under way on another thread may still be finishing then.</summary>
public interface ISocketWatch : IDisposable
{
    /// <summary>No more calls until <see cref="Resume"/>, but those under way.</summary>
    void Pause();

    /// <summary>Calls again when there is something to read. From any thread.</summary>
    void Resume();
}
