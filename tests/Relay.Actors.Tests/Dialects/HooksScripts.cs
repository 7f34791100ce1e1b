using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>hooks</c>, through the actors.</summary>
public sealed class HooksScripts
{
    private const string Status =
        """{"type":"system.status","timestamp":"2026-01-01T00:00:0…Z","data":{"session_id":null,"session_start":null,"claude_status":"stopped","claude_pid":null,"connected_clients":CLIENTS,"websocket_port":8765,"instance_info":{"port":8765,"host":"127.0.0.1","working_dir":null}}}""";

    [Fact]
    public void The_status_is_the_first_frame_and_the_answer_to_get_status() => Script.Play($$$"""
        a = hooks
        a < {{{Status.Replace("CLIENTS", "1")}}}
        b = hooks
        b < {{{Status.Replace("CLIENTS", "2")}}}
        a > {"command":"get_status"}
        a < {{{Status.Replace("CLIENTS", "2")}}}
        """);

    [Fact]
    public void The_status_is_filled_from_the_events_that_pass() => Script.Play("""
        s = hooks
        s *
        s > {"type":"session.start","timestamp":"t","data":{"session_id":"abc","start_time":"2026-01-01T10:00:00","working_dir":"/w","pid":7}}
        a = hooks
        a < {"type":"system.status",…"data":{"session_id":"abc","session_start":"2026-01-01T10:00:00","claude_status":"running","claude_pid":7,…"working_dir":"/w"}}}
        s > {"type":"claude.status","data":{"status":"error","pid":8}}
        a *
        a > {"command":"get_status"}
        a < {"type":"system.status",…"claude_status":"error","claude_pid":8,…}
        s > {"type":"session.end","data":{}}
        a *
        a > {"command":"get_status"}
        a < {"type":"system.status",…"session_id":"abc",…"claude_status":"stopped","claude_pid":null,…}
        """);

    [Fact]
    public void An_event_goes_verbatim_to_global_clients_and_to_its_session_but_not_back() => Script.Play("""
        s = hooks
        g = hooks
        r = hooks
        o = hooks
        s *
        g *
        r *
        o *
        r > {"type":"register","session_id":"abc123"}
        o > {"type":"register","session_id":"other"}
        s > { "type":"hook.user_prompt", "timestamp":"2026-01-01T00:00:00.000001Z","data":{"x":1.50,"session_id":"abc123"} }
        g < { "type":"hook.user_prompt", "timestamp":"2026-01-01T00:00:00.000001Z","data":{"x":1.50,"session_id":"abc123"} }
        r < { "type":"hook.user_prompt", "timestamp":"2026-01-01T00:00:00.000001Z","data":{"x":1.50,"session_id":"abc123"} }
        s > {"type":"agent.stop","data":{}}
        g < {"type":"agent.stop","data":{}}
        """, seeds: 10);

    [Theory]
    [InlineData("""{"type":"register"}""")]
    [InlineData("""{"type":"register","session_id":"global"}""")]
    public void Registering_for_nothing_in_particular_hears_every_event_again(string register) => Script.Play($$$"""
        s = hooks
        r = hooks
        s *
        r *
        r > {"type":"register","session_id":"one"}
        s > {"type":"hook.a","data":{"session_id":"two"}}
        r > {{{register}}}
        s > {"type":"hook.b","data":{"session_id":"two"}}
        r < {"type":"hook.b","data":{"session_id":"two"}}
        """);

    [Fact]
    public void Registering_twice_in_one_read_ends_at_the_second_session_and_events_pass() => Script.Play("""
        s = hooks
        r = hooks
        s *
        r *
        r > {"type":"register","session_id":"one"} & {"type":"register","session_id":"two"} & {"type":"hook.x","data":{}}
        s < {"type":"hook.x","data":{}}
        s > {"type":"hook.a","data":{"session_id":"one"}}
        s > {"type":"hook.b","data":{"session_id":"two"}}
        r < {"type":"hook.b","data":{"session_id":"two"}}
        """, seeds: 20);

    [Fact]
    public void The_filter_applies_and_is_shown() => Script.Play("""
        s = hooks
        r = hooks
        s *
        r *
        r > {"command":"subscribe","channels":["agent.*","hook.exact"]}
        r < {"type":"subscribed","data":{"channels":["agent.*","hook.exact"]}}
        s > {"type":"agent.start","data":{}}
        r < {"type":"agent.start","data":{}}
        s > {"type":"hook.other","data":{}}
        s > {"type":"hook.exact","data":{}}
        r < {"type":"hook.exact","data":{}}
        r > {"type":"register","session_id":"q"}
        s > {"type":"hook.other","data":{"session_id":"q"}}
        s > {"type":"agent.x","data":{"session_id":"q"}}
        r < {"type":"agent.x","data":{"session_id":"q"}}
        r > {"command":"subscribe"}
        r < {"type":"subscribed","data":{"channels":["*"]}}
        s > {"type":"hook.other","data":{"session_id":"q"}}
        r < {"type":"hook.other","data":{"session_id":"q"}}
        """);

    [Fact]
    public void History_gives_the_newest_that_match_oldest_first() => Script.Play("""
        s = hooks
        s *
        s > {"type":"a","data":{"n":1}} & {"type":"b","data":{"n":2}} & {"type":"a","data":{"n":3,"session_id":"z"}}
        s > {"command":"get_history"}
        s < {"type":"history","data":{"events":[{"type":"a","data":{"n":1}},{"type":"b","data":{"n":2}},{"type":"a","data":{"n":3,"session_id":"z"}}]}}
        s > {"command":"get_history","params":{"limit":2}}
        s < {"type":"history","data":{"events":[{"type":"b","data":{"n":2}},{"type":"a","data":{"n":3,"session_id":"z"}}]}}
        s > {"command":"get_history","params":{"event_types":["a"],"limit":1}}
        s < {"type":"history","data":{"events":[{"type":"a","data":{"n":3,"session_id":"z"}}]}}
        s > {"command":"get_history","params":{"event_types":["none"]}}
        s < {"type":"history","data":{"events":[]}}
        s > {"command":"get_history","params":{"limit":0}}
        s < {"type":"history","data":{"events":[]}}
        s > {"command":"get_history","params":{"limit":-5}}
        s < {"type":"history","data":{"events":[]}}
        """, seeds: 10);

    [Fact]
    public void Who_says_where_it_was_gets_what_it_missed_whatever_the_limit() => Script.Play("""
        s = hooks
        s *
        s > {"type":"a","data":{"n":1}} & {"type":"b","data":{"n":2}} & {"type":"a","data":{"n":3}}
        s > {"command":"get_history","params":{"since":{},"limit":0}}
        s < {"type":"history","data":{"events":[{"type":"a","data":{"n":1}},{"type":"b","data":{"n":2}},{"type":"a","data":{"n":3}}],"epoch":"‹e›","offset":3,"recovered":false}}
        s > {"command":"get_history","params":{"since":{"epoch":"‹e›","offset":1},"limit":1}}
        s < {"type":"history","data":{"events":[{"type":"b","data":{"n":2}},{"type":"a","data":{"n":3}}],"epoch":"‹e›","offset":3,"recovered":true}}
        s > {"command":"get_history","params":{"since":{"epoch":"‹e›","offset":0},"event_types":["a"]}}
        s < {"type":"history","data":{"events":[{"type":"a","data":{"n":1}},{"type":"a","data":{"n":3}}],"epoch":"‹e›","offset":3,"recovered":true}}
        s > {"command":"get_history","params":{"since":{"epoch":"‹e›","offset":3}}}
        s < {"type":"history","data":{"events":[],"epoch":"‹e›","offset":3,"recovered":true}}
        s > {"command":"get_history","params":{"since":{"epoch":"‹e›","offset":9}}}
        s < {"type":"history","data":{"events":[],"epoch":"‹e›","offset":3,"recovered":false}}
        s > {"command":"get_history","params":{"since":5,"limit":1}}
        s < {"type":"history","data":{"events":[{"type":"a","data":{"n":3}}]}}
        """, seeds: 5);

    [Fact]
    public void History_holds_the_last_thousand()
    {
        using var relay = new RelayHarness();
        var sender = relay.Connect(DialectKind.Hooks);
        for (var i = 1; i <= 1010; i++)
        {
            sender.Send($$$"""{"type":"n","data":{"n":{{{i}}}}}""");
        }

        relay.Settle();
        sender.TakeAll();
        sender.Send("""{"command":"get_history","params":{"limit":5000}}""", """{"command":"get_history"}""");
        relay.Settle();
        var all = sender.Take()!;
        Assert.StartsWith("""{"type":"history","data":{"events":[{"type":"n","data":{"n":11}},""", all);
        Assert.EndsWith("""{"type":"n","data":{"n":1010}}]}}""", all);
        Assert.Equal(1000, all.Split("\"type\":\"n\"").Length - 1);
        Assert.StartsWith("""{"type":"history","data":{"events":[{"type":"n","data":{"n":911}},""", sender.Take());
    }

    [Fact]
    public void What_is_no_object_gets_the_error_and_an_unknown_command_silence() => Script.Play("""
        a = hooks
        a *
        a > nonsense
        a < {"type":"error","data":{"message":"Invalid JSON"}}
        a > [1]
        a < {"type":"error","data":{"message":"Invalid JSON"}}
        a > {"command":"dance"}
        a > {"nothing":1}
        a > {"command":"subscribe","channels":["x"]}
        a < {"type":"subscribed","data":{"channels":["x"]}}
        """);

    [Fact]
    public void A_heartbeat_comes_every_30_seconds() => Script.Play("""
        a = hooks
        b = hooks
        a *
        b *
        +29s
        +1s
        a < {"type":"system.heartbeat","data":{"clients":2}}
        b < {"type":"system.heartbeat","data":{"clients":2}}
        b !
        +30s
        a < {"type":"system.heartbeat","data":{"clients":1}}
        """);
}
