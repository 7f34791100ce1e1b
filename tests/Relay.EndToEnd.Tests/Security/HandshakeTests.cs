using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Relay.Testing;
using static Relay.EndToEnd.Tests.Security.Attack;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S14, S15, S17 to S19, S34, S36, S37: before and around the handshake (docs/security-tests.md).</summary>
[Collection(HostileCollection.Name)]
public sealed class HandshakeTests(HostileNode hostile)
{
    private readonly NodeProcess _node = hostile.Process;

    /// <summary>S14: the tests and the node run on the same runtime; StartupChecks warns of an older one.</summary>
    [Fact]
    public void S14_The_runtime_has_no_known_holes_in_its_WebSockets()
    {
        Assert.True(Environment.Version >= new Version(10, 0, 11), $"runtime {Environment.Version}");
        Assert.DoesNotContain("has known holes", _node.Log, StringComparison.Ordinal);
    }

    /// <summary>S15.</summary>
    [Fact]
    public async Task S15_Slow_and_half_handshakes_are_cut_while_others_come_in()
    {
        var watch = await hostile.WatchAsync();
        var half = RawSocket.Upgrade("/relay", Bearer(HostileNode.ServiceKey));
        await ManyAsync(TestLength.Of(300, 5000), async i =>
        {
            using var socket = await RawSocket.ConnectAsync(_node.Port("main"));

            // Silent; a part of the request line; a part of the head. Cut by the node within Limits:HandshakeTimeout, with or without a word.
            await socket.TrySendAsync(Encoding.Latin1.GetBytes(half[..(i % 3 == 0 ? 0 : i % 3 == 1 ? 9 : half.Length - 2)]));
            if (i == 0)
            {
                await using var client = await _node.NativeAsync(HostileNode.ServiceKey);
                await client.AssertAnswersAsync();
            }

            var answer = Encoding.Latin1.GetString(await socket.ToEndAsync());
            Assert.True(answer.Length == 0 || StatusOf(answer) == 408, answer);
        });

        // A byte at a time is no progress.
        using (var dribble = await RawSocket.ConnectAsync(_node.Port("main")))
        {
            var ended = dribble.ToEndAsync();
            for (var i = 0; i < 100 && !ended.IsCompleted; i++)
            {
                await dribble.TrySendAsync("G"u8.ToArray());
                await Task.WhenAny(ended, Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System));
            }

            Assert.True(ended.IsCompleted, "a dribbled request line was waited for");
            await ended;
        }

        await watch.PassAsync();
    }

    /// <summary>S17.</summary>
    [Fact]
    public async Task S17_Heads_that_are_too_large_are_refused()
    {
        var watch = await hostile.WatchAsync(mostMiB: 32);
        var many = Enumerable.Range(0, 200).Select(static i => $"X-{i}: {i}").ToArray();
        await ManyAsync(20, async _ =>
        {
            Assert.Equal(431, await StatusAsync(_node, RawSocket.Upgrade("/relay", "X-Large: " + new string('x', 40_000))));
            Assert.Equal(431, await StatusAsync(_node, RawSocket.Upgrade("/relay", many)));
            Assert.Equal(414, await StatusAsync(_node, RawSocket.Upgrade("/" + new string('x', 100_000))));
        });
        await watch.PassAsync();
    }

    /// <summary>S18: nothing here is matched with expressions that look back; what is sent for seconds is answered at once.</summary>
    [Fact]
    public async Task S18_Headers_made_to_keep_a_parser_busy_are_answered()
    {
        var watch = await hostile.WatchAsync(mostMiB: 32);
        var key = Bearer(HostileNode.ServiceKey);
        string[] headers =
        [
            "Sec-WebSocket-Protocol: b" + new string(' ', 30_000) + "x", "Sec-WebSocket-Protocol: " + string.Join(',', Enumerable.Range(0, 10_000).Select(static i => "p" + i)),
            "Sec-WebSocket-Protocol: " + new string(',', 7000), "Sec-WebSocket-Extensions: permessage-deflate; a=" + new string('"', 16_000),
            "Sec-WebSocket-Extensions: " + string.Concat(Enumerable.Repeat("permessage-deflate;", 400)), "Sec-WebSocket-Extensions: x; y=\"" + new string('\\', 7000),
        ];
        foreach (var header in headers)
        {
            var status = await StatusAsync(_node, RawSocket.Upgrade("/relay", key, header));
            Assert.True(status is 101 or 400 or 431, $"{header[..40]}: {status}");
        }

        await watch.PassAsync();
    }

    /// <summary>S19.</summary>
    [Fact]
    public async Task S19_Requests_that_two_readers_would_read_differently_are_refused()
    {
        var watch = await hostile.WatchAsync();
        var key = Bearer(HostileNode.ServiceKey);
        var upgrade = RawSocket.Upgrade("/relay", key);
        (string What, string Request)[] ambiguous =
        [
            ("two hosts", upgrade.Replace("Host: 127.0.0.1\r\n", "Host: 127.0.0.1\r\nHost: evil.example\r\n", StringComparison.Ordinal)),
            ("no host", upgrade.Replace("Host: 127.0.0.1\r\n", "", StringComparison.Ordinal)),
            ("folded line", upgrade.Replace("Upgrade: websocket", "X-A: b\r\n c\r\nUpgrade: websocket", StringComparison.Ordinal)),
            ("NUL", upgrade.Replace("Upgrade: websocket", "X-A: \0\r\nUpgrade: websocket", StringComparison.Ordinal)),
            ("bare LF", upgrade.Replace("\r\n", "\n", StringComparison.Ordinal)),
            ("HTTP/1.0", upgrade.Replace("HTTP/1.1", "HTTP/1.0", StringComparison.Ordinal)),
            ("blank before the colon", upgrade.Replace("Host:", "Host :", StringComparison.Ordinal)),
            ("length and chunks", $"POST /api/v1/publish HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"),
            ("two lengths", $"POST /api/v1/publish HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
            ("chunk extension with a bare CR", $"POST /api/v1/publish HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: chunked\r\n\r\n2;\rxx\r\n{{}}\r\n0\r\n\r\n"),
            ("encoding that is not known", $"POST /api/v1/publish HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ];
        foreach (var (what, request) in ambiguous)
        {
            var status = await StatusAsync(_node, request);
            Assert.True(status is 400 or 501 or 505 or 426 or 0, $"{what}: {status}");
        }

        // Behind the handshake there are frames: a second request is a broken one.
        using (var socket = await OpenNativeAsync(_node))
        {
            await socket.SendAsync(Get("/api/v1/channels", key));
            Assert.Equal(1002, await socket.CloseCodeAsync());
        }

        await watch.PassAsync();
    }

    /// <summary>S34; old versions: TlsListenerTests. Renegotiation is turned off (TlsMaterial), and TLS 1.3 has none.</summary>
    [Fact]
    public async Task S34_Half_TLS_handshakes_are_cut_while_others_come_in()
    {
        var watch = await hostile.WatchAsync(mostMiB: 96);
        byte[] helloBegun = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03];
        var sockets = new List<RawSocket>();
        try
        {
            for (var i = 0; i < TestLength.Of(200, 10_000); i++)
            {
                var socket = await RawSocket.ConnectAsync(hostile.TlsPort);
                sockets.Add(socket);
                await socket.TrySendAsync(helloBegun.AsMemory(0, i % helloBegun.Length));
            }

            // Plain text, and garbage, where TLS is spoken.
            Assert.Equal(0, await StatusAsync(_node, Get("/live"), "secure"));
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", hostile.TlsPort);
            await using var stream = new SslStream(client.GetStream(), false, static (_, certificate, _, _) => certificate is not null);
            await stream.AuthenticateAsClientAsync("localhost");
            Assert.True(stream.SslProtocol is SslProtocols.Tls12 or SslProtocols.Tls13);
            await stream.WriteAsync(Encoding.Latin1.GetBytes(Get("/live")));
            using var reader = new StreamReader(stream);
            Assert.StartsWith("HTTP/1.1 200", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }
        finally
        {
            sockets.ForEach(static socket => socket.Dispose());
        }

        await watch.PassAsync();
    }

    /// <summary>S36; what proxies may say: ProxyTrustTests, ProxyListenerTests.</summary>
    [Fact]
    public async Task S36_Nobody_says_by_himself_to_come_from_elsewhere()
    {
        var watch = await hostile.WatchAsync();
        foreach (var line in new[] { "X-Forwarded-For: 203.0.113.77", "Forwarded: for=203.0.113.77;host=evil.example", "X-Real-IP: 203.0.113.77", "X-Forwarded-Host: app.example.com" })
        {
            Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", line)));
            Assert.Equal(101, await StatusAsync(_node, RawSocket.Upgrade("/relay", line, Bearer(HostileNode.ServiceKey))));

            // Nor is /metrics opened by it: what says to be forwarded needs a key.
            Assert.Equal(401, await StatusAsync(_node, Get("/metrics", line)));
        }

        Assert.Equal(403, await StatusAsync(_node, RawSocket.Upgrade("/relay", "X-Forwarded-Host: evil.example", "Origin: https://evil.example", Bearer(HostileNode.ServiceKey))));
        Assert.DoesNotContain("203.0.113.77", _node.Log, StringComparison.Ordinal);
        await watch.PassAsync();
    }

    /// <summary>S37; the same over TLS: TlsTests. That no connection is left is what the watch looks at.</summary>
    [Fact]
    public async Task S37_Clients_cut_at_any_byte_leave_nothing_behind()
    {
        var watch = await hostile.WatchAsync();
        byte[] session =
        [
            .. Encoding.Latin1.GetBytes(RawSocket.Upgrade("/relay", Bearer(HostileNode.ServiceKey), "Sec-WebSocket-Protocol: relay.v1")),
            .. RawSocket.Text("""{"type":"subscribe","channel":"topics/cut","id":"s"}"""), .. RawSocket.Text("""{"type":"publish","channel":"topics/cut","event":"e","id":"p","data":1}"""),
            .. RawSocket.Frame(Opcode.Close, [0x03, 0xE8]),
        ];
        foreach (var port in new[] { _node.Port("main"), hostile.TlsPort })
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, session.Length + 1), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (cut, _) =>
            {
                using var socket = await RawSocket.ConnectAsync(port);
                await socket.TrySendAsync(session.AsMemory(0, cut));
                if (cut % 3 == 0)
                {
                    socket.Reset();
                }
                else if (cut % 3 == 1)
                {
                    socket.HalfClose();
                    await socket.ToEndAsync();
                }
            });
        }

        await watch.PassAsync();
    }
}
