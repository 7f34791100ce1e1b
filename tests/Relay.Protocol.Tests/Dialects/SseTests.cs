using System.Buffers;
using System.Text;
using Relay.Protocol.Handshake;

namespace Relay.Protocol.Tests;

/// <summary>Blocks of an event stream, byte for byte, and the ids of streams over several channels.</summary>
public sealed class SseTests
{
    private const string Frame = """{"id":"msg_k3j9x2ab42","channel":"topics/a","event":"e","data":1,"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42}""";

    [Fact]
    public void An_event_is_its_position_and_the_native_frame() =>
        Assert.Equal($"id: k3j9x2ab:42\ndata: {Frame}\n\n", Text(Sample.Event("topics/a", "e", "1")));

    [Fact]
    public void An_event_without_a_place_has_no_id() =>
        Assert.Equal(
            "data: {\"id\":\"msg_k3j9x2abt7\",\"channel\":\"sessions/s\",\"event\":\"typing\",\"timestamp\":1700000000123}\n\n",
            Text(Sample.Transient("sessions/s", "typing")));

    [Theory]
    [InlineData("{\n}", "{\ndata: }")]
    [InlineData("{\r}", "{\ndata: }")]
    [InlineData("{\r\n}", "{\ndata: }")]
    [InlineData("{\n\r}", "{\ndata: \ndata: }")]
    [InlineData("[\n\n\n1\n]", "[\ndata: \ndata: \ndata: 1\ndata: ]")]
    [InlineData("[\"\\n\"]", "[\"\\n\"]")]
    public void Every_line_of_a_payload_is_a_data_line(string data, string expected)
    {
        var text = Text(Sample.Event("topics/a", "e", data));
        Assert.Contains($"\"data\":{expected},\"timestamp\"", text, StringComparison.Ordinal);
        Assert.Equal(text.Length - 2, text.IndexOf("\n\n", StringComparison.Ordinal));
        Assert.DoesNotContain('\r', text);
    }

    [Fact]
    public void What_the_relay_says_has_a_type()
    {
        Assert.Equal("retry: 2000\n\n", Text(new ConnectedMessage { TimestampMicros = Sample.Micros, ClientId = "ws_1" }));
        Assert.Equal(
            "id: k3j9x2ab:40\nevent: subscribed\ndata: {\"channel\":\"topics/a\",\"epoch\":\"k3j9x2ab\",\"offset\":42,\"recovered\":true}\n\n",
            Text(Subscribed("topics/a", Sample.Position, Sample.At("k3j9x2ab", 40), true)));
        Assert.Equal("event: subscribed\ndata: {\"channel\":\"agents/*\"}\n\n", Text(Subscribed("agents/*", default, default, null)));
        Assert.Equal(
            "event: reconnect\nretry: 1000\ndata: {\"type\":\"reconnect\",\"after_ms\":1000,\"reason\":\"shutdown\",\"timestamp\":1700000000123}\n\n",
            Text(new ReconnectMessage { TimestampMicros = Sample.Micros, AfterMilliseconds = 1000, Reason = "shutdown" }));
        Assert.Equal(
            "event: gap\ndata: {\"type\":\"gap\",\"channel\":\"topics/a\",\"epoch\":\"k3j9x2ab\",\"from\":3,\"to\":7,\"timestamp\":1700000000123}\n\n",
            Text(new GapMessage { TimestampMicros = Sample.Micros, Channel = "topics/a", Epoch = Sample.Position.Epoch, From = 3, To = 7 }));
        Assert.Equal(
            "event: leave\ndata: {\"type\":\"leave\",\"channel\":\"topics/a\",\"client_id\":\"ws_1\",\"timestamp\":1700000000123}\n\n",
            Text(new PresenceChangeMessage { TimestampMicros = Sample.Micros, Channel = "topics/a", Member = new PresenceMember("ws_1", null), Joined = false }));
        Assert.Null(Sample.Encode(SseDialect.Default, new PingMessage { TimestampMicros = Sample.Micros }));
        Assert.Null(Sample.Encode(SseDialect.Default, new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id }));
        Assert.Null(SseDialect.Default.Decode("{}"u8, binary: false));
    }

    [Fact]
    public void A_stream_over_several_channels_carries_the_position_of_each()
    {
        var cursor = Cursor("topics/a", "agents/*", "topics/\"b\"");
        Assert.Equal("event: subscribed\ndata: {\"channel\":\"agents/*\"}\n\n", Passed(cursor, Text(Subscribed("agents/*", default, default, null))));
        Assert.Equal(
            "id: k3j9x2ab:40,-,-\nevent: subscribed\ndata: {\"channel\":\"topics/a\",\"epoch\":\"k3j9x2ab\",\"offset\":42}\n\n",
            Passed(cursor, Text(Subscribed("topics/a", Sample.Position, Sample.At("k3j9x2ab", 40), null))));
        var other = Text(Sample.Event("topics/\"b\"", "e", "{\"channel\":\"topics/a\"}"));
        Assert.Equal("id: k3j9x2ab:40,-,k3j9x2ab:42\n" + Body(other), Passed(cursor, other));
        var own = Text(Sample.Event("topics/a", "e", "[\n]"));
        Assert.Equal("id: k3j9x2ab:42,-,k3j9x2ab:42\n" + Body(own), Passed(cursor, own));

        // Of a channel that only the pattern covers: it moves nothing.
        var covered = Text(Sample.Event("agents/x", "e", "1"));
        Assert.Equal(Body(covered), Passed(cursor, covered));
        Assert.Equal(":\n\n", Passed(cursor, ":\n\n"));
    }

    [Fact]
    public void A_stream_that_resumes_begins_with_what_it_resumes_from()
    {
        var cursor = new SseCursor([
            new SubscribeCommand { Channel = "topics/a", Since = Sample.At("k3j9x2ab", 9) }, new SubscribeCommand { Channel = "topics/b" },
            new SubscribeCommand { Channel = "topics/c", Since = Sample.At("00000001", 0) },
        ]);
        Assert.StartsWith("id: k3j9x2ab:9,k3j9x2ab:42,00000001:0\n", Passed(cursor, Text(Sample.Event("topics/b", "e", "1"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(300)]
    [InlineData(100_000)]
    public void Blocks_are_taken_whole(int most)
    {
        var text = string.Concat(Enumerable.Range(1, 9).Select(static n => Text(Sample.Event("topics/a", "e", $"\"{new string('x', n * 20)}\""))));
        var blocks = Encoding.UTF8.GetBytes(text);
        var cursor = Cursor("topics/a", "topics/b");
        var output = new ArrayBufferWriter<byte>();
        var calls = 0;
        for (var at = 0; at < blocks.Length; calls++)
        {
            var taken = cursor.Write(blocks.AsSpan(at), most, output);
            at += taken;
            Assert.EndsWith("\n\n", text[..at], StringComparison.Ordinal);
            Assert.True(taken <= most || !text[(at - taken)..(at - 2)].Contains("\n\n", StringComparison.Ordinal));
        }

        Assert.Equal(most == 100_000, calls == 1);
        Assert.Equal(text.Replace("id: k3j9x2ab:42\n", "id: k3j9x2ab:42,-\n", StringComparison.Ordinal), Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public void An_id_that_was_given_out_is_read_again()
    {
        Assert.True(SseCursor.TryParse("k3j9x2ab:42,-,00000001:9223372036854775807", 3, out var positions));
        Assert.Equal([Sample.Position, null, Sample.At("00000001", long.MaxValue)], positions);
        foreach (var (bad, count) in new[] { ("", 1), (",", 2), ("k3j9x2ab:42", 2), ("k3j9x2ab:42,-", 1), ("k3j9x2ab:9223372036854775808", 1), ("k3j9x2ab: 1", 1), ("K3J9X2AB:1", 1), ("k3j9x2ab42", 1) })
        {
            Assert.False(SseCursor.TryParse(bad, count, out _), bad);
        }
    }

    [Theory]
    [InlineData("?a=1&b=%C3%BC+x&a=&c", "a=1|b=ü x|a=|c=")]
    [InlineData("", "")]
    [InlineData("&&a=b=c%26", "a=b=c&")]
    [InlineData("a=%", null)]
    [InlineData("a=%4", null)]
    [InlineData("a=%zz", null)]
    [InlineData("%FF=1", null)]
    public void A_query_is_read_whole_or_not_at_all(string query, string? expected)
    {
        var read = QueryText.TryParse(query, out var parameters);
        Assert.Equal(expected, read ? string.Join('|', parameters!.Select(static pair => $"{pair.Key}={pair.Value}")) : null);
    }

    private static SubscribedMessage Subscribed(string channel, StreamPosition position, StreamPosition start, bool? recovered) =>
        new() { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Channel = channel, Position = position, Start = start, Recovered = recovered };

    private static SseCursor Cursor(params string[] channels) =>
        new([.. channels.Select(static channel => new SubscribeCommand { Channel = channel, IsPattern = channel.Contains('*', StringComparison.Ordinal) })]);

    private static string Text(Publication publication) => Encoding.UTF8.GetString(Sample.Encode(SseDialect.Default, publication));

    private static string Text(ServerMessage message) => Encoding.UTF8.GetString(Sample.Encode(SseDialect.Default, message)!);

    private static string Body(string block) => block[(block.IndexOf('\n', StringComparison.Ordinal) + 1)..];

    private static string Passed(SseCursor cursor, string block)
    {
        var output = new ArrayBufferWriter<byte>();
        var bytes = Encoding.UTF8.GetBytes(block);
        Assert.Equal(bytes.Length, cursor.Write(bytes, 64 * 1024, output));
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
