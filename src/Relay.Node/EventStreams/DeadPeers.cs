using System.Buffers.Binary;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace Relay.Node.EventStreams;

/// <summary>
/// Lets the kernel find peers that are gone without a word. A WebSocket is pinged and must answer; who only reads an HTTP response, or only writes a
/// request, owes nothing but the acknowledgements of TCP.
/// </summary>
internal static class DeadPeers
{
    // <netinet/tcp.h> of Linux; elsewhere the system's own patience holds.
    private const int Tcp = 6;
    private const int UserTimeout = 18;

    private const int Probes = 3;

    /// <summary>
    /// From now on the connection breaks when the peer acknowledges nothing: what is sent to it, or, while nothing is sent, a probe every
    /// <paramref name="interval"/>. Found dead at the latest after <paramref name="limit"/> when something is sent once per interval.
    /// </summary>
    public static void Watch(HttpContext context, TimeSpan interval, TimeSpan limit)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
        {
            return;
        }

        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, Seconds(interval));
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Seconds((limit - interval) / Probes));
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
            if (OperatingSystem.IsLinux())
            {
                Span<byte> milliseconds = stackalloc byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(milliseconds, (int)(limit - interval).TotalMilliseconds);
                socket.SetRawSocketOption(Tcp, UserTimeout, milliseconds);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The peer has gone meanwhile; whoever serves it finds out by itself.
        }
    }

    private static int Seconds(TimeSpan time) => Math.Max(1, (int)time.TotalSeconds);
}
