using Microsoft.AspNetCore.Connections;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>
/// Outermost on every listener: admits connections up to the limit and counts their end. Beyond the limit a plain listener says 503 at once,
/// without waiting for a request; a TLS one drops the connection, because the handshake it would take to say so is what an overloaded node cannot afford.
/// </summary>
internal sealed class GateMiddleware(ConnectionDelegate next, WebSocketServer server, ListenerIdentity listener, bool tls)
{
    private static readonly HandshakeRefusal Full = new(503, "Too many connections") { Reason = "connections", Headers = [new("Retry-After", "1")] };

    /// <summary>The middleware.</summary>
    public Task OnConnectionAsync(ConnectionContext connection) =>
        server.Gate.TryAdmit() ? AdmitAsync(connection) : RefuseAsync(connection);

    private async Task AdmitAsync(ConnectionContext connection)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            server.Gate.Release();
            server.Gate.Leave();
        }
    }

    private async Task RefuseAsync(ConnectionContext connection)
    {
        try
        {
            server.Refused(listener, Full);
            if (tls)
            {
                connection.Abort();
                return;
            }

            await WebSocketConnectionMiddleware.RefuseAsync(connection, Full, server);
        }
        finally
        {
            server.Gate.Leave();
        }
    }
}
