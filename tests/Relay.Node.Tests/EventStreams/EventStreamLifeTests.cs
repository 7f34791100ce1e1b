using System.Net;
using System.Text;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.EventStreams;

/// <summary>Event streams at their bounds and to their end: who may, how many, how slow, and the node's stop.</summary>
public sealed class EventStreamLifeTests
{
    private const string Key = "a key of more than sixteen characters";
    private const string PublisherKey = "another key of more than sixteen characters";

    private static readonly string Padding = new('x', 8000);

    private static readonly string[] Closed =
    [
        "Auth:Required=true",
        "Auth:TokenInQuery=true",
        "Auth:ApiKeys:0:Name=reader", "Auth:ApiKeys:0:Key=" + Key,
        "Auth:ApiKeys:1:Name=writer", "Auth:ApiKeys:1:Key=" + PublisherKey, "Auth:ApiKeys:1:Rights=publish",
    ];

    [Fact]
    public async Task Where_nobody_enters_unknown_a_stream_needs_a_credential_with_the_right()
    {
        await using var node = await StreamNode.StartAsync(Closed);
        Assert.Equal(401, (await node.RefusedAsync("channels=topics/a")).Status);
        Assert.Equal(401, (await node.RefusedAsync("channels=agents/me&agent_id=me")).Status);
        Assert.Equal(401, (await node.RefusedAsync("channels=topics/a", "wrong")).Status);
        Assert.Equal(401, (await node.RefusedAsync("channels=topics/a&token=wrong")).Status);

        // Who is not let in does not learn either what else was wrong.
        Assert.Equal(401, (await node.RefusedAsync("channels=bad/x")).Status);
        var (status, body, _) = await node.RefusedAsync("channels=topics/a", PublisherKey);
        Assert.Equal((403, "NOT_AUTHORIZED"), (status, body.GetProperty("code").GetString()));

        node.Bearer = Key;
        foreach (var query in new[] { "channels=agents/any", "channels=agents/*", "channels=topics/a" })
        {
            using var stream = await node.SubscribeAsync(query);
        }

        node.Bearer = null;
        foreach (var name in new[] { "token", "access_token" })
        {
            using var stream = await node.SubscribeAsync($"channels=topics/a&{name}={Uri.EscapeDataString(Key)}");
        }
    }

    [Fact]
    public async Task A_token_in_the_url_is_never_logged()
    {
        await using var node = await StreamNode.StartAsync(
            "http",
            false,
            ["--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace", .. Closed.Select(static setting => "--Relay:" + setting)]);
        var rest = node.ExitAsync();
        var token = Uri.EscapeDataString(Key);
        using (await node.SubscribeAsync("channels=topics/a&token=" + token))
        {
            Assert.Equal(400, (await node.RefusedAsync("channels=bad/x&token=" + token)).Status);
            Assert.Equal(401, (await node.RefusedAsync("channels=topics/a&token=sesame-sesame")).Status);
            await node.TerminateAsync();
            Assert.Equal(0, await rest);
        }

        // The log says a lot, of these requests too.
        Assert.Contains("/sse", node.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(token, node.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, node.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", node.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_quiet_stream_is_kept_alive_by_comments()
    {
        await using var node = await StreamNode.StartAsync("Dialects:relay:PingInterval=1s", "Dialects:relay:IdleTimeout=2s");
        using var stream = await node.SubscribeAsync("channels=topics/a");
        await stream.Reader.CommentsAsync(4);
        await node.PublishAsync("topics/a", "1");
        await stream.Reader.ReadAsync("message");
    }

    [Fact]
    public async Task A_stream_counts_as_a_connection()
    {
        await using var node = await StreamNode.StartAsync("Limits:MaxConnections=2");
        using var first = await node.RawAsync();
        await first.SendAsync("GET /sse?channels=topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await first.ReadHeadAsync(), StringComparison.Ordinal);
        using (var second = await node.RawAsync())
        {
            await second.SendAsync("GET /sse?channels=topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200 ", await second.ReadHeadAsync(), StringComparison.Ordinal);
            using var third = await node.RawAsync();
            var refused = await third.ReadHeadAsync();
            Assert.StartsWith("HTTP/1.1 503 ", refused, StringComparison.Ordinal);
            Assert.Contains("Retry-After: 1\r\n", refused, StringComparison.Ordinal);
        }

        await Eventually503EndsAsync(node);
    }

    [Fact]
    public async Task Over_HTTP_2_every_stream_counts()
    {
        using var certificate = new TestCertificate();
        await using var node = await StreamNode.StartTlsAsync(certificate, http2: true, "Limits:MaxConnections=3");
        var streams = new List<OpenStream> { await node.SubscribeAsync("channels=topics/a"), await node.SubscribeAsync("channels=topics/a") };
        var (status, body, answer) = await node.RefusedAsync("channels=topics/a");
        Assert.Equal((503, "UNAVAILABLE"), (status, body.GetProperty("code").GetString()));
        Assert.Equal(1000, body.GetProperty("retry_after_ms").GetInt32());
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
        streams[0].Dispose();
        await node.SubscribersAsync("topics/a", 1);
        using (await node.SubscribeAsync("channels=topics/a"))
        {
            streams[1].Dispose();
        }

        await node.SubscribersAsync("topics/a", 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Over_TLS_it_is_the_same(bool http2)
    {
        using var certificate = new TestCertificate();
        await using var node = await StreamNode.StartTlsAsync(certificate, http2);
        string last;
        using (var stream = await node.SubscribeAsync("channels=topics/a,topics/b", 2))
        {
            Assert.Equal(http2 ? HttpVersion.Version20 : HttpVersion.Version11, stream.Answer.Version);
            var reading = stream.Reader.MessagesAsync(40);
            for (var n = 1; n <= 20; n++)
            {
                await node.PublishAsync("topics/a", $"\"{new string('x', n * 5000)}\"");
                await node.PublishAsync("topics/b", "1");
            }

            var seen = await reading;
            foreach (var channel in new[] { "topics/a", "topics/b" })
            {
                Assert.Equal(Enumerable.Range(1, 20).Select(static n => (long)n), seen.Where(message => message.Text("channel") == channel).Select(static message => message.Number("offset")));
            }

            last = seen[^1].LastEventId;
        }

        await node.SubscribersAsync("topics/a", 0);
        await node.PublishAsync("topics/a", "21");
        using var again = await node.OpenAsync("channels=topics/a,topics/b", last);
        var begun = new[] { await again.Reader.ReadAsync(), await again.Reader.ReadAsync(), await again.Reader.ReadAsync() };
        Assert.Equal(21, Assert.Single(begun, static one => one!.Type == "message")!.Number("offset"));
        var ended = EndAsync(again);
        await node.TerminateAsync();
        await ended;
        Assert.Equal(0, await node.ExitAsync());
    }

    [Fact]
    public async Task At_the_nodes_stop_streams_are_told_when_to_come_back_and_end_in_order()
    {
        await using var node = await StreamNode.StartAsync();
        using var one = await node.SubscribeAsync("channels=topics/a");
        using var several = await node.SubscribeAsync("channels=topics/a,topics/b", 2);
        using var pattern = await node.SubscribeAsync("channels=topics/*");
        await node.PublishAsync("topics/a", "1");
        await node.TerminateAsync();
        foreach (var stream in new[] { one, several, pattern })
        {
            await stream.Reader.ReadAsync("message");
            await EndAsync(stream);
        }

        Assert.Equal(0, await node.ExitAsync());
    }

    [Fact]
    public async Task A_slow_client_is_cut_with_the_reason_behind_whole_events_and_resumes()
    {
        // What waits beyond the bound: kernels keep up to 4 MB for a socket, Kestrel 64 KB.
        const int Events = 1500;
        await using var node = await StreamNode.StartAsync("Namespaces:topics:HistoryLength=2000", "Limits:UnsentBytes=1MB");
        using var good = await node.SubscribeAsync("channels=topics/load");
        using var slow = await node.RawAsync(receiveBuffer: 4096);
        await slow.SendAsync("GET /sse?channels=topics/load,topics/other HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        await slow.ReadHeadAsync();
        await node.SubscribersAsync("topics/load", 2);

        // At the good client's pace, so that a starved one is not taken for the slow one.
        const int Burst = 50;
        for (var published = 0; published < Events; published += Burst)
        {
            for (var n = 0; n < Burst; n++)
            {
                await node.PublishAsync("topics/load", $"\"{Padding}\"");
            }

            Assert.Equal(published + Burst, (await good.Reader.MessagesAsync(Burst))[^1].Number("offset"));
        }

        // HTTP/1.0, so that the body is the rest of the connection; it ends behind the reason, or without it when the client was too slow even for that.
        var (text, _) = await slow.ReadToEndAsync();
        var reader = new SseReader(new MemoryStream(Encoding.Latin1.GetBytes(text)));
        var expected = 0L;
        var reasons = 0;
        while (await reader.ReadAsync() is { } next)
        {
            switch (next.Type)
            {
                case "message":
                    Assert.Equal(++expected, next.Number("offset"));
                    break;
                case "reconnect":
                    Assert.Equal("Slow consumer: reconnect and resume", next.Text("reason"));
                    reasons++;
                    break;
                default:
                    Assert.Equal("subscribed", next.Type);
                    break;
            }
        }

        Assert.InRange(expected, 1, Events - 1);
        Assert.InRange(reasons, 0, 1);
        await node.SubscribersAsync("topics/load", 1);

        // What it missed is more than may wait for it, and yet comes in one stream.
        using var again = await node.OpenAsync("channels=topics/load,topics/other", reader.LastEventId);
        while (expected < Events)
        {
            var next = await again.Reader.ReadAsync();
            Assert.NotNull(next);
            Assert.NotEqual("reconnect", next.Type, StringComparer.Ordinal);
            if (next.Type == "message")
            {
                Assert.Equal(++expected, next.Number("offset"));
            }
        }
    }

    [Fact]
    public async Task Where_events_may_be_left_out_a_slow_client_is_told_of_the_gap()
    {
        const int Events = 1500;
        await using var node = await StreamNode.StartAsync("Namespaces:topics:WhenSlow=dropOldest", "Limits:UnsentBytes=256KB");
        using var slow = await node.RawAsync(receiveBuffer: 4096);
        await slow.SendAsync("GET /sse?channels=topics/load,topics/other HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        await slow.ReadHeadAsync();
        await node.SubscribersAsync("topics/load", 1);
        for (var n = 1; n <= Events; n++)
        {
            await node.PublishAsync("topics/load", $"\"{Padding}\"");
        }

        // The client reads while the node tells everyone good-bye.
        var reading = slow.ReadToEndAsync();
        await node.PublishAsync("topics/other", "1", "test.completed");
        await node.TerminateAsync();
        var (text, ending) = await reading;
        Assert.Equal(Ending.Fin, ending);
        var reader = new SseReader(new MemoryStream(Encoding.Latin1.GetBytes(text)));
        var at = 0L;
        var gaps = 0;
        while (await reader.ReadAsync() is { } next)
        {
            if (next.Type == "gap")
            {
                gaps++;
                Assert.Equal(at + 1, next.Number("from"));
                at = next.Number("to");
            }
            else if (next.Type == "message" && next.Text("channel") == "topics/load")
            {
                Assert.Equal(++at, next.Number("offset"));
                Assert.EndsWith(":" + at, next.LastEventId.Split(',')[0], StringComparison.Ordinal);
            }
        }

        Assert.Equal(Events, at);
        Assert.InRange(gaps, 1, Events);
        Assert.Equal(0, await node.ExitAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_of_a_stream_that_ended_gets_into_the_next_answer(bool http2)
    {
        // One connection serves request after request; the writers of a stream that was hung up must not reach the next one's body.
        using var certificate = new TestCertificate();
        await using var node = await StreamNode.StartTlsAsync(certificate, http2);
        using var stop = new CancellationTokenSource();
        var publishing = PublishUntilAsync(node, stop.Token);
        for (var n = 0; n < 100; n++)
        {
            using (var stream = await node.SubscribeAsync("channels=topics/busy"))
            {
                var first = await stream.Reader.ReadAsync("message");
                Assert.Equal(stream.Subscribed[0].Number("offset") + 1, first.Number("offset"));
            }

            Assert.Equal("ready", (await node.GetAsync("/page/status")).GetProperty("status").GetString());
        }

        await stop.CancelAsync();
        await publishing;
        await node.SubscribersAsync("topics/busy", 0);
    }

    private static async Task PublishUntilAsync(StreamNode node, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await node.PublishAsync("topics/busy", $"\"{Padding}\"");
        }
    }

    /// <summary>Reads the rest of a stream, which the node ends.</summary>
    private static async Task EndAsync(OpenStream stream)
    {
        var reconnect = await stream.Reader.ReadAsync("reconnect");
        Assert.Equal("shutdown", reconnect.Text("reason"));
        Assert.Equal(reconnect.Number("after_ms"), (long?)stream.Reader.Retry);
        Assert.Null(await stream.Reader.ReadAsync());
    }

    private static Task Eventually503EndsAsync(StreamNode node) => Relay.Testing.Eventually.UntilAsync(
        async () =>
        {
            using var stream = await node.SubscribeAsync("channels=topics/a");
            return true;
        },
        "room for another stream");
}
