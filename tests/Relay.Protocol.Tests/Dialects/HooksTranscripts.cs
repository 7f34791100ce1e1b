namespace Relay.Protocol.Tests;

/// <summary>The table of protocols.md, <c>hooks</c>, row by row.</summary>
public sealed class HooksTranscripts
{
    private static readonly Publication Foreign = Sample.Event("hooks", "task.created", "{\"x\": 1}");

    private static readonly Publication Own = Sample.Raw(
        RawFormat.Hooks, "{ \"type\":\"hook.stop\", \"extra\":1,\"data\":{} }", "hooks", "hook.stop", "{}");

    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["first status"] = new HookStatusMessage { TimestampMicros = Sample.Micros, ConnectedClients = 1, Port = 8765, Host = "127.0.0.1" },
        ["status"] = new HookStatusMessage
        {
            TimestampMicros = Sample.Micros, ConnectedClients = 2, Port = 8765, Host = "127.0.0.1",
            SessionId = "s1", SessionStart = "2025-01-31T12:00:00Z", ClaudeStatus = "running", ClaudePid = 77, WorkingDir = "/w \"x\"",
        },
        ["history"] = new HookHistoryMessage { TimestampMicros = Sample.Micros, Events = [Own, Foreign] },
        ["no history"] = new HookHistoryMessage { TimestampMicros = Sample.Micros, Events = [] },
        ["filter"] = new HookFilterMessage { TimestampMicros = Sample.Micros, Patterns = ["agent.*", "hook.stop"] },
        ["heartbeat"] = new HookHeartbeatMessage { TimestampMicros = Sample.Micros, Clients = 3 },
        ["own event"] = Own,
        ["foreign event"] = Foreign,
        ["foreign event without data"] = Sample.Event("sessions/s1", "typing"),
        ["ack"] = new AckMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id },
        ["pong"] = new PongMessage { TimestampMicros = Sample.Micros },
    };

    [Fact]
    public void Commands() => Play(
        """
        > {"command":"get_status"}
        = status
        ! first status
        < {"type":"system.status","timestamp":"2023-11-14T22:13:20.123456Z","data":{"session_id":null,"session_start":null,"claude_status":"stopped","claude_pid":null,"connected_clients":1,"websocket_port":8765,"instance_info":{"port":8765,"host":"127.0.0.1","working_dir":null}}}
        ! status
        < {"type":"system.status","timestamp":"2023-11-14T22:13:20.123456Z","data":{"session_id":"s1","session_start":"2025-01-31T12:00:00Z","claude_status":"running","claude_pid":77,"connected_clients":2,"websocket_port":8765,"instance_info":{"port":8765,"host":"127.0.0.1","working_dir":"/w \"x\""}}}
        > {"command":"get_history"}
        = history types=all limit=100
        > {"command":"get_history","params":{"event_types":["hook.stop","a"],"limit":5}}
        = history types=[hook.stop a] limit=5
        > {"command":"get_history","params":{"event_types":"hook.stop","limit":"5"}}
        = history types=all limit=100
        > {"command":"get_history","params":{"event_types":[],"limit":0}}
        = history types=all limit=0
        > {"command":"get_history","params":{"event_types":[5,"a",null],"limit":-99999999999999999999}}
        = history types=[a] limit=-2147483648
        > {"command":"get_history","params":{"limit":1.5}}
        = history types=all limit=100
        > {"command":"get_history","params":[]}
        = history types=all limit=100
        ! history
        < {"type":"history","data":{"events":[{ "type":"hook.stop", "extra":1,"data":{} },{"type":"task.created","timestamp":"2023-11-14T22:13:20.123456Z","data":{"x": 1}}]}}
        ! no history
        < {"type":"history","data":{"events":[]}}
        > {"command":"subscribe","channels":["agent.*","hook.stop"]}
        = filter [agent.* hook.stop]
        ! filter
        < {"type":"subscribed","data":{"channels":["agent.*","hook.stop"]}}
        > {"command":"subscribe"}
        = filter [*]
        > {"command":"subscribe","channels":"agent.*"}
        = filter [*]
        > {"command":"reboot"}
        = silence
        > {"command":5}
        = silence
        # A command is a command even when there is a type as well.
        > {"command":"get_status","type":"hook.stop","data":{}}
        = status
        > {"type":"hook.stop","command":"unknown"}
        = silence
        ! heartbeat
        < {"type":"system.heartbeat","data":{"clients":3}}
        """);

    [Fact]
    public void Register() => Play(
        """
        > {"type":"register","session_id":"s1"}
        = register s1
        > {"type":"register"}
        = register everything
        > {"type":"register","session_id":"global"}
        = register everything
        > {"type":"register","session_id":null}
        = register everything
        > {"type":"register","session_id":7}
        = register everything
        # No session can have this id, and everything is not what was asked for.
        > {"type":"register","session_id":"a\nb"}
        = silence
        """);

    [Fact]
    public void Events() => Play(
        """
        > {"type":"hook.user_prompt","timestamp":"t","data":{"p": [1.0],"session_id":"abc123"}}
        = event hook.user_prompt session=abc123 {"p": [1.0],"session_id":"abc123"}
        > {"type":"hook.stop"}
        = event hook.stop session=-
        > {"type":"hook.stop","data":{"session_id":""}}
        = event hook.stop session=- {"session_id":""}
        > {"type":"hook.stop","data":{"session_id":5}}
        = event hook.stop session=- {"session_id":5}
        > {"type":"hook.stop","data":{"session_id":"\ud800"}}
        = event hook.stop session=- {"session_id":"\ud800"}
        > {"type":"hook.stop","data":[{"session_id":"x"}]}
        = event hook.stop session=- [{"session_id":"x"}]
        ! own event
        < { "type":"hook.stop", "extra":1,"data":{} }
        ! foreign event
        < {"type":"task.created","timestamp":"2023-11-14T22:13:20.123456Z","data":{"x": 1}}
        ! foreign event without data
        < {"type":"typing","timestamp":"2023-11-14T22:13:20.123456Z","data":{}}
        """);

    [Fact]
    public void What_is_no_message() => Play(
        """
        > nonsense
        = error ParseError
        < {"type":"error","data":{"message":"Invalid JSON"}}
        > []
        < {"type":"error","data":{"message":"Invalid JSON"}}
        > null
        < {"type":"error","data":{"message":"Invalid JSON"}}
        > "register"
        < {"type":"error","data":{"message":"Invalid JSON"}}
        > {"type":"x"
        < {"type":"error","data":{"message":"Invalid JSON"}}
        > {}
        = silence
        > {"type":""}
        = silence
        > {"type":7}
        = silence
        ! ack
        < nothing
        ! pong
        < nothing
        """);

    [Fact]
    public void The_whole_frame_is_kept_and_data_is_a_slice_of_it()
    {
        var frame = " {\"type\":\"hook.stop\",\"data\": {\"a\":1} } "u8.ToArray();
        var command = Assert.IsType<HookEventCommand>(new HooksDialect().Decode(frame, binary: false));
        Assert.True(command.Raw.Span.SequenceEqual(frame));
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(command.Data, out var data));
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(command.Raw, out var raw));
        Assert.Same(raw.Array, data.Array);
    }

    [Fact]
    public void A_command_with_too_many_patterns_filters_nothing()
    {
        var frame = "{\"command\":\"subscribe\",\"channels\":[" + string.Join(',', Enumerable.Repeat("\"a\"", 257)) + "]}";
        var command = new HooksDialect().Decode(System.Text.Encoding.UTF8.GetBytes(frame), binary: false);
        Assert.Equal("filter [*]", CommandText.Of(command));
    }

    private static void Play(string transcript) => Transcript.Play(new HooksDialect(), transcript, Says);
}
