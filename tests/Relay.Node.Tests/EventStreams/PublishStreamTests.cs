using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Relay.Node.Tests.Support;
using Eventually = Relay.Testing.Eventually;

namespace Relay.Node.Tests.EventStreams;

/// <summary><c>POST /api/v1/publish/stream</c> as its clients see it: protocols.md, <c>relay</c>.</summary>
public sealed class PublishStreamTests(PublishStreamTests.Shared shared) : IClassFixture<PublishStreamTests.Shared>
{
    private readonly StreamNode _node = shared.Node;

    [Fact]
    public async Task Each_line_is_answered_before_the_next_is_sent()
    {
        using var events = await _node.SubscribeAsync("channels=topics/p1");
        using var publisher = await Publisher.OpenAsync(_node);
        for (var n = 1; n <= 5; n++)
        {
            await publisher.LineAsync($$"""{"channel":"topics/p1","event":"e","data":{"n":{{n}}},"id":"k{{n}}","key":"a"}""");
            var result = await publisher.ReadAsync();
            Assert.Equal(
                "line,id,success,channel,epoch,offset,duplicate,subscribers", string.Join(',', result.EnumerateObject().Select(static member => member.Name)));
            Assert.Equal((n, "k" + n), (result.GetProperty("line").GetInt32(), result.GetProperty("id").GetString()));
            Assert.True(result.GetProperty("success").GetBoolean());
            Assert.Equal(n, result.GetProperty("offset").GetInt64());
            Assert.Equal(1, result.GetProperty("subscribers").GetInt32());
            var message = await events.Reader.ReadAsync("message");
            Assert.Equal(n, message.Json.GetProperty("data").GetProperty("n").GetInt32());
            Assert.Equal("a", message.Text("key"));
        }

        await publisher.LineAsync("""{"channel":"topics/p1","event":"e","id":"k2"}""");
        var again = await publisher.ReadAsync();
        Assert.True(again.GetProperty("duplicate").GetBoolean());
        Assert.Equal(2, again.GetProperty("offset").GetInt64());
        await publisher.EndAsync();
    }

    [Fact]
    public async Task A_bad_line_is_told_and_the_stream_goes_on()
    {
        using var publisher = await Publisher.OpenAsync(_node);
        await publisher.SendAsync(
            "nonsense\n" + "[1]\r\n" + "\n \r\n" + "{\"channel\":\"bad/x\",\"event\":\"e\"}\n{\"channel\":\"topics/p2\"}\n"
            + "{\"channel\":\"topics/p2\",\"event\":\"e\"}\r\n{\"channel\":\"topics/p2\",\"event\":\"e\",\"data\":\"\xff\"}\n{\"channel\":\"topics/p2\",\"event\":\"last\"}");
        await publisher.FinishAsync();
        var results = await publisher.RestAsync();
        Assert.Equal(
            [
                "1 The line must be one JSON object", "2 channel is missing", "5 Invalid channel format: bad/x", "6 event must be a name of 1 to 128 bytes", "7 offset 1",
                "8 The line is not valid UTF-8", "9 offset 2",
            ],
            results.Select(static result =>
            {
                var success = result.GetProperty("success").GetBoolean();
                Assert.Equal(success ? null : "INVALID_MESSAGE", success ? null : result.GetProperty("code").GetString());
                return $"{result.GetProperty("line").GetInt32()} {(success ? "offset " + result.GetProperty("offset").GetInt64() : result.GetProperty("error").GetString())}";
            }),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task Many_lines_are_accepted_and_answered_in_their_order()
    {
        const int Lines = 5000;
        using var events = await _node.SubscribeAsync("channels=topics/p3a,topics/p3b", 2);
        var reading = events.Reader.MessagesAsync(Lines);
        using var publisher = await Publisher.OpenAsync(_node);
        var results = Task.WhenAll(ReadAsync(publisher, Lines));
        for (var n = 0; n < Lines; n++)
        {
            await publisher.LineAsync($$"""{"channel":"topics/p3{{(n % 7 < 5 ? 'a' : 'b')}}","event":"e","data":{{n}}}""");
        }

        await publisher.EndAsync(expectNothing: false);
        var offsets = new Dictionary<string, long>(StringComparer.Ordinal);
        var line = 0;
        foreach (var result in (await results)[0])
        {
            var channel = result.GetProperty("channel").GetString()!;
            offsets[channel] = offsets.GetValueOrDefault(channel) + 1;
            Assert.Equal((++line, offsets[channel]), (result.GetProperty("line").GetInt32(), result.GetProperty("offset").GetInt64()));
        }

        foreach (var perChannel in (await reading).GroupBy(static message => message.Text("channel")!, StringComparer.Ordinal))
        {
            var numbers = perChannel.Select(static message => message.Number("data")).ToList();
            Assert.Equal(numbers.Order(), numbers);
        }
    }

    [Fact]
    public async Task A_line_that_is_too_long_ends_the_stream_with_the_reason()
    {
        using var publisher = await Publisher.OpenAsync(_node);
        await publisher.LineAsync("""{"channel":"topics/p4","event":"e"}""");
        await publisher.SendAsync(new string('x', 70_000));
        var results = await publisher.RestAsync();
        Assert.True(results[0].GetProperty("success").GetBoolean());
        Assert.Equal((2, "TOO_LARGE"), (results[1].GetProperty("line").GetInt32(), results[1].GetProperty("code").GetString()));
        Assert.Equal(2, results.Count);
    }

    [Fact]
    public async Task A_line_as_long_as_a_frame_may_be_is_taken()
    {
        using var publisher = await Publisher.OpenAsync(_node);
        const string Begin = "{\"channel\":\"topics/p5\",\"event\":\"e\",\"data\":\"";
        var longest = Begin + new string('x', (64 * 1024) - Begin.Length - 2) + "\"}";
        await publisher.LineAsync(longest);
        Assert.True((await publisher.ReadAsync()).GetProperty("success").GetBoolean());
        await publisher.LineAsync(longest.Replace("\"}", "x\"}", StringComparison.Ordinal));
        Assert.Equal("TOO_LARGE", (await publisher.ReadAsync()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_line_that_is_not_completed_ends_the_stream_but_silence_between_lines_does_not()
    {
        await using var node = await StreamNode.StartAsync("Limits:MessageDeadline=1s");
        using var silent = await Publisher.OpenAsync(node);
        using var publisher = await Publisher.OpenAsync(node);
        await publisher.SendAsync("{\"channel\":\"topics/a\",\"event\":\"e\"}\n{\"chan");
        var results = await publisher.RestAsync();
        Assert.Equal([1, 2], results.Select(static result => result.GetProperty("line").GetInt32()));
        Assert.Equal("TIMEOUT", results[1].GetProperty("code").GetString());

        // As long as the other waited for the rest of its line, this one has said nothing at all.
        await silent.LineAsync("""{"channel":"topics/a","event":"e"}""");
        Assert.Equal(2, (await silent.ReadAsync()).GetProperty("offset").GetInt64());
    }

    [Fact]
    public async Task Who_takes_no_results_is_read_no_further()
    {
        // 150,000 results are 17 MB: far more than the kernels' buffers hold.
        const int Blocks = 150;
        await using var node = await StreamNode.StartAsync("Limits:MaxInFlightPublishes=10");
        using var publisher = await Publisher.OpenAsync(node, receiveBuffer: 4096);
        var block = string.Concat(Enumerable.Repeat("{\"channel\":\"topics/a\",\"event\":\"e\",\"data\":1}\n", 1000));
        var sending = SendAsync();
        var accepted = 0L;
        await Eventually.UntilAsync(
            async () =>
            {
                var before = accepted;
                accepted = (await node.GetAsync("/api/v1/history?channel=topics/a&limit=1")).GetProperty("offset").GetInt64();
                return accepted > 0 && accepted == before;
            },
            "nothing more is accepted");
        Assert.True(accepted < Blocks * 1000, $"{accepted} lines were accepted without a result being read");
        for (var n = 1; n <= Blocks * 1000; n++)
        {
            Assert.Equal(n, (await publisher.ReadAsync()).GetProperty("line").GetInt32());
        }

        await sending;
        await publisher.EndAsync();

        async Task SendAsync()
        {
            for (var n = 0; n < Blocks; n++)
            {
                await publisher.SendAsync(block);
            }
        }
    }

    [Fact]
    public async Task One_publish_in_flight_is_enough_for_any_number_of_lines()
    {
        await using var node = await StreamNode.StartAsync("Limits:MaxInFlightPublishes=1");
        using var publisher = await Publisher.OpenAsync(node);
        await publisher.SendAsync(string.Concat(Enumerable.Repeat("{\"channel\":\"topics/a\",\"event\":\"e\"}\nbad\n", 200)));
        await publisher.FinishAsync();
        Assert.Equal(Enumerable.Range(1, 400), (await publisher.RestAsync()).Select(static result => result.GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task What_was_sent_before_the_publisher_vanished_is_published()
    {
        using var events = await _node.SubscribeAsync("channels=topics/p6");
        using (var publisher = await Publisher.OpenAsync(_node))
        {
            await publisher.SendAsync("{\"channel\":\"topics/p6\",\"event\":\"e\",\"data\":1}\n{\"channel\":\"topics/p6\",\"event\":\"cut");
            await publisher.ReadAsync();
        }

        Assert.Equal(1, (await events.Reader.ReadAsync("message")).Number("data"));
        Assert.Equal(2, await _node.PublishAsync("topics/p6", "2"));
    }

    [Fact]
    public async Task At_the_nodes_stop_a_stream_ends_with_the_reason()
    {
        await using var node = await StreamNode.StartAsync();
        using var publisher = await Publisher.OpenAsync(node);
        await publisher.LineAsync("""{"channel":"topics/a","event":"e"}""");
        await publisher.ReadAsync();
        await node.TerminateAsync();
        var last = Assert.Single(await publisher.RestAsync());
        Assert.Equal("UNAVAILABLE", last.GetProperty("code").GetString());
        Assert.Equal(0, await node.ExitAsync());
    }

    [Fact]
    public async Task It_needs_the_right_to_publish()
    {
        const string Reader = "a key of more than sixteen characters";
        await using var node = await StreamNode.StartAsync(
            "Auth:Required=true", "Auth:ApiKeys:0:Name=reader", "Auth:ApiKeys:0:Key=" + Reader, "Auth:ApiKeys:0:Rights=subscribe");
        foreach (var (bearer, status) in new[] { (null, HttpStatusCode.Unauthorized), ("wrong", HttpStatusCode.Unauthorized), (Reader, HttpStatusCode.Forbidden) })
        {
            using var request = node.Request(HttpMethod.Post, "/api/v1/publish/stream", bearer);
            request.Content = new StringContent("{\"channel\":\"topics/a\",\"event\":\"e\"}\n");
            using var answer = await node.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Over_HTTP_2_it_is_the_same()
    {
        using var certificate = new TestCertificate();
        await using var node = await StreamNode.StartTlsAsync(certificate, http2: true);
        using var request = node.Request(HttpMethod.Post, "/api/v1/publish/stream");
        var lines = new DuplexContent();
        request.Content = lines;
        using var answer = await node.SendAsync(request);
        var body = await lines.Body;
        using var results = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var n = 1; n <= 3; n++)
        {
            await body.WriteAsync(Encoding.UTF8.GetBytes("{\"channel\":\"topics/a\",\"event\":\"e\"}\n"));
            await body.FlushAsync();
            using var limit = new CancellationTokenSource(Eventually.DefaultBound);
            Assert.Contains($"\"offset\":{n},", await results.ReadLineAsync(limit.Token), StringComparison.Ordinal);
        }

        lines.Complete();
        Assert.Equal("", await results.ReadToEndAsync());
    }

    private static async Task<List<JsonElement>> ReadAsync(Publisher publisher, int count)
    {
        var results = new List<JsonElement>();
        while (results.Count < count)
        {
            results.Add(await publisher.ReadAsync());
        }

        return results;
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal StreamNode Node { get; private set; } = null!;

        public async Task InitializeAsync() => Node = await StreamNode.StartAsync();

        public async Task DisposeAsync() => await Node.DisposeAsync();
    }

    /// <summary>A client over HTTP/1.1 that writes chunks of its request while it reads chunks of the answer.</summary>
    private sealed class Publisher : IDisposable
    {
        private readonly RawClient _raw;
        private readonly Queue<string> _results = new();
        private string _partial = "";
        private bool _ended;

        private Publisher(RawClient raw) => _raw = raw;

        public static async Task<Publisher> OpenAsync(StreamNode node, int? receiveBuffer = null)
        {
            var raw = await node.RawAsync(receiveBuffer);
            await raw.SendAsync("POST /api/v1/publish/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 100 ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
            var head = await raw.ReadHeadAsync();
            Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
            Assert.Contains("Content-Type: application/x-ndjson\r\n", head, StringComparison.Ordinal);
            return new Publisher(raw);
        }

        public Task LineAsync(string line) => SendAsync(line + "\n");

        /// <summary>One chunk; one byte per character.</summary>
        public Task SendAsync(string text) => _raw.SendAsync($"{text.Length:x}\r\n{text}\r\n");

        /// <summary>The body ends.</summary>
        public Task FinishAsync() => _raw.SendAsync("0\r\n\r\n");

        /// <summary>The body ends, and so does the answer.</summary>
        public async Task EndAsync(bool expectNothing = true)
        {
            await FinishAsync();
            if (expectNothing)
            {
                Assert.Empty(await RestAsync());
            }
        }

        /// <summary>The next result.</summary>
        public async Task<JsonElement> ReadAsync()
        {
            while (_results.Count == 0)
            {
                Assert.True(await ChunkAsync(), $"the answer ended: {_partial}");
            }

            return JsonDocument.Parse(_results.Dequeue()).RootElement;
        }

        /// <summary>All results to the end of the answer.</summary>
        public async Task<List<JsonElement>> RestAsync()
        {
            while (await ChunkAsync())
            {
            }

            Assert.Equal("", _partial);
            return [.. _results.Select(static result => JsonDocument.Parse(result).RootElement)];
        }

        public void Dispose() => _raw.Dispose();

        private async Task<bool> ChunkAsync()
        {
            if (_ended)
            {
                return false;
            }

            var size = int.Parse(await _raw.ReadLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var lines = (_partial + Encoding.UTF8.GetString(await _raw.ReadBytesAsync(size))).Split('\n');
            _partial = lines[^1];
            foreach (var line in lines[..^1])
            {
                _results.Enqueue(line);
            }

            Assert.Equal("", await _raw.ReadLineAsync());
            _ended = size == 0;
            return !_ended;
        }
    }

    /// <summary>A request body that is written while the answer is read.</summary>
    private sealed class DuplexContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _body = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Body => _body.Task;

        public void Complete() => _complete.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            _body.SetResult(stream);
            await _complete.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
