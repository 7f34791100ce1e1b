using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Relay.Node.Tests.EventStreams;
using Relay.Node.Tests.Support;
using Eventually = Relay.Testing.Eventually;

namespace Relay.Node.Tests.Resume;

/// <summary>guarantees.md 4 with the real program and its default limits: a client that missed far more than may wait for it gets it all over one connection.</summary>
public sealed class LongResumeTests
{
    private const int Missed = 50_000;
    private const int Batch = 200;

    private static readonly string Data = new('x', 180);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_web_socket_client_gets_all_it_missed(bool tls)
    {
        using var certificate = new TestCertificate();
        await using var node = await StartAsync(tls, certificate);
        var epoch = await FillAsync(node);
        using var client = await ConnectAsync(node);
        await SendAsync(client, $$$"""{"type":"subscribe","channel":"topics/load","since":{"epoch":"{{{epoch}}}","offset":1},"id":"s"}""");
        var buffer = new byte[64 * 1024];
        var ack = await NextAsync(client, buffer);
        Assert.True(ack.GetProperty("recovered").GetBoolean());
        Assert.Equal(Missed, ack.GetProperty("offset").GetInt64());
        for (var offset = 2; offset <= Missed; offset++)
        {
            var next = await NextAsync(client, buffer);
            Assert.True(next.TryGetProperty("offset", out var at) && at.GetInt64() == offset, next.GetRawText());
        }

        await node.PublishAsync("topics/load", "\"live\"");
        Assert.Equal(Missed + 1, (await NextAsync(client, buffer)).GetProperty("offset").GetInt64());
    }

    [Theory]
    [InlineData(false, "topics/load")]
    [InlineData(true, "topics/load")]
    [InlineData(true, "topics/load,topics/other")]
    public async Task An_event_stream_gets_all_it_missed(bool tls, string channels)
    {
        using var certificate = new TestCertificate();
        await using var node = await StartAsync(tls, certificate);
        var epoch = await FillAsync(node);
        using var stream = await node.OpenAsync("channels=" + channels, channels == "topics/load" ? $"{epoch}:1" : $"{epoch}:1,-");
        var (offset, recovered) = (1L, 0);
        while (offset < Missed)
        {
            var next = await stream.Reader.ReadAsync();
            Assert.NotNull(next);
            if (next.Type == "subscribed")
            {
                recovered += next.Json.TryGetProperty("recovered", out var told) && told.GetBoolean() ? 1 : 0;
                continue;
            }

            Assert.Equal(("message", ++offset), (next.Type, next.Number("offset")));
        }

        Assert.Equal(1, recovered);
        await node.PublishAsync("topics/load", "\"live\"");
        Assert.Equal(Missed + 1, (await stream.Reader.ReadAsync("message")).Number("offset"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_event_stream_nobody_reads_ends(bool tls)
    {
        using var certificate = new TestCertificate();
        await using var node = await StartAsync(tls, certificate, "Dialects:relay:PingInterval=1s", "Dialects:relay:IdleTimeout=3s");
        var epoch = await FillAsync(node);
        using var stream = await node.OpenAsync("channels=topics/load", $"{epoch}:1");
        await node.SubscribersAsync("topics/load", 1);

        // Kernels keep at most some megabytes of the 16 it missed, the client's reader a buffer.
        await node.SubscribersAsync("topics/load", 0);
    }

    private static Task<StreamNode> StartAsync(bool tls, TestCertificate certificate, params string[] settings)
    {
        string[] all = ["Namespaces:topics:HistoryLength=100000", "Namespaces:topics:HistoryAge=1h", .. settings];
        return tls ? StreamNode.StartTlsAsync(certificate, http2: false, all) : StreamNode.StartAsync(all);
    }

    /// <summary>Publishes what will be missed; the channel's epoch.</summary>
    private static async Task<string> FillAsync(StreamNode node)
    {
        using var client = await ConnectAsync(node);
        var buffer = new byte[64 * 1024];
        var items = string.Join(',', Enumerable.Repeat($$"""{"channel":"topics/load","event":"e","data":"{{Data}}"}""", Batch));
        var epoch = "";
        for (var n = 0; n < Missed / Batch; n++)
        {
            await SendAsync(client, $$"""{"type":"publish_batch","id":"{{n}}","items":[{{items}}]}""");
            var ack = await NextAsync(client, buffer);
            Assert.True(ack.GetProperty("success").GetBoolean(), ack.GetRawText());
            epoch = ack.GetProperty("results")[0].GetProperty("epoch").GetString()!;
        }

        return epoch;
    }

    private static async Task<ClientWebSocket> ConnectAsync(StreamNode node)
    {
        var client = new ClientWebSocket();
        client.Options.AddSubProtocol("relay.v1");
        client.Options.RemoteCertificateValidationCallback = TestCertificate.Trusts;
        using var limit = new CancellationTokenSource(Eventually.DefaultBound, TimeProvider.System);
        await client.ConnectAsync(new UriBuilder(new Uri(node.Main, "/relay")) { Scheme = node.Main.Scheme == "https" ? "wss" : "ws" }.Uri, limit.Token);
        Assert.Equal("connected", (await NextAsync(client, new byte[4096])).GetProperty("type").GetString());
        return client;
    }

    private static async Task SendAsync(ClientWebSocket client, string text)
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound, TimeProvider.System);
        await client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
    }

    private static async Task<JsonElement> NextAsync(ClientWebSocket client, byte[] buffer)
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound, TimeProvider.System);
        var count = 0;
        while (true)
        {
            var read = await client.ReceiveAsync(buffer.AsMemory(count), limit.Token);
            Assert.True(read.MessageType == WebSocketMessageType.Text, $"Closed: {client.CloseStatus} {client.CloseStatusDescription}");
            count += read.Count;
            if (read.EndOfMessage)
            {
                using var document = JsonDocument.Parse(buffer.AsMemory(0, count));
                return document.RootElement.Clone();
            }
        }
    }
}
