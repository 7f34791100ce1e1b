using System.IO.Pipelines;
using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>
/// Takes WebSocket upgrades off a listener's connections before the HTTP server sees them; everything else goes on to it with all its bytes.
/// <para>
/// Why here and not in <c>HttpContext</c>: an upgraded HTTP/1.1 connection keeps its parser, its request and its streams for life. Measured with 10,000
/// idle connections: 18.8 KB and 160 us of CPU each for ASP.NET's WebSocket, 6.3 KB and 65 us here (architecture.md, decision 4).
/// </para>
/// <para>
/// The head is looked at, not consumed, until it is complete and known to be an upgrade. Bytes behind it are frames already. On a TLS listener this
/// runs inside the TLS layer; a connection that agreed on HTTP/2 goes on at once.
/// </para>
/// </summary>
internal sealed class WebSocketConnectionMiddleware(ConnectionDelegate next, WebSocketServer server, ListenerIdentity listener)
{
    private static readonly HandshakeRefusal TooSlow = new(408, "Request head not received in time");

    /// <summary>The middleware.</summary>
    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        // The outcome's steps have gone when the long wait begins: only the task that lasts is awaited here.
        var served = await AcceptAsync(connection);
        await served;
    }

    /// <summary>Everything up to the first frame; the inner task is the rest of the connection's life.</summary>
    private async Task<Task> AcceptAsync(ConnectionContext connection)
    {
        if (IsHttp2(connection))
        {
            return PassOn(connection);
        }

        var input = connection.Transport.Input;
        var head = await ReadHeadAsync(input);
        switch (head.Status)
        {
            case UpgradeStatus.Upgrade:
                return await UpgradeAsync(connection, head.Request!);
            case UpgradeStatus.Refuse:
                return RefuseAsync(connection, head.Refusal!);
            case UpgradeStatus.NotAnUpgrade:
                return PassOn(connection);
            default:
                // The peer left before it said anything complete.
                return Task.CompletedTask;
        }
    }

    private async ValueTask<Head> ReadHeadAsync(PipeReader input)
    {
        var parser = new UpgradeRequestParser(server.Options.Handshake);
        using var deadline = new HeadDeadline(input, server.Time, server.Options.HandshakeTimeout);
        while (true)
        {
            ReadResult result;
            try
            {
                result = await input.ReadAsync();
            }
            catch (Exception error) when (error is IOException or OperationCanceledException)
            {
                return default;
            }

            var buffer = result.Buffer;
            var status = parser.Parse(buffer, out var request, out var refusal);
            if (status == UpgradeStatus.NeedMoreData)
            {
                input.AdvanceTo(buffer.Start, buffer.End);
                if (deadline.IsOver)
                {
                    return new Head(UpgradeStatus.Refuse, null, TooSlow);
                }

                if (result.IsCompleted)
                {
                    return default;
                }

                continue;
            }

            input.AdvanceTo(status == UpgradeStatus.Upgrade ? buffer.GetPosition(request!.HeadLength) : buffer.Start);

            // A deadline that fires now would wake whoever reads next.
            return deadline.TryStop() ? new Head(status, request, refusal) : new Head(UpgradeStatus.Refuse, null, TooSlow);
        }
    }

    private async ValueTask<Task> UpgradeAsync(ConnectionContext connection, UpgradeRequest request)
    {
        var remote = connection.RemoteEndPoint?.ToString() ?? "unknown";
        var admission = server.Door.Decide(request, listener, remote, out var refusal);
        if (admission is null)
        {
            return RefuseAsync(connection, refusal!);
        }

        var transport = CreateTransport(connection, server);
        using (var response = new FrameBuffer(512))
        {
            HandshakeResponse.WriteAccept(response, request, admission.Answer);
            if (!await SendAllAsync(transport, response))
            {
                admission.Request?.Lease?.Dispose();
                transport.End();
                return Task.CompletedTask;
            }
        }

        var kind = transport.WaitsForFin ? "tcp" : "tls";
        return server.ServeAsync(admission, listener, transport, kind);
    }

    private Task RefuseAsync(ConnectionContext connection, HandshakeRefusal refusal)
    {
        server.Refused(listener, refusal);
        return RefuseAsync(connection, refusal, server);
    }

    /// <summary>Answers, says that nothing follows, and waits until the peer has read it (reliability.md, finding 8).</summary>
    internal static async Task RefuseAsync(ConnectionContext connection, HandshakeRefusal refusal, WebSocketServer server)
    {
        var transport = CreateTransport(connection, server);
        using (var response = new FrameBuffer(512))
        {
            HandshakeResponse.WriteRefusal(response, refusal);
            await SendAllAsync(transport, response);
        }

        transport.Finish(server.Options.RefusalLinger);
        await ReadLoop.DrainAsync(transport);
    }

    private static PipedTransport CreateTransport(ConnectionContext connection, WebSocketServer server)
    {
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        if (socket is not null && connection.Features.Get<ITlsHandshakeFeature>() is null)
        {
            return new SocketTransport(connection, socket, server.Sends, server.Time);
        }

        return new PipeTransport(
            connection.Transport.Input, connection.Transport.Output, connection.Abort, server.Options.SendTimeout, server.Time);
    }

    private static async ValueTask<bool> SendAllAsync(ClientTransport transport, FrameBuffer bytes)
    {
        var sent = transport.TrySend(bytes.WrittenSpan);
        if (sent == bytes.Length)
        {
            return true;
        }

        return sent >= 0 && await transport.SendAsync([new ArraySegment<byte>(bytes.WrittenMemory[sent..].ToArray())]);
    }

    private static bool IsHttp2(ConnectionContext connection) =>
        connection.Features.Get<ISslStreamFeature>()?.SslStream.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2;

    private Task PassOn(ConnectionContext connection)
    {
        connection.Features.Set(listener);
        return next(connection);
    }

    /// <summary>What the first request on a connection is; <see cref="UpgradeStatus.NeedMoreData"/> = the peer has gone.</summary>
    private readonly record struct Head(UpgradeStatus Status, UpgradeRequest? Request, HandshakeRefusal? Refusal);
}
