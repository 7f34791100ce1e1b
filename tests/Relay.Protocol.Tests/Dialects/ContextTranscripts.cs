namespace Relay.Protocol.Tests;

/// <summary>The table of protocols.md, <c>context</c>, row by row.</summary>
public sealed class ContextTranscripts
{
    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["connected"] = new ConnectedMessage { TimestampMicros = Sample.Micros, ClientId = "ws_1", Node = "n", Session = "s" },
        ["ack s1"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = new RequestId("\"s1\""u8.ToArray()) },
        ["ack 17"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = new RequestId("17"u8.ToArray()) },
        ["subscribed"] = new SubscribedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Recovered = true },
        ["published"] = new PublishedMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Position = Sample.Position, Subscribers = 4 },
        ["not authorized"] = new AckMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.NotAuthorized, ErrorText = "Not authorized to subscribe to this agent channel",
        },
        ["ack without id"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = RequestId.None },
        ["pong"] = new PongMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id },
        ["ping"] = new PingMessage { TimestampMicros = Sample.Micros },
        ["4001"] = new ErrorMessage { TimestampMicros = Sample.Micros, Code = ErrorCode.InvalidToken, Text = "Invalid or expired token" },
        ["4002"] = new ErrorMessage { TimestampMicros = Sample.Micros, Code = ErrorCode.TokenRequired, Text = "Token required in production mode" },
        ["4003"] = new ErrorMessage { TimestampMicros = Sample.Micros, Code = ErrorCode.MissingCredentials, Text = "Missing token or agent_id" },
        ["event"] = Sample.Event("global", "task.completed", "{\"b\":1, \"a\":2.50}"),
        ["event without data"] = Sample.Event("agents/\"x\"", "session.created", key: "k"),
        ["transient"] = Sample.Transient("global", "system.info", "null"),
        ["gap"] = new GapMessage { TimestampMicros = Sample.Micros, Channel = "global", Epoch = Sample.Position.Epoch, From = 1, To = 2 },
    };

    [Fact]
    public void Subscribe_and_unsubscribe() => Play(
        """
        > {"type":"subscribe","channel":"global","id":"s1","timestamp":1}
        = subscribe global id="s1"
        ! ack s1
        < {"type":"ack","id":"s1","success":true,"timestamp":1700000000123}
        ! subscribed
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123}
        > {"type":"subscribe","channel":"bad/x","id":"s2"}
        = refused InvalidChannel id="s2"
        < {"type":"ack","id":"s2","success":false,"error":"Invalid channel format: bad/x","timestamp":1700000000123}
        > {"type":"subscribe","channel":"","id":"s3"}
        < {"type":"ack","id":"s3","success":false,"error":"Invalid channel format: ","timestamp":1700000000123}
        > {"type":"subscribe","channel":"agents/a\r\n","id":"s4"}
        < {"type":"ack","id":"s4","success":false,"error":"Invalid channel format: agents/a\r\n","timestamp":1700000000123}
        > {"type":"subscribe","channel":"agents/\ud800","id":"s5"}
        < {"type":"ack","id":"s5","success":false,"error":"Invalid channel format: agents/�","timestamp":1700000000123}
        # A star is an ordinary character here.
        > {"type":"subscribe","channel":"agents/*","id":"s6"}
        = subscribe agents/* id="s6"
        ! not authorized
        < {"type":"ack","id":"r1","success":false,"error":"Not authorized to subscribe to this agent channel","timestamp":1700000000123}
        > {"type":"subscribe","id":"s7"}
        = error ParseError
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"subscribe","channel":7,"id":"s8"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"unsubscribe","channel":"never/heard","id":"u1"}
        = unsubscribe never/heard id="u1"
        > {"type":"unsubscribe","id":"u2"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        """);

    [Fact]
    public void Ids() => Play(
        """
        > {"type":"subscribe","channel":"global"}
        = subscribe global
        > {"type":"subscribe","channel":"global","id":""}
        = subscribe global
        > {"type":"subscribe","channel":"global","id":0}
        = subscribe global
        > {"type":"subscribe","channel":"global","id":-0.0e5}
        = subscribe global
        > {"type":"subscribe","channel":"global","id":null}
        = subscribe global
        > {"type":"subscribe","channel":"bad"}
        = refused InvalidChannel
        < nothing
        ! ack without id
        < nothing
        > {"type":"subscribe","channel":"global","id":17}
        = subscribe global id=17
        ! ack 17
        < {"type":"ack","id":17,"success":true,"timestamp":1700000000123}
        > {"type":"subscribe","channel":"bad","id":1e999}
        < {"type":"ack","id":1e999,"success":false,"error":"Invalid channel format: bad","timestamp":1700000000123}
        > {"type":"subscribe","channel":"bad","id":"\u0061\"\n"}
        < {"type":"ack","id":"\u0061\"\n","success":false,"error":"Invalid channel format: bad","timestamp":1700000000123}
        > {"type":"subscribe","channel":"global","id":{}}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"subscribe","channel":"global","id":true}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        # The last of two equal keys has the word.
        > {"id":"a","type":"ping","channel":"bad","type":"subscribe","channel":"global","id":"b"}
        = subscribe global id="b"
        """);

    [Fact]
    public void Publish() => Play(
        """
        > {"type":"publish","channel":"agents/x","event":"message.new","data":{"b": 1,"a":[1E400 ]},"id":"p1"}
        = publish agents/x message.new {"b": 1,"a":[1E400 ]} id="p1"
        ! published
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123}
        > {"type":"publish","channel":"global","event":"system.info","data":null}
        = publish global system.info null
        > {"type":"publish","channel":"global","event":"agent.heartbeat"}
        = publish global agent.heartbeat
        > {"type":"publish","channel":"global","event":"session.created","id":"p2"}
        = refused InvalidEvent id="p2"
        < {"type":"ack","id":"p2","success":false,"error":"Invalid event type: session.created","timestamp":1700000000123}
        > {"type":"publish","channel":"bad/x","event":"session.created","id":"p3"}
        < {"type":"ack","id":"p3","success":false,"error":"Invalid event type: session.created","timestamp":1700000000123}
        > {"type":"publish","channel":"bad/x","event":"task.created","id":"p4"}
        < {"type":"ack","id":"p4","success":false,"error":"Invalid channel format: bad/x","timestamp":1700000000123}
        > {"type":"publish","event":"task.created","id":"p5"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"publish","channel":"global","id":"p6"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"publish","channel":"global","event":["task.created"],"id":"p7"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        """);

    [Fact]
    public void Ping_ack_and_auth() => Play(
        """
        > {"type":"ping"}
        = ping
        ! pong
        < {"type":"pong","timestamp":1700000000123}
        ! ping
        < {"type":"ping","timestamp":1700000000123}
        > {"type":"ack","message_id":"msg_k3j9x2ab42"}
        = ack k3j9x2ab:42
        > {"type":"ack","message_id":"msg_k3j9x2abt7"}
        = ack nothing of ours
        > {"type":"ack","message_id":12}
        = ack nothing of ours
        > {"type":"ack"}
        = ack nothing of ours
        > {"type":"auth","agent_id":"a","session_id":"s","id":"a1"}
        = auth agent=a session=s token=- id="a1"
        > {"type":"auth","token":"t.t.t"}
        = auth agent=- session=- token=t.t.t
        > {"type":"auth","agent_id":"","token":null,"id":"a2"}
        = auth agent=- session=- token=- id="a2"
        > {"type":"auth","agent_id":5,"id":"a3"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"auth","agent_id":"a\n","id":"a4"}
        < {"error":"Invalid channel format: agents/a\n","code":"INVALID_CHANNEL","timestamp":1700000000123}
        ! 4001
        < {"error":"Invalid or expired token","code":"4001","timestamp":1700000000123}
        ! 4002
        < {"error":"Token required in production mode","code":"4002","timestamp":1700000000123}
        ! 4003
        < {"error":"Missing token or agent_id","code":"4003","timestamp":1700000000123}
        """);

    [Fact]
    public void What_is_no_message() => Play(
        """
        > {"type":"pong"}
        = error UnknownMessageType
        < {"error":"Unknown message type: pong","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {}
        < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":5}
        < {"error":"Unknown message type: 5","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":null}
        < {"error":"Unknown message type: null","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":true}
        < {"error":"Unknown message type: true","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":{"a":1}}
        < {"error":"Unknown message type: [object Object]","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":"a\"b"}
        < {"error":"Unknown message type: a\"b","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > {"type":"Ping"}
        < {"error":"Unknown message type: Ping","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > [1,2]
        < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > 42
        < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > "ping"
        < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":1700000000123}
        > null
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > nonsense
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        > {"type":"ping"}{"type":"ping"}
        < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":1700000000123}
        """);

    [Fact]
    public void Greeting_and_events() => Play(
        """
        ! connected
        < {"type":"connected","client_id":"ws_1","timestamp":1700000000123}
        ! event
        < {"id":"msg_k3j9x2ab42","channel":"global","event":"task.completed","data":{"b":1, "a":2.50},"timestamp":1700000000123}
        ! event without data
        < {"id":"msg_k3j9x2ab42","channel":"agents/\"x\"","event":"session.created","timestamp":1700000000123}
        ! transient
        < {"id":"msg_k3j9x2abt7","channel":"global","event":"system.info","data":null,"timestamp":1700000000123}
        ! gap
        < nothing
        """);

    [Theory]
    [InlineData("task.created", true)]
    [InlineData("subtask.failed", true)]
    [InlineData("message.read", true)]
    [InlineData("agent.connected", true)]
    [InlineData("metric.update", true)]
    [InlineData("system.error", true)]
    [InlineData("task.deleted", false)]
    [InlineData("message.created", false)]
    [InlineData("Task.created", false)]
    [InlineData("", false)]
    public void Publishable_events_are_a_closed_list(string name, bool publishable) => Assert.Equal(publishable, EventName.IsPublishableInContext(name));

    private static void Play(string transcript) => Transcript.Play(new ContextDialect(), transcript, Says);
}
