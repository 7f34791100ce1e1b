using System.Buffers;
using Relay.Protocol.Handshake;
using Relay.Protocol.Tests.WebSockets;

namespace Relay.Protocol.Tests.Handshake;

public sealed class UpgradeRequestParserTests
{
    public static TheoryData<string, string, int> Refused => new()
    {
        { "bare LF line ends", Heads.Valid.Replace("\r\n", "\n", StringComparison.Ordinal), 400 },
        { "one bare LF", Heads.With("relay.example.com\r\n", "relay.example.com\n"), 400 },
        { "bare LF at the end", Heads.Valid[..^2] + "\n", 400 },
        { "bare CR in a value", Heads.Plus("X: a\rb"), 400 },
        { "NUL in a value", Heads.Plus("X: a\0b"), 400 },
        { "NUL in a name", Heads.Plus("X\0: a"), 400 },
        { "control character in a value", Heads.Plus("X: a\u0001b"), 400 },
        { "DEL in a value", Heads.Plus("X: a\u007Fb"), 400 },
        { "NUL in the target", Heads.With("userId=u1", "userId=\0"), 400 },
        { "obs-fold", Heads.Plus("X: a", " b"), 400 },
        { "obs-fold by tab", Heads.Plus("X: a", "\tb"), 400 },
        { "fold right after the request line", Heads.With("HTTP/1.1\r\n", "HTTP/1.1\r\n X: a\r\n"), 400 },
        { "space before the colon", Heads.Plus("X : a"), 400 },
        { "space before the colon of Upgrade", Heads.With("Upgrade: websocket", "Upgrade : websocket"), 400 },
        { "space before the colon of Connection", Heads.With("Connection:", "Connection\t:"), 400 },
        { "header without a colon", Heads.Plus("X"), 400 },
        { "header without a name", Heads.Plus(": x"), 400 },
        { "header name with a space", Heads.Plus("X Y: a"), 400 },
        { "header name beyond ASCII", Heads.Plus("Ü: a"), 400 },
        { "two Host headers", Heads.Plus("Host: relay.example.com"), 400 },
        { "no Host header", Heads.With("Host: relay.example.com\r\n", string.Empty), 400 },
        { "empty Host", Heads.With("Host: relay.example.com", "Host:"), 400 },
        { "Host with a path", Heads.With("Host: relay.example.com", "Host: a/b"), 400 },
        { "Host list", Heads.With("Host: relay.example.com", "Host: a, b"), 400 },
        { "HTTP/1.0", Heads.With("HTTP/1.1", "HTTP/1.0"), 400 },
        { "HTTP/1.2", Heads.With("HTTP/1.1", "HTTP/1.2"), 400 },
        { "HTTP/2.0", Heads.With("HTTP/1.1", "HTTP/2.0"), 505 },
        { "HTTP/9.9", Heads.With("HTTP/1.1", "HTTP/9.9"), 505 },
        { "no version", Heads.With(" HTTP/1.1", string.Empty), 400 },
        { "lower-case version", Heads.With("HTTP/1.1", "http/1.1"), 400 },
        { "long version", Heads.With("HTTP/1.1", "HTTP/1.10"), 400 },
        { "two spaces in the request line", Heads.With("GET /ws", "GET  /ws"), 400 },
        { "space in the target", Heads.With("userId=u1", "userId=u 1"), 400 },
        { "target beyond ASCII", Heads.With("userId=u1", "userId=ü"), 400 },
        { "POST", Heads.With("GET", "POST"), 405 },
        { "HEAD", Heads.With("GET", "HEAD"), 405 },
        { "get", Heads.With("GET", "get"), 405 },
        { "bad method", Heads.With("GET", "G@T"), 400 },
        { "version 8", Heads.With("Version: 13", "Version: 8"), 426 },
        { "version 013", Heads.With("Version: 13", "Version: 013"), 426 },
        { "version list", Heads.With("Version: 13", "Version: 13, 8"), 426 },
        { "no version header", Heads.With("Sec-WebSocket-Version: 13\r\n", string.Empty), 426 },
        { "repeated version header", Heads.Plus("Sec-WebSocket-Version: 13"), 400 },
        { "no key", Heads.With("Sec-WebSocket-Key: " + Heads.Key + "\r\n", string.Empty), 400 },
        { "empty key", Heads.With(Heads.Key, string.Empty), 400 },
        { "repeated key", Heads.Plus("Sec-WebSocket-Key: " + Heads.Key), 400 },
        { "key of 15 bytes", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub25j"), 400 },
        { "key of 17 bytes", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub25jZWU="), 400 },
        { "key of 18 bytes", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub25jZWVl"), 400 },
        { "key that is not base64", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub2!jZQ=="), 400 },
        { "key in base64url", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub2-_ZQ=="), 400 },
        { "key with a space", Heads.With(Heads.Key, "dGhlIHNhbXBsZSBub25jZ ==") , 400 },
        { "Content-Length 5", Heads.Plus("Content-Length: 5"), 400 },
        { "Content-Length twice", Heads.Plus("Content-Length: 0", "Content-Length: 0"), 400 },
        { "Content-Length -0", Heads.Plus("Content-Length: -0"), 400 },
        { "Transfer-Encoding", Heads.Plus("Transfer-Encoding: chunked"), 400 },
        { "Content-Length and Transfer-Encoding", Heads.Plus("Content-Length: 5", "Transfer-Encoding: chunked"), 400 },
        { "broken escape in the query", Heads.With("userId=u1", "userId=%zz"), 400 },
        { "cut escape in the query", Heads.With("userId=u1", "userId=%4"), 400 },
        { "lone percent", Heads.With("userId=u1", "userId=%"), 400 },
        { "escape that is not UTF-8", Heads.With("userId=u1", "userId=%FF"), 400 },
        { "overlong escape", Heads.With("userId=u1", "userId=%C0%AF"), 400 },
        { "broken escape in the path", Heads.With("/ws?", "/w%s?"), 400 },
        { "fragment", Heads.With("userId=u1", "userId=u1#x"), 400 },
        { "target *", Heads.With("/ws?userId=u1", "*"), 400 },
        { "target without a slash", Heads.With("/ws?", "ws?"), 400 },
        { "absolute form of another host", Heads.With("/ws?", "http://evil.example.com/ws?"), 400 },
        { "absolute form of another scheme", Heads.With("/ws?", "ftp://relay.example.com/ws?"), 400 },
        { "absolute form without a path", Heads.With("/ws?userId=u1", "http://relay.example.com"), 400 },
    };

    public static TheoryData<string, string> Passed => new()
    {
        { "no Upgrade", Heads.With("Upgrade: websocket\r\n", string.Empty) },
        { "another Upgrade", Heads.With("Upgrade: websocket", "Upgrade: h2c") },
        { "longer Upgrade", Heads.With("Upgrade: websocket", "Upgrade: websockets") },
        { "no Connection", Heads.With("Connection: Upgrade\r\n", string.Empty) },
        { "Connection: close", Heads.With("Connection: Upgrade", "Connection: close") },
        { "Connection: keep-alive", Heads.With("Connection: Upgrade", "Connection: keep-alive, upgrades") },
        { "plain GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
        { "plain POST with a body", "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" },
        { "plain GET with bare LF", "GET / HTTP/1.1\nHost: a\n\n" },
        { "malformed and no upgrade", "GET / HTTP/1.1\r\nHost : a\r\n b\r\n\r\n" },
        { "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
        { "TLS on a plain port", "\x16\x03\x01\x02\x00\x01" },
        { "line end first", "\r\nGET / HTTP/1.1\r\n" },
        { "binary", "\x00\x01\x02" },
        { "long request line", "GET /" + new string('a', 9000) },
        { "long request line of an upgrade", Heads.With("/ws", "/" + new string('a', 9000)) },
        { "too many headers", Heads.Plus(Enumerable.Range(0, 96).Select(i => $"X-{i}: a").ToArray()) },
        { "head too long", Heads.Plus("X: " + new string('a', 40_000)) },
        { "unfinished head too long", Heads.Valid[..^2] + "X: " + new string('a', 40_000) },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_broken_upgrade_is_refused_with_its_status(string what, string head, int status)
    {
        Assert.True(Heads.Parse(head, out UpgradeRequest? request, out HandshakeRefusal? refusal) == UpgradeStatus.Refuse, what);
        Assert.Null(request);
        Assert.Equal(status, refusal!.Status);
        Assert.NotEmpty(refusal.Body);
    }

    [Theory]
    [MemberData(nameof(Passed))]
    public void What_is_no_upgrade_or_beyond_bounds_goes_to_the_http_pipeline(string what, string head)
    {
        Assert.True(Heads.Parse(head, out UpgradeRequest? request, out HandshakeRefusal? refusal) == UpgradeStatus.NotAnUpgrade, what);
        Assert.Null(request);
        Assert.Null(refusal);
    }

    [Theory]
    [InlineData("Upgrade: websocket", "upgrade: WebSocket")]
    [InlineData("Upgrade: websocket", "Upgrade: h2c, websocket")]
    [InlineData("Connection: Upgrade", "Connection: keep-alive, Upgrade")]
    [InlineData("Connection: Upgrade", "CONNECTION:upgrade \t")]
    [InlineData("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade")]
    [InlineData("Version: 13", "Version:13")]
    [InlineData("/ws?", "http://relay.example.com/ws?")]
    [InlineData("/ws?", "WS://RELAY.example.com/ws?")]
    [InlineData("Host: relay.example.com", "host: [::1]:8080")]
    [InlineData("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("\r\n\r\n", "\r\nX: caf\u00E9\r\nY:\r\n\r\n")]
    public void Variants_that_are_allowed_are_accepted(string old, string replacement)
    {
        UpgradeRequest request = Heads.Accepted(Heads.With(old, replacement));
        Assert.Equal("/ws", request.Path);
        Assert.True(request.TryGetQuery("userId", out string? user));
        Assert.Equal("u1", user);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Protocol: b", ' ', 30_000, "x", 400)]
    [InlineData("Sec-WebSocket-Protocol: a", ',', 30_000, "relay.v1", 0)]
    [InlineData("Sec-WebSocket-Extensions: a; b=", '"', 16_000, "", 400)]
    [InlineData("Sec-WebSocket-Extensions: ", ';', 16_000, "", 400)]
    public void Headers_made_to_cost_time_end_in_a_verdict(string before, char filler, int count, string after, int status)
    {
        UpgradeRequest request = Heads.Accepted(Heads.Plus(before + new string(filler, count) + after));
        Assert.Equal(status, HandshakeRules.Negotiate(request, ["relay.v1"], deflate: true, out _)?.Status ?? 0);
    }

    [Fact]
    public void Bytes_after_the_head_are_left_for_frames()
    {
        string pipelined = Heads.Valid + "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
        Assert.Equal(Heads.Valid.Length, Heads.Accepted(pipelined).HeadLength);
    }

    [Fact]
    public void The_bounds_themselves_are_allowed()
    {
        var limits = new HandshakeLimits { MaxRequestLineBytes = 28, MaxHeaders = 5, MaxHeadBytes = Heads.Valid.Length };
        Assert.Equal("GET /ws?userId=u1 HTTP/1.1\r\n".Length, limits.MaxRequestLineBytes);
        Assert.Equal(UpgradeStatus.Upgrade, Status(limits));
        Assert.Equal(UpgradeStatus.NotAnUpgrade, Status(limits with { MaxRequestLineBytes = 27 }));
        Assert.Equal(UpgradeStatus.NotAnUpgrade, Status(limits with { MaxHeaders = 4 }));
        Assert.Equal(UpgradeStatus.NotAnUpgrade, Status(limits with { MaxHeadBytes = Heads.Valid.Length - 1 }));
        Assert.Equal(UpgradeStatus.Upgrade, Status(limits with { MaxHeaders = 1000 }));

        static UpgradeStatus Status(HandshakeLimits limits)
        {
            var parser = new UpgradeRequestParser(limits);
            return parser.Parse(Heads.Bytes(Heads.Valid), out _, out _);
        }
    }

    [Fact]
    public void Every_split_position_needs_more_data_and_then_gives_the_same_request()
    {
        byte[] head = Heads.Bytes(Heads.Valid);
        for (int cut = 0; cut < head.Length; cut++)
        {
            var parser = new UpgradeRequestParser(HandshakeLimits.Default);
            Assert.Equal(UpgradeStatus.NeedMoreData, parser.Parse(head.AsSpan(0, cut), out _, out _));
            Assert.Equal(UpgradeStatus.Upgrade, parser.Parse(Wire.Segments(head, cut, Math.Min(cut + 1, head.Length)), out UpgradeRequest? request, out _));
            Assert.Equal("/ws", request!.Path);
            Assert.Equal(head.Length, request.HeadLength);
        }
    }

    [Fact]
    public void Byte_by_byte_the_verdict_comes_with_the_last_byte()
    {
        foreach (string text in new[] { Heads.Valid, Heads.Valid.Replace("\r\n", "\n", StringComparison.Ordinal), "GET / HTTP/1.1\r\n\r\n" })
        {
            byte[] head = Heads.Bytes(text);
            var parser = new UpgradeRequestParser(HandshakeLimits.Default);
            for (int length = 0; length < head.Length; length++)
            {
                Assert.Equal(UpgradeStatus.NeedMoreData, parser.Parse(head.AsSpan(0, length), out _, out _));
            }

            Assert.Equal(Heads.Parse(text, out _, out _), parser.Parse(head, out _, out _));
        }
    }

    [Fact]
    public void A_request_outlives_the_buffer_it_was_read_from()
    {
        byte[] head = Heads.Bytes(Heads.Valid);
        var parser = new UpgradeRequestParser(HandshakeLimits.Default);
        parser.Parse(head, out UpgradeRequest? request, out _);
        head.AsSpan().Clear();
        Assert.Equal("relay.example.com", request!.Host);
        Assert.Equal(Heads.Key, request.Key);
    }

    [Fact]
    public void What_is_no_upgrade_costs_no_memory()
    {
        byte[] head = Heads.Bytes("GET /live HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
        Assert.Equal(UpgradeStatus.NotAnUpgrade, Status(head));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Status(head);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);

        static UpgradeStatus Status(byte[] head)
        {
            var parser = new UpgradeRequestParser(HandshakeLimits.Default);
            return parser.Parse(head, out _, out _);
        }
    }
}
