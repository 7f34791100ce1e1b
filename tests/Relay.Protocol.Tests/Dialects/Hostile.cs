using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>Input of reliability.md, S21 and S24, and good frames to damage.</summary>
internal static class Hostile
{
    /// <summary>Good client frames of every JSON dialect.</summary>
    public static readonly string[] Good =
    [
        """{"type":"subscribe","channel":"global","id":"s1","timestamp":1,"since":{"epoch":"k3j9x2ab","offset":42},"last":5,"presence":true,"filter":{"events":["task.*"]}}""",
        """{"type":"unsubscribe","channel":"agents/a","id":7}""",
        """{"type":"publish","channel":"agents/x","event":"message.new","data":{"b":1,"a":[true,null,"é"]},"id":"p1","ttl":5,"key":"k"}""",
        """{"type":"publish","channel":"agents/x","event":"message.new","id":"p1","key":"k","if_version":{"epoch":"k3j9x2ab","offset":42}}""",
        """{"type":"publish_batch","id":"b1","items":[{"channel":"global","event":"message.new","data":1,"id":"p1","key":"k","if_version":0},{"channel":"global"}]}""",
        """{"type":"ping","id":"q"}""",
        """{"type":"ack","message_id":"msg_k3j9x2ab42"}""",
        """{"type":"auth","agent_id":"a","session_id":"s","token":"t","id":"a1"}""",
        """{"type":"presence","channel":"global","id":1}""",
        """{"type":"history","channel":"global","id":1,"limit":10}""",
        """{"type":"history","channel":"global","id":1,"since":{"epoch":"k3j9x2ab","offset":42},"until":50}""",
        """{"command":"get_history","params":{"event_types":["hook.stop"],"limit":5}}""",
        """{"command":"subscribe","channels":["agent.*"]}""",
        """{"command":"get_status"}""",
        """{"type":"register","session_id":"s1"}""",
        """{"type":"hook.user_prompt","timestamp":"2025-01-31T12:00:00.000000Z","data":{"session_id":"abc123","p":[1.0]}}""",
        """{"type":"session_create","message_id":"m","timestamp":"2025-01-31T12:00:00Z"}""",
        """{"type":"session_join","data":{"session_id":"0123456789abcdef0123456789abcdef"}}""",
        """{"type":"chat_message","session_id":"s","data":{"content":"h\u00e9","message_type":"text"}}""",
        """{"type":"typing","data":{"is_typing":true}}""",
        """{"target_user_id":"u1","target_session_id":"s","type":"agent_update","payload":{"project_id":"p"},"id":"x","channel":null}""",
        """{"channel":"agents/a","event":"session.created","data":{"id":1},"timestamp":5}""",
    ];

    private static readonly string[] Values =
        ["null", "true", "false", "0", "-1", "1e999", "9223372036854775808", "1.5", "\"\"", "\"x\"", "\"\\ud800\"", "\"a\\r\\nb\"", "[]", "[[]]", "[null]", "{}", "{\"a\":{}}"];

    private static readonly string[] Names =
    [
        "id", "channel", "event", "data", "since", "last", "presence", "filter", "ttl", "key", "limit", "until", "items", "if_version", "since_time", "last_per_key", "message_id", "agent_id", "session_id", "token",
        "command", "params", "channels", "timestamp", "target_user_id", "target_session_id", "target_project_id", "payload",
    ];

    public static IEnumerable<byte[]> Frames()
    {
        var deep = new string('[', 10_000);
        string[] texts =
        [
            "", " ", "\ufeff{\"type\":\"ping\"}", "NaN", "{", "}", "{\"type\":", "{\"type\":\"ping\"}{\"type\":\"ping\"}", "\u0000",
            deep, "{\"type\":\"publish\",\"channel\":\"global\",\"event\":\"task.created\",\"data\":" + deep + new string(']', 10_000) + "}",
            string.Concat(Enumerable.Repeat("{\"type\":", 10_000)), "{\"type\":" + new string('9', 60_000) + "}", "{\"type\":" + deep[..60] + new string(']', 60) + "}",
            "{\"type\":\"publish\",\"channel\":\"" + new string('c', 10_000) + "\",\"event\":\"task.created\",\"id\":\"x\"}",
            "{\"type\":\"subscribe\",\"channel\":\"agents/\\u0000\",\"id\":\"" + new string('\u00e9', 30_000) + "\"}",
            "{\"__proto__\":{\"type\":\"ping\"},\"constructor\":1,\"type\":\"ping\"}", "{\"type\":\"\\ud800\\udc00\\udc00\"}",
            "{\"type\":\"auth\",\"agent_id\":\"" + new string('a', 1_000_000) + "\"}", "[" + string.Join(',', Enumerable.Repeat("1", 30_000)) + "]",
        ];
        foreach (var text in texts)
        {
            yield return Encoding.UTF8.GetBytes(text);
        }

        yield return Encoding.Unicode.GetBytes("{\"type\":\"ping\"}");
        yield return [0xFF, 0xFE, 0x00];
        yield return [.. "{\"type\":\"subscribe\",\"channel\":\"agents/"u8, 0xC3, 0x28, .. "\"}"u8];
        foreach (var good in Good)
        {
            var bytes = Encoding.UTF8.GetBytes(good);
            for (var length = 0; length <= bytes.Length; length++)
            {
                yield return bytes[..length];
            }
        }
    }

    /// <summary>Every good frame with every member name in turn repeated, last, with a value of every type.</summary>
    public static IEnumerable<string> WrongTypes() =>
        from good in Good
        from name in Names.Append("type")
        from value in Values
        select $"{good[..^1]},\"{name}\":{value}}}";
}
