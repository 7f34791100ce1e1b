using Relay.Node.Tests.Support;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.WebSockets;

/// <summary>Opening handshakes on a plain listener, good and bad, over a raw socket (reliability.md §1.4 and §3, S1, S15, S17-S19).</summary>
public abstract class HandshakeTests(int? eventLoops) : SocketTests(eventLoops)
{
    private const string Good = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

    [Fact]
    public async Task The_answer_has_the_accept_value_and_nothing_that_was_not_asked_for()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/ws"));
        Assert.Equal(
            $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {RawClient.Accept}\r\n\r\n",
            await client.ReadHeadAsync());
    }

    [Fact]
    public async Task What_the_client_brings_reaches_the_relay()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay?agent_id=a1&session_id=s1", "Sec-WebSocket-Protocol: x, relay.v1", "Sec-WebSocket-Extensions: permessage-deflate");
        var request = (await node.Factory.NextAsync()).Request;
        Assert.Equal(DialectKind.Relay, request.Dialect.Profile.Kind);
        Assert.Equal(("test", "a1", "s1", true), (request.Listener, request.AgentId, request.SessionId, request.Deflate));
        Assert.StartsWith("127.0.0.1:", request.RemoteAddress, StringComparison.Ordinal);
        Assert.False(request.Principal.IsAuthenticated);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Protocol: x, relay.v1", "Sec-WebSocket-Protocol: relay.v1\r\n", true)]
    [InlineData("Sec-WebSocket-Protocol: x, y", "Sec-WebSocket-Protocol", false)]
    [InlineData("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "server_no_context_takeover; client_no_context_takeover", true)]
    [InlineData("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99", "Sec-WebSocket-Extensions", false)]
    [InlineData("Sec-WebSocket-Extensions: x-webkit-deflate-frame", "Sec-WebSocket-Extensions", false)]
    public async Task Only_what_is_agreed_on_is_answered(string header, string text, bool present)
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/ws", header));
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.Equal(present, head.Contains(text, StringComparison.Ordinal));
    }

    public static TheoryData<string, string> BadHandshakes { get; } = new()
    {
        { "GET /ws HTTP/1.0\r\n" + Good + "\r\n", "400" },
        { "GET /ws HTTP/1.1\n" + Good.Replace("\r\n", "\n", StringComparison.Ordinal) + "\n", "400" },
        { "POST /ws HTTP/1.1\r\n" + Good + "\r\n", "405" },
        { "GET /ws HTTP/1.1\r\n" + Good.Replace("Version: 13", "Version: 8", StringComparison.Ordinal) + "\r\n", "426" },
        { "GET /ws HTTP/1.1\r\n" + Good.Replace("Sec-WebSocket-Version: 13\r\n", "", StringComparison.Ordinal) + "\r\n", "426" },
        { "GET /ws HTTP/1.1\r\n" + Good.Replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", StringComparison.Ordinal) + "\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Host: other\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good.Replace("Host: h\r\n", "", StringComparison.Ordinal) + "\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "X: a\r\n folded\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "X: a\0b\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Sec-WebSocket-Protocol: b" + new string(' ', 4000) + "x y\r\n\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Sec-WebSocket-Extensions: " + new string('"', 4001) + "\r\n\r\n", "400" },
        { "GET /ws%zz HTTP/1.1\r\n" + Good + "\r\n", "400" },
        { "GET /nowhere HTTP/1.1\r\n" + Good + "\r\n", "404" },
        { "GET /ws?userId= HTTP/1.1\r\n" + Good + "\r\n", "401" },
        { "GET /ws?project_id=1 HTTP/1.1\r\n" + Good + "\r\n", "400" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Origin: http://evil.example\r\n\r\n", "403" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Origin: null\r\n\r\n", "403" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Authorization: Bearer wrong\r\n\r\n", "401" },
        { "GET /ws HTTP/1.1\r\n" + Good + "Sec-WebSocket-Protocol: relay.token.wrong\r\n\r\n", "401" },
        { "GET /ws HTTP/1.1\r\n" + Good + "X: " + new string('x', 40_000) + "\r\n\r\n", "431" },
        { "GET /ws HTTP/1.1\r\n" + Good + string.Concat(Enumerable.Repeat("X: y\r\n", 200)) + "\r\n", "431" },
        { "GET /ws?" + new string('x', 100_000) + " HTTP/1.1\r\n" + Good + "\r\n", "414" },
        { "GARBAGE\r\n\r\n", "400" },
        { "\u0016\u0003\u0001\u0002\0\u0001\0\u0001", "400" },
    };

    [Theory]
    [MemberData(nameof(BadHandshakes))]
    public async Task A_bad_handshake_gets_its_status_and_a_regular_end(string request, string status)
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendUntilRefusedAsync(System.Text.Encoding.Latin1.GetBytes(request));
        var (answer, _) = await client.ReadToEndAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        client.Dispose();
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task A_version_that_is_not_spoken_is_answered_with_the_one_that_is()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/ws").Replace("Version: 13", "Version: 25", StringComparison.Ordinal));
        Assert.Contains("Sec-WebSocket-Version: 13\r\n", (await client.ReadToEndAsync()).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET /w")]
    [InlineData("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n")]
    public async Task A_head_that_does_not_come_in_time_is_answered_with_408(string begun)
    {
        await using var node = await StartAsync(TestNode.Options with { HandshakeTimeout = TimeSpan.FromMilliseconds(100) });
        using var client = await node.ConnectAsync();
        await client.SendAsync(begun);
        var (answer, ending) = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Equal(Ending.Fin, ending);
        client.Dispose();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_dribbled_head_is_served_within_the_deadline_and_frames_may_follow_in_the_same_packet()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        var head = System.Text.Encoding.Latin1.GetBytes(RawClient.Upgrade("/echo"));
        foreach (var part in head[..^1])
        {
            await client.SendAsync(new[] { part });
        }

        await client.SendAsync((byte[])[head[^1], .. RawClient.Text("one"), .. RawClient.Text("two")]);
        await client.ReadHeadAsync();
        Assert.Equal("one", await client.ReadTextAsync());
        Assert.Equal("two", await client.ReadTextAsync());
    }

    [Fact]
    public async Task A_request_behind_an_upgrade_is_read_as_frames()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/echo") + "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        await client.ReadHeadAsync();
        Assert.Equal(CloseCode.ProtocolError, await client.ReadCloseCodeAsync());
        var (rest, ending) = await client.ReadToEndAsync();
        Assert.Equal(("", Ending.Fin), (rest, ending));
    }

    [Fact]
    public async Task Plain_requests_are_served_on_the_same_port_and_know_their_listener()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: h\r\n\r\nPOST /size HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        var (answers, ending) = await client.ReadToEndAsync();
        Assert.Equal(4, answers.Split("HTTP/1.1 200 ").Length);
        Assert.Equal(3, answers.Split("hello from test").Length);
        Assert.Equal(Ending.Fin, ending);
    }

    [Fact]
    public async Task A_body_sent_in_pieces_passes_through_unharmed()
    {
        await using var node = await StartAsync();
        using var http = new HttpClient { BaseAddress = node.Url };
        using var content = new ByteArrayContent(new byte[3_000_000]);
        using var answer = await http.PostAsync("/size", content);
        Assert.Equal("3000000", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task An_upgrade_may_follow_plain_requests_on_a_kept_connection()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync(RawClient.Upgrade("/echo", "Sec-WebSocket-Extensions: permessage-deflate"));
        string head;
        do
        {
            head = await client.ReadHeadAsync();
        }
        while (!head.Contains("101 Switching", StringComparison.Ordinal));
        Assert.Contains($"Sec-WebSocket-Accept: {RawClient.Accept}", head, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Extensions: permessage-deflate", head, StringComparison.Ordinal);
        await client.SendAsync(RawClient.Text("late"));
        Assert.Equal("late", await client.ReadTextAsync());
        await client.SendAsync(RawClient.Close(1000));
        Assert.Equal(1000, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        client.Dispose();
        await node.WhenIdleAsync();
    }

    [Theory]
    [InlineData("/nowhere", 404)]
    [InlineData("/ws?userId=", 401)]
    public async Task A_refusal_on_a_kept_connection_says_the_same(string target, int status)
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        await client.ReadHeadAsync();
        await client.SendAsync(RawClient.Upgrade(target));
        var (rest, ending) = await client.ReadToEndAsync();
        Assert.Contains($"HTTP/1.1 {status} ", rest, StringComparison.Ordinal);
        Assert.Equal(Ending.Fin, ending);
    }

    [Fact]
    public async Task A_leaving_node_refuses_upgrades_and_still_answers_requests()
    {
        await using var node = await StartAsync();
        node.Gate.IsDraining = true;
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/ws"));
        var (answer, _) = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.Contains("Retry-After: 1\r\n", answer, StringComparison.Ordinal);
        using var http = new HttpClient { BaseAddress = node.Url };
        Assert.Equal("hello from test", await http.GetStringAsync("/hello"));
    }

    [Theory]
    [InlineData("/ws?userId=u", null, 401)]
    [InlineData("/relay", null, 401)]
    [InlineData("/ws?userId=user-7", "Authorization: Bearer good-token", 101)]
    [InlineData("/ws?userId=somebody-else", "Authorization: Bearer good-token", 403)]
    [InlineData("/ws?userId=user-7&token=good-token", null, 401)]
    [InlineData("/relay?access_token=good-token", null, 401)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token.good-token", 101)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.token.good-token, relay.v1", 101)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token64.Z29vZC10b2tlbg", 101)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token64.Z29vZC10b2tlbg=", 401)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token64.!!!", 401)]
    [InlineData("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token.bad-token", 401)]
    [InlineData("/ws?userId=user-8", "Sec-WebSocket-Protocol: relay.updates, relay.token.good-token", 403)]
    [InlineData("/ws?userId=u", "Cookie: token=good-token", 401)]
    [InlineData("/", "Sec-WebSocket-Protocol: relay.context", 101)]
    public async Task Where_credentials_are_required_only_context_clients_may_bring_them_later(string target, string? header, int status)
    {
        await using var node = await StartAsync(authenticator: new TestAuthenticator { IsRequired = true });
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade(target, header is null ? [] : [header]));
        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verified_token_makes_the_principal()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/ws", "Authorization: Bearer good-token");
        var request = (await node.Factory.NextAsync()).Request;
        Assert.Equal(("user-7", "user-7", true), (request.UserId, request.Principal.Subject, request.Principal.IsAuthenticated));
    }

    [Fact]
    public async Task A_handshake_cut_at_any_byte_leaves_nothing_behind()
    {
        await using var node = await StartAsync();
        var head = System.Text.Encoding.Latin1.GetBytes(RawClient.Upgrade("/echo", "Origin: http://localhost"));
        for (var cut = 0; cut < head.Length; cut++)
        {
            using var client = await node.ConnectAsync();
            await client.SendAsync(head.AsMemory(0, cut));
            if (cut % 2 == 0)
            {
                client.Reset();
            }
        }

        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }
}

public sealed class HandshakeOnEventLoopsTests() : HandshakeTests(OnLoops);

public sealed class HandshakeOnKestrelTests() : HandshakeTests(OnKestrel);
