namespace Relay.Protocol.Tests;

/// <summary>protocols.md, <c>relay</c>.</summary>
public sealed class RelayJsonTranscripts
{
    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["connected"] = new ConnectedMessage
        {
            TimestampMicros = Sample.Micros, ClientId = "ws_1", Node = "n1", Session = "resume", PingIntervalMilliseconds = 25000, MaxFrameBytes = 65536,
        },
        ["ack"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id },
        ["subscribed"] = new SubscribedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position },
        ["recovered"] = new SubscribedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Recovered = true },
        ["pattern"] = new SubscribedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = default },
        ["published"] = new PublishedMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Duplicate = true, Subscribers = 4,
        },
        ["refused"] = new AckMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.Unavailable, ErrorText = "Later", RetryAfterMilliseconds = 500,
        },
        ["refused for good"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.NotAuthorized, ErrorText = "No" },
        ["error"] = new ErrorMessage { TimestampMicros = Sample.Micros, Code = ErrorCode.InvalidToken, Text = "No" },
        ["pong"] = new PongMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id },
        ["pong without id"] = new PongMessage { TimestampMicros = Sample.Micros },
        ["presence"] = new PresenceMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Channel = "agents/a",
            Members = [new PresenceMember("ws_1", "u"), new PresenceMember("ws_2", null)], Count = 7, Users = 3,
        },
        ["history"] = new HistoryMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Channel = "global", Position = Sample.Position,
            Events = [Sample.Event("global", "a", "1"), Sample.Event("global", "b")],
        },
        ["resumed"] = new ResumedMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Session = "token", ClientId = "ws_1",
            Channels = [new("global", Sample.Position, true), new("agents/*"), new("agents/a", Error: ErrorCode.NotAuthorized)],
        },
        ["join"] = new PresenceChangeMessage { TimestampMicros = Sample.Micros, Channel = "global", Member = new PresenceMember("ws_1", "u"), Joined = true },
        ["leave"] = new PresenceChangeMessage { TimestampMicros = Sample.Micros, Channel = "global", Member = new PresenceMember("ws_1", null), Joined = false },
        ["gap"] = new GapMessage { TimestampMicros = Sample.Micros, Channel = "global", Epoch = Sample.Position.Epoch, From = 3, To = 9 },
        ["reconnect"] = new ReconnectMessage { TimestampMicros = Sample.Micros, AfterMilliseconds = 1500, Reason = "drain" },
        ["expiring"] = new TokenExpiringMessage { TimestampMicros = Sample.Micros, ExpiresAtMilliseconds = 1_700_000_060_000 },
        ["event"] = Sample.Event("global", "x", "{\"b\":1, \"a\":2.50}", key: "k\"1"),
        ["transient"] = Sample.Transient("sessions/s", "typing"),
        ["status"] = new HookHeartbeatMessage { TimestampMicros = Sample.Micros, Clients = 1 },
    };

    [Fact]
    public void Tokens() => Play(
        """
        > {"type":"refresh","token":"t.o.k","id":"r"}
        = refresh t.o.k id="r"
        > {"type":"refresh","token":"","id":"r"}
        = refused InvalidMessage id="r"
        < …"code":"INVALID_MESSAGE","error":"refresh needs a token"…
        > {"type":"refresh","token":7,"id":"r"}
        = refused ParseError id="r"
        < …"code":"PARSE_ERROR"…
        > {"type":"refresh"}
        = error ParseError
        < …"code":"PARSE_ERROR"…
        ! expiring
        < {"type":"token_expiring","expires_at":1700000060000,"timestamp":1700000000123}
        """);

    [Fact]
    public void Subscribe() => Play(
        """
        > {"type":"subscribe","channel":"global","id":"s1","since":{"epoch":"k3j9x2ab","offset":42},"last":5,"presence":true,"filter":{"events":["task.*","x"]}}
        = subscribe global since=k3j9x2ab:42 last=5 presence filter=[task.* x] id="s1"
        > {"type":"subscribe","channel":"global","since":null,"last":null,"presence":null,"filter":null}
        = subscribe global
        > {"type":"subscribe","channel":"agents/*","id":"s2"}
        = subscribe agents/* pattern id="s2"
        > {"type":"subscribe","channel":"topics/deploy/**"}
        = subscribe topics/deploy/** pattern
        > {"type":"subscribe","channel":"agents/a*","id":"s3"}
        < {"type":"ack","id":"s3","success":false,"code":"INVALID_CHANNEL","error":"Invalid channel format: agents/a*","timestamp":1700000000123}
        > {"type":"subscribe","channel":"**","id":"s4"}
        = refused InvalidChannel id="s4"
        < …"code":"INVALID_CHANNEL"…
        > {"type":"subscribe","channel":"global","id":"s5","since":{"epoch":"k3j9x2ab"}}
        < {"type":"ack","id":"s5","success":false,"code":"INVALID_MESSAGE","error":"Invalid since: …","timestamp":1700000000123}
        > {"type":"subscribe","channel":"global","id":"s6","since":{"epoch":"ILOU","offset":1}}
        < …"code":"INVALID_MESSAGE","error":"Invalid since…
        > {"type":"subscribe","channel":"global","id":"s7","since":{"epoch":"k3j9x2ab","offset":-1}}
        < …"code":"INVALID_MESSAGE","error":"Invalid since…
        > {"type":"subscribe","channel":"global","id":"s8","since":"k3j9x2ab:1"}
        < …"code":"INVALID_MESSAGE","error":"Invalid since…
        > {"type":"subscribe","channel":"global","id":"s9","last":-1}
        < …"code":"INVALID_MESSAGE","error":"Invalid last…
        > {"type":"subscribe","channel":"global","id":"s10","last":1e3}
        < …"code":"INVALID_MESSAGE","error":"Invalid last…
        > {"type":"subscribe","channel":"global","id":"s11","last":99999999999}
        < …"code":"INVALID_MESSAGE","error":"Invalid last…
        > {"type":"subscribe","channel":"global","id":"s12","filter":{"events":"task.*"}}
        < …"code":"INVALID_MESSAGE","error":"Invalid filter…
        > {"type":"subscribe","channel":"global","id":"s13","filter":{"events":[5]}}
        < …"code":"INVALID_MESSAGE","error":"Invalid filter…
        > {"type":"subscribe","channel":"global","id":"s14","filter":[]}
        < …"code":"INVALID_MESSAGE","error":"Invalid filter…
        > {"type":"subscribe","channel":"global","id":"s15","presence":1}
        < …"code":"PARSE_ERROR"…
        > {"type":"subscribe","id":"s16"}
        < {"type":"ack","id":"s16","success":false,"code":"PARSE_ERROR","error":"Failed to parse message","timestamp":1700000000123}
        > {"type":"subscribe"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"subscribe","channel":"bad"}
        < {"error":"Invalid channel format: bad","code":"INVALID_CHANNEL","timestamp":1700000000123}
        > {"type":"unsubscribe","channel":"anything"}
        = unsubscribe anything
        ! ack
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123}
        ! subscribed
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42}
        ! recovered
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42,"recovered":true}
        ! pattern
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123}
        """);

    [Fact]
    public void Publish() => Play(
        """
        > {"type":"publish","channel":"global","event":"anything goes","data":[1.0],"id":"p\u0031","ttl":5000,"key":"k"}
        = publish global anything goes [1.0] once=p1 key=k ttl=5000 id="p\u0031"
        > {"type":"publish","channel":"global","event":"x","id":12}
        = publish global x id=12
        > {"type":"publish","channel":"global","event":"x","id":0,"key":"","ttl":0}
        = publish global x
        > {"type":"publish","channel":"global","event":"","id":"p2"}
        < {"type":"ack","id":"p2","success":false,"code":"INVALID_EVENT","error":"Invalid event type: ","timestamp":1700000000123}
        > {"type":"publish","channel":"global","event":"a\nb","id":"p3"}
        < …"code":"INVALID_EVENT"…
        > {"type":"publish","channel":"bad","event":"x","id":"p4"}
        < …"code":"INVALID_CHANNEL"…
        > {"type":"publish","channel":"global","event":"x","id":"p5","ttl":-1}
        < …"code":"INVALID_MESSAGE","error":"Invalid ttl…
        > {"type":"publish","channel":"global","event":"x","id":"p6","ttl":"1"}
        < …"code":"INVALID_MESSAGE","error":"Invalid ttl…
        > {"type":"publish","channel":"global","event":"x","id":"p7","key":"\ud800"}
        < …"code":"INVALID_MESSAGE","error":"Invalid id or key…
        > {"type":"publish","channel":"global","event":"x","id":"p8","key":5}
        < …"code":"PARSE_ERROR"…
        > {"type":"publish","event":"x","id":"p9"}
        < …"code":"PARSE_ERROR"…
        ! published
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42,"duplicate":true,"subscribers":4}
        ! refused
        < {"type":"ack","id":"r1","success":false,"code":"UNAVAILABLE","error":"Later","retry_after_ms":500,"timestamp":1700000000123}
        ! refused for good
        < {"type":"ack","id":"r1","success":false,"code":"NOT_AUTHORIZED","error":"No","timestamp":1700000000123}
        """);

    [Fact]
    public void Presence_history_and_the_rest() => Play(
        """
        > {"type":"presence","channel":"agents/a","id":1}
        = presence agents/a id=1
        > {"type":"presence","channel":"agents/a"}
        < {"error":"presence needs an id","code":"INVALID_MESSAGE","timestamp":1700000000123}
        > {"type":"presence","channel":"agents","id":1}
        < …"code":"INVALID_CHANNEL"…
        > {"type":"history","channel":"global","id":"h","since":{"epoch":"k3j9x2ab","offset":0},"limit":10}
        = history global since=k3j9x2ab:0 limit=10 id="h"
        > {"type":"history","channel":"global","id":"h"}
        = history global limit=100 id="h"
        > {"type":"history","channel":"global","id":"h","limit":0}
        < …"code":"INVALID_MESSAGE","error":"Invalid limit…
        > {"type":"history","channel":"global","id":"h","since":5}
        < …"code":"INVALID_MESSAGE","error":"Invalid since…
        > {"type":"history","id":"h"}
        < …"code":"PARSE_ERROR"…
        > {"type":"ping","id":"q"}
        = ping id="q"
        > {"type":"ping"}
        = ping
        > {"type":"ack","message_id":"msg_k3j9x2ab7"}
        = ack k3j9x2ab:7
        > {"type":"auth","agent_id":"a","id":"a1"}
        = auth agent=a session=- token=- id="a1"
        > {"type":"auth","agent_id":"a\u0000","id":"a2"}
        < …"success":false,"code":"INVALID_CHANNEL"…
        > {"type":"nope","id":"x"}
        < {"error":"Unknown message type: nope","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > 5
        < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > null
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"ping","id":[]}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        ! connected
        < {"type":"connected","client_id":"ws_1","timestamp":1700000000123,"node":"n1","session":"resume","ping_interval_ms":25000,"max_frame_bytes":65536}
        ! pong
        < {"type":"pong","id":"r1","timestamp":1700000000123}
        ! pong without id
        < {"type":"pong","timestamp":1700000000123}
        ! error
        < {"error":"No","code":"INVALID_TOKEN","timestamp":1700000000123}
        ! presence
        < {"type":"presence","id":"r1","success":true,"channel":"agents/a","members":[{"client_id":"ws_1","user_id":"u"},{"client_id":"ws_2","user_id":null}],"count":7,"users":3}
        ! history
        < {"type":"history","id":"r1","success":true,"channel":"global","epoch":"k3j9x2ab","offset":42,"events":[{"id":"msg_k3j9x2ab42","channel":"global","event":"a","data":1,"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42},{"id":"msg_k3j9x2ab42","channel":"global","event":"b","timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42}]}
        ! join
        < {"type":"join","channel":"global","client_id":"ws_1","user_id":"u","timestamp":1700000000123}
        ! leave
        < {"type":"leave","channel":"global","client_id":"ws_1","timestamp":1700000000123}
        ! gap
        < {"type":"gap","channel":"global","epoch":"k3j9x2ab","from":3,"to":9,"timestamp":1700000000123}
        ! reconnect
        < {"type":"reconnect","after_ms":1500,"reason":"drain","timestamp":1700000000123}
        ! event
        < {"id":"msg_k3j9x2ab42","channel":"global","event":"x","data":{"b":1, "a":2.50},"timestamp":1700000000123,"epoch":"k3j9x2ab","offset":42,"key":"k\"1"}
        ! transient
        < {"id":"msg_k3j9x2abt7","channel":"sessions/s","event":"typing","timestamp":1700000000123}
        ! status
        < nothing
        """);

    [Fact]
    public void Resume() => Play(
        """
        > {"type":"resume","id":"r1","session":"t","positions":{"topics/\u0061":{"epoch":"k3j9x2ab","offset":7},"global":{"offset":0,"epoch":"k3j9x2ab"},"users":null}}
        = resume t global=k3j9x2ab:0 topics/a=k3j9x2ab:7 id="r1"
        > {"type":"resume","id":"r1","session":"t"}
        = resume t id="r1"
        > {"type":"resume","session":"t"}
        < {"error":"resume needs an id","code":"INVALID_MESSAGE","timestamp":1700000000123}
        > {"type":"resume","id":"r1"}
        < …"code":"PARSE_ERROR"…
        > {"type":"resume","id":"r1","session":""}
        < …"code":"INVALID_MESSAGE","error":"Invalid session…
        > {"type":"resume","id":"r1","session":"t","positions":[]}
        < …"code":"PARSE_ERROR"…
        > {"type":"resume","id":"r1","session":"t","positions":{"global":{"epoch":"k3j9x2ab","offset":-1}}}
        < …"code":"INVALID_MESSAGE","error":"Invalid positions…
        > {"type":"resume","id":"r1","session":"t","positions":{"bad":{"epoch":"k3j9x2ab","offset":1}}}
        < …"code":"INVALID_CHANNEL","error":"Invalid channel format: bad"…
        ! resumed
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123,"session":"token","client_id":"ws_1","channels":[{"channel":"global","epoch":"k3j9x2ab","offset":42,"recovered":true},{"channel":"agents/*"},{"channel":"agents/a","code":"NOT_AUTHORIZED"}]}
        """);

    [Fact]
    public void Presence_wishes() => Play(
        """
        > {"type":"subscribe","channel":"global","presence":true,"presence_by":"user"}
        = subscribe global presence by user
        > {"type":"subscribe","channel":"global","presence":true,"presence_by":"connection"}
        = subscribe global presence
        > {"type":"subscribe","channel":"global","presence":true,"presence_by":"agent","id":"s"}
        < …"code":"INVALID_MESSAGE","error":"Invalid presence_by…
        > {"type":"subscribe","channel":"agents/*","presence":true,"id":"s"}
        < …"code":"INVALID_MESSAGE","error":"A pattern has no presence…
        """);

    [Fact]
    public void Keys_longer_than_256_bytes_are_refused()
    {
        var frame = "{\"type\":\"publish\",\"channel\":\"global\",\"event\":\"x\",\"id\":\"" + new string('i', 257) + "\"}";
        Assert.StartsWith("refused InvalidMessage", CommandText.Of(new RelayJsonDialect().Decode(System.Text.Encoding.UTF8.GetBytes(frame), binary: false)), StringComparison.Ordinal);
    }

    private static void Play(string transcript) => Transcript.Play(new RelayJsonDialect(), transcript, Says);
}
