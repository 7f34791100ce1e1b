using System.Text;
using Relay.Actors.Hooks;

namespace Relay.Actors.Tests;

public sealed class HookStateTests
{
    private readonly HookState _state = new();

    [Fact]
    public void It_begins_stopped_and_knows_nothing() => Expect("null null stopped null null");

    [Fact]
    public void A_start_begins_a_session_at_the_events_time_when_it_names_none()
    {
        Apply("session.start", "{}", 1_500_000);
        Expect("null 1970-01-01T00:00:01.500000Z running null null");
        Apply("session.start", """{"session_id":"s","session_start":"x","cwd":"/d","status":"starting","pid":5}""");
        Expect("s x starting 5 /d");
        Apply("session.start", """{"session_id":"t"}""", 0);
        Expect("t 1970-01-01T00:00:00.000000Z running 5 /d");
    }

    [Fact]
    public void A_status_changes_what_it_names_and_only_to_what_is_known()
    {
        Apply("claude.status", """{"status":"error","pid":9}""");
        Expect("null null error 9 null");
        Apply("claude.status", """{"claude_status":"dancing","claude_pid":"x"}""");
        Expect("null null error null null");
        Apply("claude.status", """{"status":5}""");
        Expect("null null error null null");
    }

    [Fact]
    public void An_end_stops_and_keeps_the_session()
    {
        Apply("session.start", """{"session_id":"s","start_time":"x","pid":5}""");
        Apply("session.end", "{}");
        Expect("s x stopped null null");
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("[1]")]
    [InlineData("{\"status\":\"error\"")]
    [InlineData("{\"session_id\":\"\\ud800\"}")]
    [InlineData("{\"\\ud800\":1}")]
    public void What_cannot_be_read_changes_nothing(string data)
    {
        Apply("claude.status", data);
        Expect("null null stopped null null");
        Apply("hook.other", """{"status":"error"}""");
        Expect("null null stopped null null");
    }

    private void Apply(string name, string data, long at = 0) => _state.Apply(name, Encoding.UTF8.GetBytes(data), at);

    private void Expect(string expected)
    {
        var status = _state.ToMessage(1, 2, "h", 3);
        Assert.Equal((1L, 2, "h", 3), (status.TimestampMicros, status.ConnectedClients, status.Host, status.Port));
        Assert.Equal(
            expected,
            $"{status.SessionId ?? "null"} {status.SessionStart ?? "null"} {status.ClaudeStatus} {status.ClaudePid?.ToString() ?? "null"} {status.WorkingDir ?? "null"}");
    }
}
