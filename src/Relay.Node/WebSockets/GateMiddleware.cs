using System.Net;
using Microsoft.AspNetCore.Connections;
using Relay.Actors.Limits;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>
/// Outermost on every listener: admits connections up to the limits of their address and of the node and counts their end. Beyond them a plain listener says 429 or 503 at once,
/// without waiting for a request; a TLS one drops the connection, because the handshake it would take to say so is what an overloaded node cannot afford.
/// </summary>
internal sealed class GateMiddleware(ConnectionDelegate next, WebSocketServer server, ListenerIdentity listener, bool tls)
{
    /// <summary>The middleware.</summary>
    public Task OnConnectionAsync(ConnectionContext connection)
    {
        // Behind a proxy the client is not known yet; the door counts it.
        var peer = listener.ProxyProtocol || connection.RemoteEndPoint is not IPEndPoint { Address: var address } || server.Options.Proxies.Trusts(address) ? null : address;
        if (!server.Limits.TryHold(peer, out var hold))
        {
            return RefuseAsync(connection, LimitAnswers.AddressFull);
        }

        if (server.Gate.TryAdmit())
        {
            return AdmitAsync(connection, hold);
        }

        hold.Release();
        server.Limits.Reached(Limit.Connections, LimitOutcome.Refused, listener.Name);
        return RefuseAsync(connection, LimitAnswers.Full);
    }

    private async Task AdmitAsync(ConnectionContext connection, AddressHold hold)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            hold.Release();
            server.Gate.Release();
            server.Gate.Leave();
        }
    }

    private async Task RefuseAsync(ConnectionContext connection, HandshakeRefusal refusal)
    {
        try
        {
            server.Refused(listener, refusal);
            if (tls)
            {
                connection.Abort();
                return;
            }

            await WebSocketConnectionMiddleware.RefuseAsync(connection, refusal, server);
        }
        finally
        {
            server.Gate.Leave();
        }
    }
}
