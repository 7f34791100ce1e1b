using System.Net;
using System.Net.Sockets;
using Relay.Node.Proxies;
using Relay.Node.Tests.Support;
using Relay.Node.WebSockets;

namespace Relay.Node.Tests.Proxies;

public sealed class ProxyListenerOnLoopsTests() : ProxyListenerTests(OnLoops);

public sealed class ProxyListenerOnKestrelTests() : ProxyListenerTests(OnKestrel);

/// <summary>The node behind proxies, on real sockets.</summary>
public abstract class ProxyListenerTests(int? eventLoops) : SocketTests(eventLoops)
{
    private const string Line = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n";

    private static readonly WebSocketServerOptions BehindProxies =
        TestNode.Options with { Proxies = new ProxyTrust([IPNetwork.Parse("127.0.0.0/8")], ForwardedBy.XForwarded) };

    [Fact]
    public async Task A_WebSocket_behind_the_PROXY_protocol_has_the_clients_address()
    {
        await using var node = await StartAsync(BehindProxies, proxyProtocol: true);
        foreach (var header in new[] { Line, System.Text.Encoding.Latin1.GetString(ProxyHeaderTests.Version2(0x21, 0x11, [192, 0, 2, 7, 127, 0, 0, 1, 0x12, 0x67, 0, 80])) })
        {
            using var client = await node.ConnectAsync();
            await client.SendAsync(header + RawClient.Upgrade("/ws"));
            Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
            Assert.Equal("192.0.2.7:4711", (await node.Factory.NextAsync()).Request.RemoteAddress);
        }
    }

    [Fact]
    public async Task The_header_may_come_in_pieces_and_apart_from_what_follows()
    {
        await using var node = await StartAsync(BehindProxies, proxyProtocol: true);
        using var client = await node.ConnectAsync();
        foreach (var piece in new[] { "PROX", Line[4..20], Line[20..], RawClient.Upgrade("/ws") })
        {
            await client.SendAsync(piece);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }

        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("192.0.2.7:4711", (await node.Factory.NextAsync()).Request.RemoteAddress);
    }

    [Fact]
    public async Task A_plain_request_behind_the_PROXY_protocol_has_it_as_well()
    {
        await using var node = await StartAsync(BehindProxies, proxyProtocol: true);
        using var client = await node.ConnectAsync();
        await client.SendAsync(Line + "GET /client HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        var (answer, _) = await client.ReadToEndAsync();
        Assert.Contains("192.0.2.7 http h", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_its_own_connection_the_proxy_is_the_client()
    {
        await using var node = await StartAsync(BehindProxies, proxyProtocol: true);
        using var client = await node.ConnectAsync();
        await client.SendAsync("PROXY UNKNOWN\r\n" + RawClient.Upgrade("/ws"));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.StartsWith("127.0.0.1:", (await node.Factory.NextAsync()).Request.RemoteAddress, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PROXY TCP4 nonsense\r\n")]
    public async Task Who_does_not_begin_with_a_header_is_dropped_without_an_answer(string header)
    {
        await using var node = await StartAsync(BehindProxies, proxyProtocol: true);
        using var client = await node.ConnectAsync();
        await client.SendAsync(header + RawClient.Upgrade("/ws"));
        var (answer, _) = await client.ReadToEndAsync();
        Assert.Equal("", answer);
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task Who_is_no_proxy_is_dropped_whatever_it_says()
    {
        await using var node = await StartAsync(
            BehindProxies with { Proxies = new ProxyTrust([IPNetwork.Parse("10.0.0.0/8")], ForwardedBy.XForwarded) }, proxyProtocol: true);
        var answer = "";
        try
        {
            using var client = await node.ConnectAsync();
            await client.SendAsync(Line + RawClient.Upgrade("/ws"));
            (answer, _) = await client.ReadToEndAsync();
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            // It was dropped before it said anything, or before it knew that it was connected.
        }

        Assert.Equal("", answer);
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task What_a_trusted_proxy_forwards_is_believed_and_what_a_stranger_writes_is_not()
    {
        const string Forwarded = "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\n";
        foreach (var (options, address, seen) in new[]
        {
            (BehindProxies, "192.0.2.7", "192.0.2.7 https app.example.com"),
            (TestNode.Options, "127.0.0.1", "127.0.0.1 http h"),
        })
        {
            await using var node = await StartAsync(options);
            using var upgrade = await node.OpenAsync("/ws", Forwarded.TrimEnd('\n').TrimEnd('\r'));
            Assert.StartsWith(address, (await node.Factory.NextAsync()).Request.RemoteAddress, StringComparison.Ordinal);
            using var client = await node.ConnectAsync();
            await client.SendAsync("GET /client HTTP/1.1\r\nHost: h\r\n" + Forwarded + "Connection: close\r\n\r\n");
            Assert.Contains(seen, (await client.ReadToEndAsync()).Item1, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_page_behind_a_proxy_is_of_the_host_the_proxy_was_asked_for()
    {
        await using var node = await StartAsync(BehindProxies);
        foreach (var (host, status) in new[] { ("app.example.com", 101), ("other.example.com", 403) })
        {
            using var client = await node.ConnectAsync();
            await client.SendAsync(RawClient.Upgrade("/ws", "Origin: https://app.example.com", "X-Forwarded-Host: " + host));
            Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_host_that_is_not_listed_is_refused_by_every_door()
    {
        await using var node = await StartAsync(TestNode.Options with { AllowedHosts = ["relay.example.com"] });
        foreach (var (request, status) in new[]
        {
            (RawClient.Upgrade("/ws").Replace("127.0.0.1", "rebound.example", StringComparison.Ordinal), 400),
            (RawClient.Upgrade("/ws", "Origin: http://rebound.example").Replace("127.0.0.1", "rebound.example", StringComparison.Ordinal), 400),
            ("GET /hello HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n", 400),
            (RawClient.Upgrade("/ws").Replace("127.0.0.1", "relay.example.com:8080", StringComparison.Ordinal), 101),
            ("GET /hello HTTP/1.1\r\nHost: RELAY.example.com\r\nConnection: close\r\n\r\n", 200),
        })
        {
            using var client = await node.ConnectAsync();
            await client.SendAsync(request);
            Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
    }
}
