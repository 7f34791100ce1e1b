using System.Net;
using System.Net.WebSockets;
using Relay.Node.Tests.Support;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.WebSockets;

/// <summary>WebSockets on a TLS listener: over HTTP/1.1 on the connection, and inside HTTP/2 (RFC 8441).</summary>
public sealed class TlsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Over_HTTP_1_1_a_session_is_the_same_as_without_TLS(bool deflate)
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var client = new ClientWebSocket();
        client.Options.RemoteCertificateValidationCallback = TestCertificate.Trusts;
        if (deflate)
        {
            client.Options.DangerousDeflateOptions = new WebSocketDeflateOptions { ClientContextTakeover = false, ServerContextTakeover = false };
        }

        await EchoSession.RunAsync(client, new Uri($"wss://127.0.0.1:{node.Port}/echo"));
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task Several_WebSockets_share_one_HTTP_2_connection()
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var http = Http2();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var client = new ClientWebSocket();
            client.Options.HttpVersion = HttpVersion.Version20;
            client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            await EchoSession.RunAsync(client, new Uri($"wss://127.0.0.1:{node.Port}/echo"), http);
        }));
        Assert.Equal(1, node.Gate.Open);
        await Eventually.BecomesTrueAsync(() => node.Metrics.OpenWebSockets == 0, "all streams ended");
        Assert.Equal("hello from test", await GetAsync(http, new Uri(node.Url, "/hello")));
        http.Dispose();
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task Inside_HTTP_2_subprotocol_and_identity_reach_the_relay()
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var http = Http2();
        using var client = new ClientWebSocket();
        client.Options.HttpVersion = HttpVersion.Version20;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        client.Options.AddSubProtocol("relay.v1");
        client.Options.SetRequestHeader("Authorization", "Bearer " + TestAuthenticator.GoodToken);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await client.ConnectAsync(new Uri($"wss://127.0.0.1:{node.Port}/any?agent_id=a%2Fb"), http, limit.Token);
        Assert.Equal("relay.v1", client.SubProtocol);
        var handler = await node.Factory.NextAsync();
        Assert.Equal(("a/b", "user-7", "test"), (handler.Request.AgentId, handler.Request.Principal.Subject, handler.Request.Listener));
        handler.Transport.TrySend(FrameWriter.CloseFrame(4401, "over"));
        handler.Transport.Finish(TimeSpan.FromHours(1));
        var received = await client.ReceiveAsync(new byte[10], limit.Token);
        Assert.Equal((WebSocketCloseStatus)4401, received.CloseStatus);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        Assert.Equal(["end"], await handler.AllAsync());
    }

    [Theory]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/ws?userId=", HttpStatusCode.Unauthorized)]
    [InlineData("/ws?user_id=", HttpStatusCode.Unauthorized)]
    public async Task Inside_HTTP_2_a_refusal_has_the_same_status(string target, HttpStatusCode status)
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var http = Http2();
        using var client = new ClientWebSocket();
        client.Options.HttpVersion = HttpVersion.Version20;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        client.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => client.ConnectAsync(new Uri($"wss://127.0.0.1:{node.Port}{target}"), http, default));
        Assert.Equal(status, client.HttpStatusCode);
    }

    [Fact]
    public async Task Over_TLS_a_broken_rule_is_answered_with_its_close_code()
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var client = await RawClient.ConnectAsync(node.Port, tls: true);
        await client.SendAsync(RawClient.Upgrade("/echo"));
        await client.ReadHeadAsync();
        await client.SendUntilRefusedAsync((byte[])[0x81, 0x02, 1, 2, .. Enumerable.Repeat(RawClient.Text("flood"), 5000).SelectMany(frame => frame)]);
        Assert.Equal(1002, await client.ReadCloseCodeAsync());
        client.Dispose();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task Over_TLS_a_slow_reader_gets_everything_in_order()
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(certificate: certificate);
        using var client = await RawClient.ConnectAsync(node.Port, receiveBuffer: 4096, tls: true);
        await client.SendAsync(RawClient.Upgrade("/relay"));
        await client.ReadHeadAsync();
        var transport = (await node.Factory.NextAsync()).Transport;
        var frame = FrameWriter.Frame(Opcode.Binary, new byte[50_000]);
        var sent = 0;
        var count = 0;
        do
        {
            sent = transport.TrySend(frame);
            count++;
        }
        while (sent == frame.Length && count < 1000);
        Assert.InRange(count, 2, 500);
        var sending = transport.SendAsync([frame.AsMemory(sent).ToArray(), FrameWriter.Frame(Opcode.Text, "end"u8)]);
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(50_000, (await client.ReadFrameAsync()).Payload.Length);
        }

        Assert.Equal("end", await client.ReadTextAsync());
        Assert.True(await sending);
    }

    [Fact]
    public async Task A_TLS_client_cut_at_any_step_leaves_nothing_behind()
    {
        using var certificate = new TestCertificate();
        await using var node = await TestNode.StartAsync(TestNode.Options with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) }, certificate: certificate);
        var upgrade = System.Text.Encoding.Latin1.GetBytes(RawClient.Upgrade("/echo"));
        byte[] session = [.. upgrade, .. RawClient.Text("one"), .. RawClient.Close(1000)];
        for (var cut = 0; cut <= session.Length; cut += 7)
        {
            using var client = await RawClient.ConnectAsync(node.Port, tls: true);
            await client.SendAsync(session.AsMemory(0, cut));
            if (cut % 2 == 0)
            {
                client.Reset();
            }
        }

        using var silent = await RawClient.ConnectAsync(node.Port, tls: true);
        Assert.StartsWith("HTTP/1.1 408 ", (await silent.ReadToEndAsync()).Text, StringComparison.Ordinal);
        silent.Dispose();
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    private static HttpClient Http2()
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = TestCertificate.Trusts;
        return new HttpClient(handler);
    }

    private static async Task<string> GetAsync(HttpClient http, Uri uri)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await http.SendAsync(request);
        return await answer.Content.ReadAsStringAsync();
    }
}
