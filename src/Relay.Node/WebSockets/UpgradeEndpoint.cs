using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>
/// WebSockets that reach the HTTP pipeline: an upgrade that is not the first request of its HTTP/1.1 connection, and HTTP/2's Extended CONNECT
/// (RFC 8441), which browsers use once they have an HTTP/2 connection to the same host. The same door, loop and transport as everywhere; each costs what
/// its HTTP request costs, some kilobytes more than one taken by <see cref="WebSocketConnectionMiddleware"/>.
/// </summary>
internal sealed class UpgradeEndpoint(RequestDelegate next, WebSocketServer server)
{
    private static readonly HandshakeRefusal BadTarget = HandshakeRefusal.BadRequest("The request target cannot be decoded.");
    private static readonly ListenerIdentity Unknown = new("http", null);

    /// <summary>The middleware.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect
            && string.Equals(connect.Protocol, "websocket", StringComparison.OrdinalIgnoreCase))
        {
            return AcceptAsync(context, new Http2Upgrade(context, connect));
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } upgrade
            && context.Request.Headers.Upgrade.Any(value => value?.Contains("websocket", StringComparison.OrdinalIgnoreCase) ?? false))
        {
            return AcceptAsync(context, new Http1Upgrade(context, upgrade));
        }

        return next(context);
    }

    private async Task AcceptAsync(HttpContext context, HttpUpgrade upgrade)
    {
        var listener = context.Features.Get<ListenerIdentity>() ?? Unknown;
        var admission = Decide(context, upgrade, listener, out var refusal);
        if (admission is null)
        {
            server.Refused(listener, refusal!);
            await RefuseAsync(context, refusal!, upgrade);
            return;
        }

        Lift(context);
        var stream = await OpenAsync(upgrade, admission);

        // Zero-byte reads: no buffer while nothing comes.
        var input = PipeReader.Create(stream, new StreamPipeReaderOptions(useZeroByteReads: true, leaveOpen: true));
        var output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        var transport = new PipeTransport(input, output, context.Abort, server.Options.SendTimeout, server.Time);
        await server.ServeAsync(admission, listener, transport, upgrade.Kind);
        await input.CompleteAsync();
    }

    private static async ValueTask<Stream> OpenAsync(HttpUpgrade upgrade, Admission admission)
    {
        try
        {
            return await upgrade.AcceptAsync(admission.Answer);
        }
        catch
        {
            admission.Request?.Lease?.Dispose();
            throw;
        }
    }

    private Admission? Decide(HttpContext context, HttpUpgrade upgrade, ListenerIdentity listener, out HandshakeRefusal? refusal)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/'))
        {
            target = context.Request.Path.ToUriComponent() + context.Request.QueryString.ToUriComponent();
        }

        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var headers = context.Request.Headers
            .Where(header => !header.Key.StartsWith(':'))
            .SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value ?? "")));
        var request = UpgradeRequest.FromHttp(mark < 0 ? target : target[..mark], mark < 0 ? "" : target[(mark + 1)..], headers);
        refusal = request is null ? BadTarget : upgrade.Check(request);
        var connection = context.Connection;
        return refusal is null
            ? server.Door.Decide(request!, listener, $"{connection.RemoteIpAddress}:{connection.RemotePort}", out refusal, upgrade is Http2Upgrade)
            : null;
    }

    private static async Task RefuseAsync(HttpContext context, HandshakeRefusal refusal, HttpUpgrade upgrade)
    {
        var response = context.Response;
        response.StatusCode = refusal.Status;
        response.ContentType = refusal.ContentType;
        foreach (var (name, value) in refusal.Headers)
        {
            upgrade.AddHeader(name, value);
        }

        upgrade.EndConnection();
        await response.WriteAsync(refusal.Body, context.RequestAborted);
    }

    /// <summary>A WebSocket is no request of some kilobytes: the limits of bodies and their speed do not apply.</summary>
    private static void Lift(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (context.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    /// <summary>What differs between the two HTTP versions.</summary>
    private abstract class HttpUpgrade(HttpContext context)
    {
        protected HttpContext Context { get; } = context;

        /// <summary>For metrics.</summary>
        public abstract string Kind { get; }

        public abstract HandshakeRefusal? Check(UpgradeRequest request);

        public abstract ValueTask<Stream> AcceptAsync(HandshakeAnswer answer);

        public abstract void AddHeader(string name, string value);

        public abstract void EndConnection();

        protected void AddAnswer(HandshakeAnswer answer)
        {
            if (answer.Subprotocol is { } subprotocol)
            {
                Context.Response.Headers.SecWebSocketProtocol = subprotocol;
            }

            if (answer.Extensions is { } extensions)
            {
                Context.Response.Headers.SecWebSocketExtensions = extensions;
            }
        }
    }

    private sealed class Http1Upgrade(HttpContext context, IHttpUpgradeFeature upgrade) : HttpUpgrade(context)
    {
        public override string Kind => "http1";

        public override HandshakeRefusal? Check(UpgradeRequest request) =>
            HttpMethods.IsGet(Context.Request.Method) ? HandshakeRules.Check(request) : HandshakeRefusal.MethodNotAllowed;

        public override async ValueTask<Stream> AcceptAsync(HandshakeAnswer answer)
        {
            AddAnswer(answer);
            Context.Response.Headers.Upgrade = "websocket";
            Context.Response.Headers.SecWebSocketAccept = HandshakeResponse.AcceptValue(Context.Request.Headers.SecWebSocketKey.ToString());
            return await upgrade.UpgradeAsync();
        }

        public override void AddHeader(string name, string value) => Context.Response.Headers.Append(name, value);

        public override void EndConnection() => Context.Response.Headers.Connection = "close";
    }

    private sealed class Http2Upgrade(HttpContext context, IHttpExtendedConnectFeature connect) : HttpUpgrade(context)
    {
        public override string Kind => "http2";

        public override HandshakeRefusal? Check(UpgradeRequest request) => HandshakeRules.Check(request, extendedConnect: true);

        public override async ValueTask<Stream> AcceptAsync(HandshakeAnswer answer)
        {
            AddAnswer(answer);
            return await connect.AcceptAsync();
        }

        // RFC 9113 §8.2.2: fields about the connection are malformed in HTTP/2.
        public override void AddHeader(string name, string value)
        {
            if (!string.Equals(name, "Upgrade", StringComparison.OrdinalIgnoreCase))
            {
                Context.Response.Headers.Append(name, value);
            }
        }

        public override void EndConnection()
        {
            // Other streams of the connection go on.
        }
    }
}
