using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.Configuration.Live;

/// <summary>The program, whose files change while it runs.</summary>
public sealed class ReloadProcessTests
{
    private const string First = "first-key-0123456789abcdef";
    private const string Second = "second-key-0123456789abcdef";
    private const string Third = "third-key-0123456789abcdef";

    private static readonly string[] OneListener = ["--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", "--Relay:Reload:Interval=100ms"];

    [Fact]
    public async Task A_changed_file_takes_effect_and_a_broken_one_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "https://a.example.com", "", First, Second);
        await using var node = new NodeProcess(["--Relay:Listeners:main:Url=http://127.0.0.1:0", .. OneListener], folder.Path);
        var main = await node.AddressAsync("main");
        await node.SaysAsync("ready");
        using var http = new HttpClient { BaseAddress = main };
        using var standing = await ConnectAsync(main, Second);
        using var kept = await ConnectAsync(main, First);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, Third));

        Write(folder, "https://b.example.com", "\"Namespaces\": { \"topics\": { \"HistoryLength\": 3, \"Presence\": false } }, \"Cluster\": { \"Name\": \"later\" },", First, Third);
        Assert.Contains("Relay:Namespaces:topics:HistoryLength", await node.SaysAsync("in force now"), StringComparison.Ordinal);
        Assert.Contains("Relay:Cluster:Name", await node.SaysAsync("needs a restart"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, Third));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, Second));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, First, "https://b.example.com"));
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(http, First, "https://a.example.com"));
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(http, First, path: "/api/v1/presence?channel=topics/a"));

        // Whose key is gone is cut off; who is the same still goes on.
        Assert.Equal((WebSocketCloseStatus)4401, await CloseStatusAsync(standing));
        Assert.Equal(WebSocketState.Open, kept.State);

        // The channels' history, five events long, holds three of them.
        for (var i = 0; i < 5; i++)
        {
            using var content = new StringContent($$"""{"channel":"topics/a","event":"e","data":{{i}}}""", Encoding.UTF8, "application/json");
            using var publish = new HttpRequestMessage(HttpMethod.Post, "/api/v1/publish") { Content = content, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", First) } };
            using var answer = await http.SendAsync(publish);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        using var history = new HttpRequestMessage(HttpMethod.Get, "/api/v1/history?channel=topics/a&limit=100") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", First) } };
        using var stored = await http.SendAsync(history);
        Assert.Equal(3, (await stored.Content.ReadAsStringAsync()).Split("\"offset\":").Length - 1 - (stored.IsSuccessStatusCode ? 1 : 0));

        Write(folder, "https://c.example.com", "\"Limits\": { \"UnsentBytes\": \"lots\" },", First, "short");
        var refused = await node.SaysAsync("refused as a whole");
        Assert.All(["Relay:Limits:UnsentBytes", "Relay:Auth:ApiKeys:1:Key"], key => Assert.Contains(key, refused, StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, Third, "https://b.example.com"));
        Assert.DoesNotContain(node.Output, static line => line.Contains("-0123456789abcdef", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_signal_reads_certificates_at_once_and_a_client_certificate_opens_the_API()
    {
        using var authority = new TestAuthority();
        using var clients = new TestAuthority();
        using var first = authority.Server("first");
        using var second = authority.Server("second");
        using var operations = clients.Client("operations");
        var files = authority.WritePem(first);
        await using var node = new NodeProcess(
        [
            "--Relay:Listeners:main:Url=https://127.0.0.1:0", "--Relay:Listeners:main:Tls:Certificate=" + files.Certificate, "--Relay:Listeners:main:Tls:Key=" + files.Key,
            "--Relay:Listeners:main:Tls:ClientCertificate=optional", "--Relay:Listeners:main:Tls:ClientCa=" + clients.ChainFile, "--Relay:Listeners:main:Tls:ClientRights=admin,subscribe",
            "--Relay:Auth:Required=true", .. OneListener[..2], "--Relay:Reload:Interval=0s",
        ]);
        var main = await node.AddressAsync("main");
        await node.SaysAsync("ready");
        using (var nobody = Client(main, null, "CN=first"))
        using (var holder = Client(main, operations, "CN=first"))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(nobody, null, path: "/api/v1/revocations"));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(holder, null, path: "/api/v1/revocations"));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(holder, null));

            // A browser would show it for a foreign page as well; and what its right does not name stays closed.
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(holder, null, "https://evil.example", "/api/v1/revocations"));
            using var content = new StringContent("{}");
            using var answer = await holder.PostAsync("/api/v1/publish", content);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }

        _ = authority.WritePem(second);
        await node.SignalAsync("HUP");
        Assert.Contains("CN=second", await node.SaysAsync("new handshakes take"), StringComparison.Ordinal);
        using (var fresh = Client(main, operations, "CN=second"))
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(fresh, null));
        }

        await node.SignalAsync("TERM");
        Assert.Equal(0, await node.ExitAsync());
    }

    private static void Write(TemporaryFolder folder, string origin, string more, params string[] keys)
    {
        var list = string.Join(", ", keys.Select(static (key, i) => $"{{ \"Name\": \"{key[..5].TrimEnd('-')}\", \"Key\": \"{key}\" }}"));
        folder.Write("appsettings.json", $"{{ \"Relay\": {{ {more} \"Auth\": {{ \"Required\": true, \"Origins\": [\"{origin}\"], \"ApiKeys\": [ {list} ] }} }} }}");
    }

    private static HttpClient Client(Uri main, X509Certificate2? own, string expected)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => string.Equals(certificate?.Subject, expected, StringComparison.Ordinal);
        handler.SslOptions.ClientCertificates = own is null ? null : [own];
        return new HttpClient(handler) { BaseAddress = main };
    }

    private static async Task<HttpStatusCode> AskAsync(HttpClient http, string? key, string? origin = null, string path = "/api/v1/channels")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<ClientWebSocket> ConnectAsync(Uri main, string key)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("relay.v1");
        socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        await socket.ConnectAsync(new Uri($"ws://{main.Authority}/relay"), limit.Token);
        return socket;
    }

    private static async Task<WebSocketCloseStatus?> CloseStatusAsync(ClientWebSocket socket)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var buffer = new byte[4096];
        while ((await socket.ReceiveAsync(buffer, limit.Token)).MessageType != WebSocketMessageType.Close)
        {
        }

        return socket.CloseStatus;
    }
}
