using System.Net;
using System.Text.Json;

namespace Relay.Node.Tests.EventStreams;

/// <summary><c>GET /sse</c> as its clients see it: protocols.md, Server-Sent Events. Each test has channels of its own.</summary>
public sealed class EventStreamTests(EventStreamTests.Shared shared) : IClassFixture<EventStreamTests.Shared>
{
    private const string Unknown = "zzzzzzzz:5";

    private readonly StreamNode _node = shared.Node;

    [Fact]
    public async Task A_stream_begins_with_its_headers_the_retry_time_and_the_position()
    {
        await _node.PublishAsync("topics/begin", "1");
        using var stream = await _node.SubscribeAsync("channels=topics/begin");
        var headers = stream.Answer.Headers;
        Assert.Equal("text/event-stream", stream.Answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", headers.CacheControl!.ToString());
        Assert.Equal("no", Assert.Single(headers.GetValues("X-Accel-Buffering")));
        Assert.Null(stream.Answer.Content.Headers.ContentLength);
        Assert.Equal(2000, stream.Reader.Retry);
        var subscribed = stream.Subscribed[0];
        Assert.Equal("topics/begin", subscribed.Text("channel"));
        Assert.Equal(1, subscribed.Number("offset"));
        Assert.False(subscribed.Json.TryGetProperty("recovered", out _));
        Assert.Equal($"{subscribed.Text("epoch")}:1", subscribed.LastEventId);
    }

    [Fact]
    public async Task An_event_is_the_native_frame_under_its_position()
    {
        using var stream = await _node.SubscribeAsync("channels=topics/frame");
        await _node.PublishAsync("topics/frame", """{"b":1.0,"a":[1E400,"\u0041é"]}""", "task.created", "k1");
        var message = await stream.Reader.ReadAsync("message");
        var epoch = stream.Subscribed[0].Text("epoch");
        Assert.Matches(
            "^\\{\"id\":\"msg_" + epoch + "1\",\"channel\":\"topics/frame\",\"event\":\"task.created\",\"data\":\\{\"b\":1.0,\"a\":\\[1E400,\"\\\\u0041é\"\\]\\},\"timestamp\":\\d+,"
            + "\"epoch\":\"" + epoch + "\",\"offset\":1,\"key\":\"k1\"\\}$",
            message.Data);
        Assert.Equal(epoch + ":1", message.LastEventId);
    }

    [Fact]
    public async Task A_payload_with_line_breaks_arrives_as_one_event()
    {
        using var stream = await _node.SubscribeAsync("channels=topics/lines");
        await _node.PublishAsync("topics/lines", "{\n \"a\":\r\n[1,\r2],\n\n\"b\":\"x\\ny\"}");
        await _node.PublishAsync("topics/lines", "2");
        var data = (await stream.Reader.ReadAsync("message")).Json.GetProperty("data");
        Assert.Equal("{\n \"a\":\n[1,\n2],\n\n\"b\":\"x\\ny\"}", data.GetRawText());
        Assert.Equal(2, (await stream.Reader.ReadAsync("message")).Number("data"));
    }

    [Fact]
    public async Task Events_of_all_sizes_arrive_in_order()
    {
        using var stream = await _node.SubscribeAsync("channels=topics/order");
        var reading = stream.Reader.MessagesAsync(300);
        for (var n = 1; n <= 300; n++)
        {
            Assert.Equal(n, await _node.PublishAsync("topics/order", $"\"{new string('x', n % 50 == 0 ? 150_000 : n)}\""));
        }

        var offset = 0;
        foreach (var message in await reading)
        {
            Assert.Equal(++offset, message.Number("offset"));
            Assert.Equal(offset % 50 == 0 ? 150_000 : offset, message.Text("data")!.Length);
            Assert.EndsWith(":" + offset, message.LastEventId, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Who_comes_back_with_its_last_id_gets_exactly_what_it_missed_and_then_goes_on()
    {
        string last;
        using (var stream = await _node.SubscribeAsync("channels=topics/resume"))
        {
            await PublishAsync("topics/resume", 1, 5);
            last = (await stream.Reader.MessagesAsync(3))[^1].LastEventId;
        }

        await _node.SubscribersAsync("topics/resume", 0);
        await PublishAsync("topics/resume", 6, 9);
        using var again = await _node.SubscribeAsync("channels=topics/resume", lastEventId: last);
        Assert.True(again.Subscribed[0].Json.GetProperty("recovered").GetBoolean());
        Assert.Equal(9, again.Subscribed[0].Number("offset"));
        Assert.Equal(last, again.Subscribed[0].LastEventId);
        Assert.Equal([4, 5, 6, 7, 8, 9], (await again.Reader.MessagesAsync(6)).Select(static message => message.Number("offset")));
        await PublishAsync("topics/resume", 10, 11);
        Assert.Equal([10, 11], (await again.Reader.MessagesAsync(2)).Select(static message => message.Number("offset")));

        // A stream that was cut before its first event begins where it would have begun.
        using var cut = await _node.SubscribeAsync("channels=topics/resume&lastEventId=" + last);
        using var third = await _node.SubscribeAsync("channels=topics/resume", lastEventId: cut.Subscribed[0].LastEventId);
        Assert.Equal(4, (await third.Reader.ReadAsync("message")).Number("offset"));
    }

    [Fact]
    public async Task The_header_counts_more_than_the_url_it_came_with()
    {
        using var first = await _node.SubscribeAsync("channels=topics/header&last=5");
        var start = first.Subscribed[0].LastEventId;
        await PublishAsync("topics/header", 1, 4);
        var last = (await first.Reader.MessagesAsync(4))[2].LastEventId;
        using var since = await _node.SubscribeAsync($"channels=topics/header&since={start}&last=2");
        Assert.Equal([1, 2, 3, 4], (await since.Reader.MessagesAsync(4)).Select(static message => message.Number("offset")));
        using var header = await _node.SubscribeAsync($"channels=topics/header&since={start}&last=2", lastEventId: last);
        Assert.Equal(4, (await header.Reader.ReadAsync("message")).Number("offset"));
    }

    [Fact]
    public async Task A_stream_over_several_channels_resumes_each_of_them()
    {
        const string Query = "channels=topics/several1,topics/several2&channel=topics/several3&channel=topics/pattern/*";
        await _node.PublishAsync("topics/several3", "0");
        string last;
        using (var stream = await _node.SubscribeAsync(Query, 4))
        {
            Assert.Equal(
                ["topics/pattern/*", "topics/several1", "topics/several2", "topics/several3"],
                stream.Subscribed.Select(static subscribed => subscribed.Text("channel")!).Order(StringComparer.Ordinal),
                StringComparer.Ordinal);
            await PublishAsync("topics/several1", 1, 2);
            await _node.PublishAsync("topics/several2", "1");
            await _node.PublishAsync("topics/pattern/x", "1");
            var seen = await stream.Reader.MessagesAsync(4);
            last = seen[^1].LastEventId;
            string Position(string channel, long offset) => stream.Subscribed.Single(one => one.Text("channel") == channel).Text("epoch") + ":" + offset;
            Assert.Equal($"{Position("topics/several1", 2)},{Position("topics/several2", 1)},{Position("topics/several3", 1)},-", last);
        }

        await _node.SubscribersAsync("topics/several1", 0);
        await _node.PublishAsync("topics/several3", "2");
        await PublishAsync("topics/several1", 3, 4);
        await _node.PublishAsync("topics/pattern/x", "2");
        using var again = await _node.OpenAsync(Query, last);
        var events = new List<string>();
        var ended = new List<string>();
        while (events.Count < 3)
        {
            var next = await again.Reader.ReadAsync();
            if (next!.Type == "message")
            {
                events.Add($"{next.Text("channel")} {next.Number("offset")}");
            }
            else if (next.Json.TryGetProperty("recovered", out var recovered))
            {
                Assert.True(recovered.GetBoolean());
                ended.Add(next.Text("channel")!);
            }
        }

        Assert.Equal(["topics/several1 3", "topics/several1 4", "topics/several3 2"], events.Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_resumed_is_told()
    {
        await PublishAsync("sessions/short", 1, 2);
        string first;
        using (var stream = await _node.SubscribeAsync("channels=sessions/short"))
        {
            first = stream.Subscribed[0].LastEventId;
        }

        // The namespace keeps three events.
        await PublishAsync("sessions/short", 3, 8);
        foreach (var lost in new[] { first, Unknown })
        {
            using var stream = await _node.SubscribeAsync("channels=sessions/short", lastEventId: lost);
            Assert.False(stream.Subscribed[0].Json.GetProperty("recovered").GetBoolean());
            Assert.Equal(8, stream.Subscribed[0].Number("offset"));
            Assert.EndsWith(":8", stream.Subscribed[0].LastEventId, StringComparison.Ordinal);
        }

        using var mixed = await _node.SubscribeAsync($"channels=sessions/short,topics/kept", 2, Unknown + ",-");
        Assert.Equal(
            ["False", "none"],
            mixed.Subscribed.OrderBy(static one => one.Text("channel"), StringComparer.Ordinal)
                .Select(static one => one.Json.TryGetProperty("recovered", out var recovered) ? recovered.GetBoolean().ToString() : "none"),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_newest_events_come_first_when_asked_for()
    {
        await PublishAsync("topics/newest", 1, 6);
        using var stream = await _node.SubscribeAsync("channels=topics/newest&last=2");
        Assert.Equal(6, stream.Subscribed[0].Number("offset"));
        Assert.EndsWith(":4", stream.Subscribed[0].LastEventId, StringComparison.Ordinal);
        Assert.Equal([5, 6], (await stream.Reader.MessagesAsync(2)).Select(static message => message.Number("offset")));
    }

    [Fact]
    public async Task Only_events_asked_for_arrive()
    {
        using var stream = await _node.SubscribeAsync("channels=topics/filter&events=task.*,note.done");
        foreach (var name in new[] { "note.begun", "task.created", "other", "note.done", "task.completed" })
        {
            await _node.PublishAsync("topics/filter", "1", name);
        }

        Assert.Equal(["task.created", "note.done", "task.completed"], (await stream.Reader.MessagesAsync(3)).Select(static message => message.Text("event")!), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("channel=topics%2Fa%2Cb", "topics/a,b")]
    [InlineData("channels=topics/%C3%BC%20%F0%9F%98%80", "topics/ü 😀")]
    [InlineData("channels=topics/a+b", "topics/a b")]
    [InlineData("channels=topics/50%25%26%3D%23", "topics/50%&=#")]
    [InlineData("channels=topics/%22quoted%5C%22", "topics/\"quoted\\\"")]
    [InlineData("channels=users/u%2F1,", "users/u/1")]
    public async Task A_name_may_hold_anything(string query, string channel)
    {
        using var stream = await _node.SubscribeAsync(query);
        using var several = await _node.SubscribeAsync(query + "&channel=topics/other", 2);
        Assert.Equal(channel, stream.Subscribed[0].Text("channel"));
        await _node.PublishAsync(channel, "1");
        Assert.Equal(channel, (await stream.Reader.ReadAsync("message")).Text("channel"));
        var message = await several.Reader.ReadAsync("message");
        Assert.Equal(stream.Reader.LastEventId, message.LastEventId.Split(',')[0]);
    }

    [Theory]
    [InlineData("", 400, "INVALID_MESSAGE", "channels must name 1 to 100 channels")]
    [InlineData("channels=,", 400, "INVALID_MESSAGE", "channels must name 1 to 100 channels")]
    [InlineData("channels=topics/a,bad/x", 400, "INVALID_CHANNEL", "Invalid channel format: bad/x")]
    [InlineData("channel=", 400, "INVALID_CHANNEL", "Invalid channel format: ")]
    [InlineData("channels=agents/a*", 400, "INVALID_CHANNEL", "Invalid channel format: agents/a*")]
    [InlineData("channels=topics/%0A", 400, "INVALID_CHANNEL", "Invalid channel format: topics/\n")]
    [InlineData("channels=topics/%FF", 400, "INVALID_MESSAGE", "The query cannot be decoded")]
    [InlineData("channels=topics/a&channel=topics/a", 400, "INVALID_CHANNEL", "Channel named twice: topics/a")]
    [InlineData("channels=topics/a&last=-1", 400, "INVALID_MESSAGE", "last must be a number of events")]
    [InlineData("channels=topics/a&last=9999999999", 400, "INVALID_MESSAGE", "last must be a number of events")]
    [InlineData("channels=topics/a&events=%00", 400, "INVALID_MESSAGE", "events must be at most 256 event names or prefixes")]
    [InlineData("channels=agents/other", 403, "NOT_AUTHORIZED", "Not authorized to subscribe to this agent channel: agents/other")]
    [InlineData("channels=topics/a,agents/other&agent_id=me", 403, "NOT_AUTHORIZED", "Not authorized to subscribe to this agent channel: agents/other")]
    public async Task What_cannot_be_streamed_is_refused_with_a_status(string query, int status, string code, string text)
    {
        var (actual, body, answer) = await _node.RefusedAsync(query);
        Assert.Equal((status, code, text), (actual, body.GetProperty("code").GetString(), body.GetProperty("error").GetString()));
        Assert.Equal(status == 401 ? "Bearer" : "", answer.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("zzzzzzzz:")]
    [InlineData("zzzzzzzz:-1")]
    [InlineData("zzzzzzzz:1x")]
    [InlineData("uuuuuuuu:1")]
    [InlineData("zzzzzzzz:1,zzzzzzzz:1")]
    public async Task A_position_that_was_never_given_out_is_refused(string id)
    {
        var (status, body, _) = await _node.RefusedAsync("channels=topics/a", lastEventId: id);
        Assert.Equal((400, "INVALID_MESSAGE"), (status, body.GetProperty("code").GetString()));
        Assert.Equal(400, (await _node.RefusedAsync("channels=topics/a&since=" + id)).Status);
    }

    [Fact]
    public async Task More_channels_than_an_id_can_carry_are_refused()
    {
        var most = string.Join(',', Enumerable.Range(1, 100).Select(static n => "topics/m" + n));
        using (await _node.SubscribeAsync("channels=" + most, 100))
        {
            Assert.Equal(400, (await _node.RefusedAsync($"channels={most},topics/one")).Status);
        }
    }

    [Fact]
    public async Task An_agent_hears_its_own_channel_and_nobody_is_told_when_its_stream_ends()
    {
        using var everybody = await _node.SubscribeAsync("channels=global");
        using (var stream = await _node.SubscribeAsync("channels=agents/me&agent_id=me"))
        {
            await _node.PublishAsync("agents/me", "1");
            await stream.Reader.ReadAsync("message");
        }

        await _node.SubscribersAsync("agents/me", 0);
        await _node.PublishAsync("global", "\"next\"");
        Assert.Equal("next", (await everybody.Reader.ReadAsync("message")).Text("data"));
    }

    [Fact]
    public async Task Who_hangs_up_is_subscribed_no_more()
    {
        using var stays = await _node.SubscribeAsync("channels=topics/hangup");
        var leaves = await _node.SubscribeAsync("channels=topics/hangup,topics/hangup2", 2);
        await _node.SubscribersAsync("topics/hangup", 2);
        leaves.Dispose();
        await _node.SubscribersAsync("topics/hangup", 1);
        await _node.SubscribersAsync("topics/hangup2", 0);

        // A client that only closes its sending half has also said all it will ever say.
        using var raw = await _node.RawAsync();
        await raw.SendAsync("GET /sse?channels=topics/half HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        await raw.ReadHeadAsync();
        await _node.SubscribersAsync("topics/half", 1);
        raw.HalfClose();
        await _node.SubscribersAsync("topics/half", 0);
    }

    [Fact]
    public async Task Joins_and_leaves_are_told_to_those_who_asked()
    {
        using var first = await _node.SubscribeAsync("channels=topics/present&presence=true");
        using (await _node.SubscribeAsync("channels=topics/present&presence=true"))
        {
            Assert.Equal("topics/present", (await first.Reader.ReadAsync("join")).Text("channel"));
        }

        Assert.Equal("topics/present", (await first.Reader.ReadAsync("leave")).Text("channel"));
    }

    [Fact]
    public async Task Pages_of_allowed_origins_may_read_it_and_others_are_refused()
    {
        using var request = _node.Request(HttpMethod.Get, "/sse?channels=topics/cors");
        request.Headers.Add("Origin", "http://localhost:3000");
        using var answer = await _node.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("http://localhost:3000", Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin")));
        Assert.Equal("Origin", Assert.Single(answer.Headers.GetValues("Vary")));

        using var refusedToRead = _node.Request(HttpMethod.Get, "/sse?channels=bad/x");
        refusedToRead.Headers.Add("Origin", "http://localhost:3000");
        using var readable = await _node.SendAsync(refusedToRead);
        Assert.Equal(HttpStatusCode.BadRequest, readable.StatusCode);
        Assert.Equal("http://localhost:3000", Assert.Single(readable.Headers.GetValues("Access-Control-Allow-Origin")));

        using var foreign = _node.Request(HttpMethod.Get, "/sse?channels=topics/cors");
        foreign.Headers.Add("Origin", "https://evil.example");
        using var refused = await _node.SendAsync(foreign);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.False(refused.Headers.Contains("Access-Control-Allow-Origin"));

        using var preflight = _node.Request(HttpMethod.Options, "/sse");
        preflight.Headers.Add("Origin", "http://localhost:3000");
        preflight.Headers.Add("Access-Control-Request-Method", "GET");
        preflight.Headers.Add("Access-Control-Request-Headers", "authorization,last-event-id");
        using var allowed = await _node.SendAsync(preflight);
        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Contains("Last-Event-ID", Assert.Single(allowed.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Native_clients_and_streams_hear_each_other()
    {
        using var stream = await _node.SubscribeAsync("channels=topics/both");
        using var native = await Examples.ExampleClient.ConnectAsync(_node.Main, "/relay");
        await native.SendAsync("""{"type":"subscribe","channel":"topics/both","id":"s"}""");
        await native.ReadUntilAsync("id", "s");
        await native.SendAsync("""{"type":"publish","channel":"topics/both","event":"e","data":{"n":1},"id":"p"}""");
        Assert.Equal((await native.ReadUntilAsync("event", "e")).GetRawText(), (await stream.Reader.ReadAsync("message")).Data);
        var ack = await native.ReadUntilAsync("id", "p");
        Assert.Equal(2, ack.GetProperty("subscribers").GetInt32());
        Assert.True(ack.GetProperty("success").ValueKind == JsonValueKind.True);
    }

    private async Task PublishAsync(string channel, int from, int to)
    {
        for (var n = from; n <= to; n++)
        {
            Assert.Equal(n, await _node.PublishAsync(channel, n.ToString()));
        }
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal StreamNode Node { get; private set; } = null!;

        public async Task InitializeAsync() => Node = await StreamNode.StartAsync("Namespaces:sessions:HistoryLength=3");

        public async Task DisposeAsync() => await Node.DisposeAsync();
    }
}
