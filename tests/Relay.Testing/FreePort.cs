using System.Net;
using System.Net.Sockets;

namespace Relay.Testing;

/// <summary>Ports for servers that cannot choose one themselves and say which.</summary>
public static class FreePort
{
    /// <summary>
    /// A TCP port of 127.0.0.1 that nobody used a moment ago. The system gives each asker another one in turn, so two tests get
    /// different ports; a stranger may still take it first, and the server then fails to start with a clear text.
    /// </summary>
    public static int Next()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
