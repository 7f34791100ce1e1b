using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Relay.Node.WebSockets;
using Relay.Protocol.Handshake;

namespace Relay.Node.Proxies;

/// <summary>
/// Reads the PROXY protocol's header off a connection before TLS and HTTP see it, on listeners where it is required and that are not on the event loops (those read it themselves). A
/// peer that is no configured proxy, or sends no header, is dropped.
/// </summary>
internal sealed partial class ProxyMiddleware(ConnectionDelegate next, WebSocketServer server, ListenerIdentity listener, ILogger logger)
{
    /// <summary>Not answered: who sends no header is no HTTP client of ours.</summary>
    public static readonly HandshakeRefusal NoHeader = HandshakeRefusal.BadRequest("No PROXY header") with { Reason = "proxy" };

    /// <summary>In a connection's items: its header was read already.</summary>
    public static readonly object IsRead = new();

    /// <summary>The middleware.</summary>
    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        if (connection.Items.ContainsKey(IsRead) || await TryReadAsync(connection))
        {
            await next(connection);
            return;
        }

        server.Refused(listener, NoHeader);
        LogDropped(logger, listener.Name, connection.RemoteEndPoint?.ToString() ?? "unknown");
        connection.Abort();
    }

    [LoggerMessage(LogLevel.Debug, "listener {Listener}: {Peer} is no configured proxy or sent no PROXY header; dropped")]
    public static partial void LogDropped(ILogger logger, string listener, string peer);

    private async ValueTask<bool> TryReadAsync(ConnectionContext connection)
    {
        if (connection.RemoteEndPoint is not IPEndPoint peer || !server.Options.Proxies.Trusts(peer.Address))
        {
            return false;
        }

        var input = connection.Transport.Input;
        using var deadline = new HeadDeadline(input, server.Time, server.Options.HandshakeTimeout);
        while (true)
        {
            var result = await input.ReadAsync();
            var buffer = result.Buffer;
            var status = ProxyHeader.Parse(buffer.Slice(0, Math.Min(buffer.Length, ProxyHeader.MaxBytes)).ToArray(), out var length, out var source);
            if (status == ProxyHeaderStatus.Complete)
            {
                input.AdvanceTo(buffer.GetPosition(length));
                connection.RemoteEndPoint = source ?? connection.RemoteEndPoint;
                return deadline.TryStop();
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            if (status == ProxyHeaderStatus.Invalid || result.IsCompleted || deadline.IsOver)
            {
                return false;
            }
        }
    }
}
