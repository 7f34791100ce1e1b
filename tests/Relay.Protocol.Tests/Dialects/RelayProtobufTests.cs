using Google.Protobuf;

namespace Relay.Protocol.Tests;

/// <summary>relay.v1.protobuf: the same model as the native JSON.</summary>
public sealed class RelayProtobufTests
{
    private static readonly RelayProtobufDialect Dialect = new();

    [Fact]
    public void Requests_become_the_commands_of_the_json_dialect()
    {
        var position = new Native.Position { Epoch = "k3j9x2ab", Offset = 42 };
        AssertDecoded(
            "subscribe global since=k3j9x2ab:42 last=5 presence filter=[task.* x] id=\"s\\\"1\"",
            new() { Id = "s\"1", Subscribe = new() { Channel = "global", Since = position, Last = 5, Presence = true, Filter = new() { Events = { "task.*", "x" } } } });
        AssertDecoded("subscribe agents/* pattern", new() { Subscribe = new() { Channel = "agents/*" } });
        AssertDecoded("unsubscribe any id=\"u\"", new() { Id = "u", Unsubscribe = new() { Channel = "any" } });
        AssertDecoded(
            "publish global x {\"a\": 1} once=p key=k ttl=9 id=\"p\"",
            new() { Id = "p", Publish = new() { Channel = "global", Event = "x", Data = ByteString.CopyFromUtf8("{\"a\": 1}"), Key = "k", Ttl = 9 } });
        AssertDecoded("ping id=\"q\"", new() { Id = "q", Ping = new() });
        AssertDecoded("ack k3j9x2ab:42", new() { Ack = new() { MessageId = "msg_k3j9x2ab42" } });
        AssertDecoded("auth agent=a session=- token=t", new() { Auth = new() { AgentId = "a", Token = "t" } });
        AssertDecoded("presence global id=\"r\"", new() { Id = "r", Presence = new() { Channel = "global" } });
        AssertDecoded("subscribe global presence by user", new() { Subscribe = new() { Channel = "global", Presence = true, PresenceByUser = true } });
        AssertDecoded("resume t global=k3j9x2ab:42 id=\"r\"", new() { Id = "r", Resume = new() { Session = "t", Positions = { ["global"] = position } } });
        AssertDecoded("refused InvalidChannel id=\"r\"", new() { Id = "r", Resume = new() { Session = "t", Positions = { ["bad"] = position } } });
        AssertDecoded("refused InvalidMessage id=\"r\"", new() { Id = "r", Resume = new() { Session = "t", Positions = { ["global"] = new() } } });
        AssertDecoded("error InvalidMessage", new() { Resume = new() { Session = "t" } });
        AssertDecoded("history global since=k3j9x2ab:42 limit=100 id=\"h\"", new() { Id = "h", History = new() { Channel = "global", Since = position } });
    }

    [Fact]
    public void Mistakes_get_the_codes_of_the_json_dialect()
    {
        AssertDecoded("refused InvalidData id=\"p\"", new() { Id = "p", Publish = new() { Channel = "global", Event = "x", Data = ByteString.CopyFromUtf8("{") } });
        AssertDecoded("refused InvalidData id=\"p\"", new() { Id = "p", Publish = new() { Channel = "global", Event = "x", Data = ByteString.CopyFrom(0x22, 0xFF, 0x22) } });
        AssertDecoded("error InvalidEvent", new() { Publish = new() { Channel = "global" } });
        AssertDecoded("refused InvalidChannel id=\"s\"", new() { Id = "s", Subscribe = new() { Channel = "bad/x" } });
        AssertDecoded("refused InvalidMessage id=\"s\"", new() { Id = "s", Subscribe = new() { Channel = "global", Since = new() } });
        AssertDecoded("refused InvalidMessage id=\"s\"", new() { Id = "s", Subscribe = new() { Channel = "global", Last = -1 } });
        AssertDecoded("refused InvalidMessage id=\"s\"", new() { Id = "s", Subscribe = new() { Channel = "global", Filter = new() { Events = { "" } } } });
        AssertDecoded("error InvalidMessage", new() { History = new() { Channel = "global" } });
        AssertDecoded("refused UnknownMessageType id=\"x\"", new() { Id = "x" });
    }

    [Fact]
    public void Malformed_bytes_and_text_frames_are_parse_errors()
    {
        Assert.Equal("error ParseError", CommandText.Of(Dialect.Decode([0xFF, 0xFF, 0xFF], binary: true)));
        Assert.Equal("error ParseError", CommandText.Of(Dialect.Decode("{\"type\":\"ping\"}"u8, binary: false)));
    }

    [Fact]
    public void A_name_of_invalid_utf8_is_refused()
    {
        var bytes = new Native.ClientMessage { Id = "s", Subscribe = new() { Channel = "agents/X" } }.ToByteArray();
        bytes[^1] = 0xFF;
        Assert.Equal("refused InvalidChannel id=\"s\"", CommandText.Of(Dialect.Decode(bytes, binary: true)));
    }

    [Theory]
    [InlineData("global", "x", null, null)]
    [InlineData("agents/é日😀", "task.created", "{\"a\": 1E400}", "k")]
    [InlineData("topics/", "", "null", "")]
    public void Live_events_have_the_bytes_of_the_generated_code(string channel, string name, string? data, string? key)
    {
        foreach (var publication in new[] { Sample.Event(channel, name, data, key), Sample.Transient(channel, name, data), AtTimeZero(channel, name) })
        {
            var expected = new Native.ServerMessage { Event = ProtobufFrames.Event(publication) };
            Assert.Equal(expected.ToByteArray(), Sample.Encode(Dialect, publication));
        }
    }

    [Fact]
    public void A_large_payload_is_written_whole()
    {
        var publication = Sample.Event("global", new string('é', 3000), '"' + new string('x', 1_000_000) + '"');
        var read = Native.ServerMessage.Parser.ParseFrom(Sample.Encode(Dialect, publication)).Event;
        Assert.True(read.Data.Span.SequenceEqual(publication.Data.Span));
        Assert.Equal(publication.Event, read.Event_);
    }

    [Fact]
    public void Answers_carry_what_the_json_ones_carry()
    {
        var ack = Read(new PublishedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Duplicate = true, Subscribers = 4 }).Ack;
        Assert.Equal(("r1", true, true, 4, 42L), (ack.Id, ack.Success, ack.Duplicate, ack.Subscribers, ack.Position.Offset));
        var subscribed = Read(new SubscribedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Recovered = false }).Ack;
        Assert.True(subscribed.HasRecovered);
        Assert.False(subscribed.Recovered);
        var refused = Read(new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.RateLimited, ErrorText = "Later", RetryAfterMilliseconds = 5 }).Ack;
        Assert.Equal((false, "RATE_LIMITED", "Later", 5L), (refused.Success, refused.Code, refused.Error, refused.RetryAfterMs));
        var resumed = Read(new ResumedMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Session = "t", ClientId = "ws_1",
            Channels = [new("global", Sample.Position, false), new("agents/*"), new("agents/a", Error: ErrorCode.NotAuthorized)],
        }).Ack;
        Assert.Equal(("t", "ws_1", true), (resumed.Session, resumed.ClientId, resumed.Success));
        Assert.Equal(("global", 42L, true, false), (resumed.Channels[0].Channel, resumed.Channels[0].Position.Offset, resumed.Channels[0].HasRecovered, resumed.Channels[0].Recovered));
        Assert.Equal(("agents/*", null, false), (resumed.Channels[1].Channel, resumed.Channels[1].Position, resumed.Channels[1].HasRecovered));
        Assert.Equal("NOT_AUTHORIZED", resumed.Channels[2].Code);
        var page = Read(new HistoryMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Channel = "global", Position = Sample.Position, Events = [Sample.Event("global", "a", "1")] }).History;
        Assert.Equal("1", Assert.Single(page.Events).Data.ToStringUtf8());
        var gap = Read(new GapMessage { TimestampMicros = Sample.Micros, Channel = "c", Epoch = Sample.Position.Epoch, From = 1, To = 2 }).Gap;
        Assert.Equal(("k3j9x2ab", 1L, 2L), (gap.Epoch, gap.From, gap.To));
        Assert.Equal(1_700_000_060_000, Read(new TokenExpiringMessage { TimestampMicros = Sample.Micros, ExpiresAtMilliseconds = 1_700_000_060_000 }).TokenExpiring.ExpiresAt);
        Assert.Equal(1500, Read(new ReconnectMessage { TimestampMicros = Sample.Micros, AfterMilliseconds = 1500, Reason = "drain" }).Reconnect.AfterMs);
    }

    private static Publication AtTimeZero(string channel, string name) => new() { Channel = channel, Event = name, Position = default, TimestampMicros = 0 };

    private static Native.ServerMessage Read(ServerMessage message) => Native.ServerMessage.Parser.ParseFrom(Sample.Encode(Dialect, message)!);

    private static void AssertDecoded(string expected, Native.ClientMessage message) =>
        Assert.Equal(expected, CommandText.Of(Dialect.Decode(message.ToByteArray(), binary: true)));
}
