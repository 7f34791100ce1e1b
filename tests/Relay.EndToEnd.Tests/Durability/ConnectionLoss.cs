using System.Net.WebSockets;
using System.Threading.Channels;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Tells a connection that is gone or refused, which a client of a killed node expects, from anything else, which is a failure of the test.</summary>
internal static class ConnectionLoss
{
    public static bool Is(Exception error) =>
        error is WebSocketException or ObjectDisposedException or IOException
            or InvalidOperationException { InnerException: ChannelClosedException } or OperationCanceledException { InnerException: IOException };
}
