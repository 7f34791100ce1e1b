namespace Relay.Protocol.Tests;

/// <summary>The table of protocols.md, <c>webui</c>, row by row.</summary>
public sealed class WebUiTranscripts
{
    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["hello"] = new SystemMessage { TimestampMicros = Sample.Micros, MessageId = 255, Level = "info", Text = "Connected to ActorRelay" },
        ["status"] = new SessionStatusMessage
        {
            TimestampMicros = Sample.Micros, MessageId = 1, SessionId = "0123456789abcdef0123456789abcdef", Status = "active",
            MessageCount = 0, CreatedMicros = Sample.Micros, LastActivityMicros = Sample.Micros,
        },
        ["pong"] = new PongMessage { TimestampMicros = Sample.Micros, MessageBits = 16 },
        ["pong in a session"] = new PongMessage { TimestampMicros = Sample.Micros, MessageBits = 16, SessionId = "s1" },
        ["no session"] = new ErrorMessage { TimestampMicros = Sample.Micros, MessageBits = 2, Code = ErrorCode.NoSession, Text = "Create or join a session first" },
        ["not found"] = new ErrorMessage
        {
            TimestampMicros = Sample.Micros, MessageBits = 2, Code = ErrorCode.SessionNotFound, Text = "Session not found", Details = "x\"y", SessionId = "s1",
        },
        ["timeout"] = new ErrorMessage { TimestampMicros = Sample.Micros, MessageBits = 2, Code = ErrorCode.Timeout, Text = "No answer" },
        ["unauthorized"] = new ErrorMessage { TimestampMicros = Sample.Micros, MessageBits = 2, Code = ErrorCode.InvalidToken, Text = "No" },
        ["chat"] = Sample.Event("sessions/s1", "chat_message", "{\"content\":\"hi\"}"),
        ["typing"] = Sample.Transient("sessions/s1", "typing", "{\"is_typing\":true}"),
        ["elsewhere"] = Sample.Event("users/u1", "notice"),
        ["old chat"] = History("{\"content\":\"hi\" }"),
        ["old answer"] = History("{\"status\" : \"streaming\", \"content\":\"hi\"}"),
        ["old complete answer"] = History("{\"content\":\"hi\",\"status\":\"complete\"}"),
        ["old empty object"] = History("{ }"),
        ["old nothing"] = History(null),
        ["old array"] = History("[1]"),
        ["ack"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id },
    };

    [Fact]
    public void Sessions_and_chat() => Play(
        """
        ! hello
        < {"type":"system_message","message_id":"00000000000000ff","timestamp":"2023-11-14T22:13:20.123456Z","data":{"level":"info","message":"Connected to ActorRelay"}}
        > {"type":"session_create","message_id":"m1","timestamp":"2025-01-31T12:00:00.5+02:00"}
        = create
        > {"type":"session_create","data":null,"session_id":null,"timestamp":null}
        = create
        ! status
        < {"type":"session_status","session_id":"0123456789abcdef0123456789abcdef","message_id":"0000000000000001","timestamp":"2023-11-14T22:13:20.123456Z","data":{"session_id":"0123456789abcdef0123456789abcdef","status":"active","message_count":0,"created_at":"2023-11-14T22:13:20.123456Z","last_activity":"2023-11-14T22:13:20.123456Z"}}
        > {"type":"session_join","data":{"session_id":"abc"}}
        = join 'abc'
        > {"type":"session_join"}
        = join ''
        ! not found
        < {"type":"error","session_id":"s1","message_id":"0000000000000002","timestamp":"2023-11-14T22:13:20.123456Z","data":{"code":"SESSION_NOT_FOUND","message":"Session not found","details":"x\"y"}}
        > {"type":"chat_message","session_id":"ignored","data":{"content":"h\u00e9 \ud800", "message_type":"text","n":1.0}}
        = chat 'hé �' {"content":"h\u00e9 \ud800", "message_type":"text","n":1.0}
        > {"type":"chat_message"}
        = chat '' {}
        ! no session
        < {"type":"error","message_id":"0000000000000002","timestamp":"2023-11-14T22:13:20.123456Z","data":{"code":"NO_SESSION","message":"Create or join a session first","details":""}}
        ! timeout
        < {"type":"error","message_id":"0000000000000002","timestamp":"2023-11-14T22:13:20.123456Z","data":{"code":"TIMEOUT","message":"No answer","details":""}}
        ! unauthorized
        < {"type":"error","message_id":"0000000000000002","timestamp":"2023-11-14T22:13:20.123456Z","data":{"code":"UNAUTHORIZED","message":"No","details":""}}
        > {"type":"ping"}
        = ping
        ! pong
        < {"type":"pong","message_id":"0000000000000010","timestamp":"2023-11-14T22:13:20.123456Z"}
        ! pong in a session
        < {"type":"pong","session_id":"s1","message_id":"0000000000000010","timestamp":"2023-11-14T22:13:20.123456Z"}
        > {"type":"typing","data":{"is_typing":true}}
        = typing {"is_typing":true}
        > {"type":"typing"}
        = typing {}
        ! ack
        < nothing
        """);

    [Fact]
    public void Errors_come_in_the_order_of_the_checks() => Play(
        """
        > nonsense
        = error ParseError
        < {"type":"error","message_id":"0000000000000001","timestamp":"2023-11-14T22:13:20.123456Z","data":{"code":"INVALID_JSON","message":"Invalid JSON format","details":"not a JSON object"}}
        > [1]
        < …"code":"INVALID_JSON"…
        > null
        < …"code":"INVALID_JSON"…
        > {"type":"nope","timestamp":1700000000}
        < …"code":"INVALID_JSON","message":"Invalid JSON format","details":"timestamp must be an RFC 3339 string"}}
        > {"type":"ping","timestamp":"yesterday"}
        < …"code":"INVALID_JSON"…
        > {"type":"ping","data":[]}
        < …"code":"INVALID_JSON","message":"Invalid JSON format","details":"data must be an object"}}
        > {"type":"ping","data":"x"}
        < …"code":"INVALID_JSON"…
        > {"type":5}
        < …"code":"INVALID_JSON"…
        > {"type":"ping","session_id":5}
        < …"code":"INVALID_JSON"…
        > {}
        = error InvalidMessage
        < …"code":"INVALID_MESSAGE","message":"Message type is required","details":""}}
        > {"type":""}
        < …"code":"INVALID_MESSAGE"…
        > {"type":"nope"}
        = error UnknownMessageType
        < …"code":"UNKNOWN_MESSAGE_TYPE","message":"Unknown message type","details":"nope"}}
        > {"type":"session_create","data":{"user_id":5}}
        < …"code":"INVALID_SESSION_CREATE"…
        > {"type":"session_join","data":{"session_id":5}}
        < …"code":"INVALID_SESSION_JOIN"…
        > {"type":"chat_message","data":{"content":5}}
        < …"code":"INVALID_CHAT_MESSAGE"…
        > {"type":"chat_message","data":{"content":"a","message_type":{}}}
        < …"code":"INVALID_CHAT_MESSAGE"…
        > {"type":"typing","data":{"is_typing":"yes"}}
        < …"code":"INVALID_MESSAGE"…
        """);

    [Fact]
    public void Events_and_history() => Play(
        """
        ! chat
        < {"type":"chat_message","session_id":"s1","message_id":"…","timestamp":"2023-11-14T22:13:20.123456Z","data":{"content":"hi"}}
        ! typing
        < {"type":"typing","session_id":"s1","message_id":"…","timestamp":"2023-11-14T22:13:20.123456Z","data":{"is_typing":true}}
        ! elsewhere
        < {"type":"notice","message_id":"…","timestamp":"2023-11-14T22:13:20.123456Z"}
        ! old chat
        < {"type":"chat_message","session_id":"s1","message_id":"…","timestamp":"2023-11-14T22:13:20.123456Z","data":{"content":"hi" ,"status":"complete"}}
        ! old answer
        < …"data":{"status" : "complete", "content":"hi"}}
        ! old complete answer
        < …"data":{"content":"hi","status":"complete"}}
        ! old empty object
        < …"data":{ "status":"complete"}}
        ! old nothing
        < …"data":{"status":"complete"}}
        ! old array
        < …"data":[1]}
        """);

    [Fact]
    public void Messages_without_bits_of_their_own_get_an_id_from_the_time()
    {
        var dialect = new WebUiDialect();
        var first = Sample.Encode(dialect, new PongMessage { TimestampMicros = Sample.Micros })!;
        var second = Sample.Encode(dialect, new PongMessage { TimestampMicros = Sample.Micros + 1 })!;
        Assert.Matches("\"message_id\":\"[0-9a-f]{16}\"", System.Text.Encoding.UTF8.GetString(first));
        Assert.NotEqual(first.AsSpan(24, 16).ToArray(), second.AsSpan(24, 16).ToArray());
    }

    private static SessionHistoryMessage History(string? data) =>
        new() { TimestampMicros = 5, SessionId = "s1", Publication = Sample.Event("sessions/s1", "chat_message", data) };

    private static void Play(string transcript) => Transcript.Play(new WebUiDialect(), transcript, Says);
}
