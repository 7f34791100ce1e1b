using System.Text;

namespace Relay.Protocol.Tests;

public sealed class DialectsTests
{
    [Fact]
    public void There_is_one_dialect_of_each_kind_at_its_index()
    {
        Assert.Equal(Enum.GetValues<DialectKind>().Where(static kind => kind != DialectKind.Sse), Dialects.All.Select(static d => d.Profile.Kind));
        Assert.Null(Dialects.ByName("sse"));
        Assert.All(Enum.GetValues<DialectKind>(), kind => Assert.Equal(kind, Dialects.Create(Dialects.ByKind(kind).Profile).Profile.Kind));
    }

    [Theory]
    [InlineData(DialectKind.Context, "context", "relay.context", 65536, 25)]
    [InlineData(DialectKind.Hooks, "hooks", "relay.hooks", 65536, 25)]
    [InlineData(DialectKind.Projects, "projects", null, 65536, 25)]
    [InlineData(DialectKind.Updates, "updates", null, 512, 54)]
    [InlineData(DialectKind.WebUi, "webui", null, 512, 54)]
    [InlineData(DialectKind.Relay, "relay", "relay.v1", 65536, 25)]
    [InlineData(DialectKind.RelayProtobuf, "relay-protobuf", "relay.v1.protobuf", 65536, 25)]
    public void Profiles_hold_the_limits_of_the_design(DialectKind kind, string name, string? subprotocol, int maxBytes, int pingSeconds)
    {
        var profile = Dialects.ByKind(kind).Profile;
        Assert.Equal((name, subprotocol, maxBytes, TimeSpan.FromSeconds(pingSeconds)), (profile.Name, profile.Subprotocol, profile.MaxMessageBytes, profile.PingInterval));
        Assert.Equal(TimeSpan.FromSeconds(60), profile.IdleTimeout);
        Assert.Equal(kind == DialectKind.Context, profile.Redelivers);
        Assert.Equal(kind == DialectKind.Context ? TimeSpan.FromSeconds(30) : TimeSpan.Zero, profile.JsonPingInterval);
        Assert.Equal(kind is DialectKind.Projects or DialectKind.Updates, profile.IgnoresClient);
        Assert.Equal(kind == DialectKind.RelayProtobuf, profile.IsBinary);
        Assert.Same(Dialects.ByKind(kind), Dialects.ByName(name.ToUpperInvariant()));
        if (subprotocol is not null)
        {
            Assert.Same(Dialects.ByKind(kind), Dialects.BySubprotocol(subprotocol));
            Assert.Null(Dialects.BySubprotocol(subprotocol.ToUpperInvariant()));
        }
    }

    [Fact]
    public void Native_are_both_encodings_of_relay_and_event_streams() =>
        Assert.Equal(
            [DialectKind.Relay, DialectKind.RelayProtobuf, DialectKind.Sse],
            Enum.GetValues<DialectKind>().Where(static kind => Dialects.ByKind(kind).Profile.IsNative));

    [Fact]
    public void Unknown_names_choose_nothing()
    {
        Assert.Null(Dialects.ByName("auto"));
        Assert.Null(Dialects.BySubprotocol(""));
        Assert.Throws<ArgumentOutOfRangeException>(() => Dialects.Create(new DialectProfile { Kind = (DialectKind)99, Name = "x" }));
    }

    [Fact]
    public void A_configured_profile_replaces_the_default()
    {
        var profile = WebUiDialect.DefaultProfile with { MaxMessageBytes = 64 * 1024 };
        Assert.Same(profile, new WebUiDialect(profile).Profile);
        Assert.Same(profile, Dialects.Create(profile).Profile);
    }

    [Fact]
    public void Every_code_has_a_name_in_upper_snake_case()
    {
        Assert.Equal("PARSE_ERROR", ErrorCodeName.Of(ErrorCode.ParseError));
        Assert.Equal("UNKNOWN_MESSAGE_TYPE", ErrorCodeName.Of(ErrorCode.UnknownMessageType));
        Assert.Equal("INVALID_DATA", ErrorCodeName.Of(ErrorCode.InvalidData));
        Assert.Equal("4002", ErrorCodeName.OfContext(ErrorCode.TokenRequired));
        Assert.All(Enum.GetValues<ErrorCode>(), code => Assert.Matches("^[A-Z]+(_[A-Z]+)*$", ErrorCodeName.Of(code)));
    }

    [Fact]
    public void What_is_published_through_one_dialect_reaches_every_other_with_the_same_payload_bytes()
    {
        const string payload = "{ \"b\" :1.0,\"a\": [1E400,\"\\ud800\\u0041é\"],\"a\":null}";
        var publish = Assert.IsType<PublishCommand>(new ContextDialect().Decode(
            Encoding.UTF8.GetBytes($"{{\"data\": {payload} ,\"type\":\"publish\",\"event\":\"task.created\",\"channel\":\"agents/x\"}}"), binary: false));
        var hook = Assert.IsType<HookEventCommand>(new HooksDialect().Decode(
            Encoding.UTF8.GetBytes($"{{\"data\": {payload} ,\"type\":\"hook.stop\"}}"), binary: false));
        var chat = Assert.IsType<ChatCommand>(new WebUiDialect().Decode(
            Encoding.UTF8.GetBytes($"{{\"type\":\"chat_message\",\"data\":{payload}}}"), binary: false));
        foreach (var data in new[] { publish.Data, hook.Data, chat.Data })
        {
            Assert.Equal(payload, Encoding.UTF8.GetString(data.Span));
            Assert.All(Dialects.All, dialect =>
            {
                var frame = Sample.Encode(dialect, Sample.Event("agents/x", "task.created", Encoding.UTF8.GetString(data.Span)));
                Assert.True(frame.AsSpan().IndexOf(data.Span) >= 0);
            });
        }
    }

    [Theory]
    [InlineData(DialectKind.Context)]
    [InlineData(DialectKind.Relay)]
    [InlineData(DialectKind.Hooks)]
    [InlineData(DialectKind.WebUi)]
    public void A_binary_message_of_valid_json_is_read_as_text(DialectKind kind)
    {
        var dialect = Dialects.ByKind(kind);
        foreach (var good in Hostile.Good)
        {
            var bytes = Encoding.UTF8.GetBytes(good);
            Assert.Equal(CommandText.Of(dialect.Decode(bytes, binary: false)), CommandText.Of(dialect.Decode(bytes, binary: true)));
        }

        byte[] invalid = [.. "{\"type\":\"ping\",\"x\":\""u8, 0xFF, .. "\"}"u8];
        Assert.Equal("error ParseError", CommandText.Of(dialect.Decode(invalid, binary: true)));
    }
}
