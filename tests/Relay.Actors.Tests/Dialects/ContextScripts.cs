namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>context</c>, row by row and bullet by bullet, through the actors.</summary>
public sealed class ContextScripts
{
    [Fact]
    public void The_greeting_comes_first_and_global_is_subscribed_silently() => Script.Play("""
        a = context
        a < {"type":"connected","client_id":"‹a›","timestamp":1767225600000}
        b = context
        b < {"type":"connected","client_id":"ws_…","timestamp":1767225600000}
        b > {"type":"publish","channel":"global","event":"system.info","data":{"n":1},"id":"p"}
        b < {"id":"‹m›","channel":"global","event":"system.info","data":{"n":1},"timestamp":1767225600000}
        b < {"type":"ack","id":"p","success":true,"timestamp":1767225600000}
        a < {"id":"‹m›","channel":"global","event":"system.info","data":{"n":1},"timestamp":1767225600000}
        """);

    [Fact]
    public void Subscribe_is_acked_and_events_of_the_channel_follow() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"topics/x","id":"s1","timestamp":5}
        a < {"type":"ack","id":"s1","success":true,"timestamp":…}
        post topics/x any.name {"k":[1,2.50]}
        a < {"id":"msg_…","channel":"topics/x","event":"any.name","data":{"k":[1,2.50]},"timestamp":…}
        post topics/y any.name {}
        """);

    [Fact]
    public void Subscribing_again_is_acked_and_delivers_once() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"global","id":"s1"} & {"type":"subscribe","channel":"global","id":"s2"}
        a < {"type":"ack","id":"s1","success":true,"timestamp":…}
        a < {"type":"ack","id":"s2","success":true,"timestamp":…}
        post global system.info 1
        a < {"id":"msg_…","channel":"global","event":"system.info","data":1,"timestamp":…}
        """);

    [Theory]
    [InlineData("bad/x")]
    [InlineData("")]
    [InlineData("agents/")]
    [InlineData("globalx")]
    public void An_invalid_channel_is_refused_for_subscribe_and_publish(string channel) => Script.Play($$"""
        a = context
        a *
        a > {"type":"subscribe","channel":"{{channel}}","id":"s2"}
        a < {"type":"ack","id":"s2","success":false,"error":"Invalid channel format: {{channel}}","timestamp":…}
        a > {"type":"publish","channel":"{{channel}}","event":"system.info","id":"p2"}
        a < {"type":"ack","id":"p2","success":false,"error":"Invalid channel format: {{channel}}","timestamp":…}
        """);

    [Fact]
    public void An_agents_channel_is_for_the_agent_and_for_the_authenticated() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"agents/x","id":"s1"}
        a < {"type":"ack","id":"s1","success":false,"error":"Not authorized to subscribe to this agent channel","timestamp":…}
        b = context agent_id=x
        b *
        b > {"type":"subscribe","channel":"agents/x","id":"s1"}
        b < {"type":"ack","id":"s1","success":true,"timestamp":…}
        b > {"type":"subscribe","channel":"agents/y","id":"s2"}
        b < {"type":"ack","id":"s2","success":false,"error":"Not authorized to subscribe to this agent channel","timestamp":…}
        c = context token=good-carl
        c *
        c > {"type":"subscribe","channel":"agents/y","id":"s3"}
        c < {"type":"ack","id":"s3","success":true,"timestamp":…}
        post agents/x message.new 1
        b < {"id":"…","channel":"agents/x","event":"message.new","data":1,"timestamp":…}
        """);

    [Fact]
    public void Query_parameters_subscribe_to_nothing_by_themselves() => Script.Play("""
        a = context agent_id=x session_id=s
        a *
        post agents/x message.new 1
        post sessions/s message.new 1
        """);

    [Fact]
    public void What_cannot_be_read_gets_an_error_frame() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","id":"s"}
        a < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":…}
        a > nonsense
        a < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":…}
        a > null
        a < {"error":"Failed to parse message","code":"PARSE_ERROR","timestamp":…}
        a > {"type":"pong","id":"x"}
        a < {"error":"Unknown message type: pong","code":"UNKNOWN_MESSAGE_TYPE","timestamp":…}
        a > {}
        a < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":…}
        a > [1]
        a < {"error":"Unknown message type: undefined","code":"UNKNOWN_MESSAGE_TYPE","timestamp":…}
        a > {"type":"ping"}
        a < {"type":"pong","timestamp":…}
        """);

    [Fact]
    public void Unsubscribe_is_acked_for_any_channel_and_ends_the_events() => Script.Play("""
        a = context
        a *
        a > {"type":"unsubscribe","channel":"no/such","id":"u1"}
        a < {"type":"ack","id":"u1","success":true,"timestamp":…}
        a > {"type":"unsubscribe","channel":"global","id":"u2"}
        a < {"type":"ack","id":"u2","success":true,"timestamp":…}
        post global system.info 1
        """);

    [Fact]
    public void Subscribe_and_unsubscribe_in_one_read_are_both_acked_and_the_connection_goes_on() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"topics/q","id":"s"} & {"type":"unsubscribe","channel":"topics/q","id":"u"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        a < {"type":"ack","id":"u","success":true,"timestamp":…}
        a > {"type":"publish","channel":"topics/q","event":"system.info","id":"p"}
        a < {"type":"ack","id":"p","success":true,"timestamp":…}
        a > {"type":"ping"}
        a < {"type":"pong","timestamp":…}
        """, seeds: 30);

    [Fact]
    public void A_subscribed_publisher_gets_its_own_event_before_the_ack() => Script.Play("""
        a = context agent_id=x
        a *
        a > {"type":"subscribe","channel":"agents/x","id":1} & {"type":"publish","channel":"agents/x","event":"message.new","data":{"t":"hi"},"id":"p1"}
        a < {"type":"ack","id":1,"success":true,"timestamp":…}
        a < {"id":"msg_…","channel":"agents/x","event":"message.new","data":{"t":"hi"},"timestamp":…}
        a < {"type":"ack","id":"p1","success":true,"timestamp":…}
        """, seeds: 30);

    [Fact]
    public void Publishing_before_subscribing_in_one_read_is_not_seen() => Script.Play("""
        a = context
        a *
        a > {"type":"publish","channel":"topics/x","event":"system.info","id":"p"} & {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"p","success":true,"timestamp":…}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        """, seeds: 30);

    [Fact]
    public void Unknown_events_are_refused_and_known_ones_pass_without_data() => Script.Play("""
        a = context
        a *
        a > {"type":"publish","channel":"global","event":"session.created","id":"p1"}
        a < {"type":"ack","id":"p1","success":false,"error":"Invalid event type: session.created","timestamp":…}
        a > {"type":"publish","channel":"global","event":"agent.heartbeat","id":"p2"}
        a < {"id":"msg_…","channel":"global","event":"agent.heartbeat","timestamp":…}
        a < {"type":"ack","id":"p2","success":true,"timestamp":…}
        """);

    [Fact]
    public void A_publish_goes_to_exactly_its_channel() => Script.Play("""
        a = context
        a *
        a > {"type":"publish","channel":"projects/p","event":"task.created","data":{},"id":"p1"}
        a < {"type":"ack","id":"p1","success":true,"timestamp":…}
        """);

    [Theory]
    [InlineData("")]
    [InlineData(",\"id\":\"\"")]
    [InlineData(",\"id\":0")]
    [InlineData(",\"id\":null")]
    public void Without_an_id_nothing_is_acked_on_success_or_failure(string id) => Script.Play($$"""
        a = context
        a *
        a > {"type":"subscribe","channel":"topics/x"{{id}}}
        a > {"type":"subscribe","channel":"bad/x"{{id}}}
        a > {"type":"unsubscribe","channel":"topics/z"{{id}}}
        a > {"type":"publish","channel":"projects/p","event":"task.created"{{id}}}
        a > {"type":"publish","channel":"projects/p","event":"nope"{{id}}}
        post topics/x e 1
        a < {"id":"msg_…","channel":"topics/x","event":"e","data":1,"timestamp":…}
        """);

    [Fact]
    public void A_numeric_id_comes_back_as_a_number() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"topics/x","id":7}
        a < {"type":"ack","id":7,"success":true,"timestamp":…}
        a > {"type":"unsubscribe","channel":"topics/x","id":-1.5e3}
        a < {"type":"ack","id":-1.5e3,"success":true,"timestamp":…}
        """);

    [Fact]
    public void Auth_is_acked_then_agent_connected_comes_to_itself_and_its_channels_are_subscribed() => Script.Play("""
        a = context
        a < {"type":"connected","client_id":"‹a›","timestamp":…}
        a > {"type":"auth","agent_id":"al","session_id":"s","id":"x"}
        a < {"type":"ack","id":"x","success":true,"timestamp":…}
        a < {"id":"msg_…","channel":"global","event":"agent.connected","data":{"agent_id":"al","client_id":"‹a›","session_id":"s"},"timestamp":…}
        post agents/al message.new 1
        a < {"id":"…","channel":"agents/al","event":"message.new","data":1,"timestamp":…}
        post sessions/s message.new 2
        a < {"id":"…","channel":"sessions/s","event":"message.new","data":2,"timestamp":…}
        """, seeds: 30);

    [Fact]
    public void Auth_without_a_session_announces_none_and_without_an_id_is_not_acked() => Script.Play("""
        a = context
        a < {"type":"connected","client_id":"‹a›","timestamp":…}
        a > {"type":"auth","agent_id":"al"}
        a < {"id":"msg_…","channel":"global","event":"agent.connected","data":{"agent_id":"al","client_id":"‹a›"},"timestamp":…}
        """);

    [Fact]
    public void A_token_names_the_agent() => Script.Play("""
        a = context
        a *
        a > {"type":"auth","token":"good-tim","id":"x"}
        a < {"type":"ack","id":"x","success":true,"timestamp":…}
        a < {"id":"…","channel":"global","event":"agent.connected","data":{"agent_id":"tim","client_id":"…"},"timestamp":…}
        a > {"type":"subscribe","channel":"agents/tim","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        a > {"type":"subscribe","channel":"agents/other","id":"t"}
        a < {"type":"ack","id":"t","success":false,"error":"Not authorized to subscribe to this agent channel","timestamp":…}
        """, authRequired: true);

    [Fact]
    public void Credentials_without_a_right_are_refused_what_they_lack() => Script.Play("""
        a = relay token=good-mute
        a *
        a > {"type":"publish","channel":"topics/a","event":"task.created","id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to publish","timestamp":…}
        a > {"type":"subscribe","channel":"topics/a","id":"s"}
        a *
        b = relay token=good-deaf
        b *
        b > {"type":"subscribe","channel":"topics/a","id":"s"}
        b < {"type":"ack","id":"s","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to subscribe","timestamp":…}
        b > {"type":"history","channel":"topics/a","id":"h"}
        b < {"type":"ack","id":"h","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to read this channel","timestamp":…}
        b > {"type":"publish","channel":"topics/a","event":"task.created","data":1,"id":"p"}
        b *
        a *
        post global system.info 1
        a *
        c = webui token=good-mute
        c *
        c > {"type":"session_create"}
        c *
        c > {"type":"chat_message","data":{"content":"x"}}
        c < {"type":"error",…"data":{"code":"UNAUTHORIZED","message":"These credentials do not allow it",…}}
        d = webui token=good-deaf
        d *
        d > {"type":"session_create"}
        d < {"type":"error",…"data":{"code":"UNAUTHORIZED","message":"These credentials do not allow it",…}}
        """, authRequired: true);

    [Fact]
    public void A_failed_auth_gets_its_code_and_the_socket_stays_open() => Script.Play("""
        a = context
        a *
        a > {"type":"auth","token":"bad","id":"x"}
        a < {"error":"Invalid or expired token","code":"4001","timestamp":…}
        a > {"type":"auth","agent_id":"al","id":"x"}
        a < {"error":"Token required in production mode","code":"4002","timestamp":…}
        a > {"type":"auth","id":"x"}
        a < {"error":"Missing token or agent_id","code":"4003","timestamp":…}
        a > {"type":"subscribe","channel":"agents/al","id":"s"}
        a < {"type":"ack","id":"s","success":false,"error":"Not authorized to subscribe to this agent channel","timestamp":…}
        a > {"type":"ping"}
        a < {"type":"pong","timestamp":…}
        """, authRequired: true);

    [Fact]
    public void An_agent_comes_back_to_what_it_had_subscribed_without_what_it_had_unsubscribed() => Script.Play("""
        a = context
        a *
        a > {"type":"auth","agent_id":"al"}
        a *
        a > {"type":"subscribe","channel":"topics/keep"} & {"type":"subscribe","channel":"topics/drop"} & {"type":"unsubscribe","channel":"topics/drop"}
        a !
        b = context
        b *
        post topics/keep e 0
        b > {"type":"auth","agent_id":"al"}
        b < {"id":"…","channel":"global","event":"agent.connected",…}
        post topics/drop e 1
        post topics/keep e 2
        b < {"id":"…","channel":"topics/keep","event":"e","data":2,"timestamp":…}
        """, seeds: 10);

    [Fact]
    public void Agent_disconnected_is_said_for_authenticated_agents_and_for_a_bare_agent_id() => Script.Play("""
        w = context
        w *
        a = context session_id=q agent_id=bare
        a < {"type":"connected","client_id":"‹a›","timestamp":…}
        a !
        w < {"id":"…","channel":"global","event":"agent.disconnected","data":{"agent_id":"bare","client_id":"‹a›","session_id":"q"},"timestamp":…}
        b = context
        b < {"type":"connected","client_id":"‹b›","timestamp":…}
        b > {"type":"auth","agent_id":"al"}
        b *
        w *
        b !
        w < {"id":"…","channel":"global","event":"agent.disconnected","data":{"agent_id":"al","client_id":"‹b›"},"timestamp":…}
        c = context
        c *
        c !
        """);

    [Fact]
    public void A_json_ping_comes_every_30_seconds_and_only_json_pings_keep_the_client() => Script.Play("""
        a = context
        a *
        +30s
        a < {"type":"ping","timestamp":…}
        a > {"type":"ping"}
        a < {"type":"pong","timestamp":…}
        +30s
        a < {"type":"ping","timestamp":…}
        +30s
        a < {"type":"ping","timestamp":…}
        +30s
        a < closed 4000 Ping timeout
        """);

    [Fact]
    public void Other_messages_are_no_json_ping() => Script.Play("""
        a = context
        a *
        +30s
        a *
        a > {"type":"ack","message_id":"x"}
        +20s
        a > {"type":"ack","message_id":"x"}
        +20s
        a *
        +20s
        a < closed 4000 Ping timeout
        """);

    [Fact]
    public void Unacked_events_come_again_after_5_and_after_11_seconds() => Script.Play("""
        a = context
        a *
        post global task.created 1
        a < {"id":"‹m›","channel":"global","event":"task.created","data":1,"timestamp":‹t›}
        +4900ms
        +100ms
        a < {"id":"‹m›","channel":"global","event":"task.created","data":1,"timestamp":‹t›}
        +5900ms
        +100ms
        a < {"id":"‹m›","channel":"global","event":"task.created","data":1,"timestamp":‹t›}
        +17s
        """);

    [Theory]
    [InlineData("task.x", true)]
    [InlineData("subtask.failed", true)]
    [InlineData("message.new", true)]
    [InlineData("agent.heartbeat", false)]
    [InlineData("system.error", false)]
    [InlineData("taskx", false)]
    public void Only_tasks_subtasks_and_messages_come_again(string name, bool again) => Script.Play($$"""
        a = context
        a *
        post global {{name}} 1
        a < {"id":"…",…}
        +5s
        {{(again ? "a < {\"id\":\"…\",…}" : "")}}
        """);

    [Fact]
    public void An_ack_ends_the_redelivery_of_that_event_to_that_client() => Script.Play("""
        a = context
        b = context
        a *
        b *
        post global task.created 1
        post global task.created 2
        a < {"id":"‹one›",…}
        a < {"id":"‹two›",…}
        b *
        a > {"type":"ack","message_id":"‹one›"}
        +5s
        a < {"id":"‹two›",…}
        b < {"id":"‹one›",…}
        b < {"id":"‹two›",…}
        a > {"type":"ack","message_id":"‹two›"}
        b > {"type":"ack","message_id":"‹one›"} & {"type":"ack","message_id":"‹two›"} & {"type":"ack","message_id":"msg_foreign"} & {"type":"ack"}
        +20s
        """);

    [Fact]
    public void Who_joined_later_owes_no_ack() => Script.Play("""
        a = context
        a *
        post global task.created 1
        a *
        b = context
        b *
        +5s
        a *
        """);

    [Fact]
    public void Subscribing_again_does_not_end_what_is_owed() => Script.Play("""
        a = context
        a *
        post global task.created 1
        post global task.created 2
        a < {"id":"‹one›",…}
        a < {"id":"‹two›",…}
        a > {"type":"ack","message_id":"‹one›"}
        a > {"type":"subscribe","channel":"global","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        +5s
        a < {"id":"‹two›",…}
        """);

    [Fact]
    public void Unsubscribing_ends_what_is_owed() => Script.Play("""
        a = context
        a *
        post global task.created 1
        a *
        a > {"type":"unsubscribe","channel":"global"}
        +20s
        """);

    [Fact]
    public void Too_many_subscriptions_are_refused() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"topics/1","id":"s1"}
        a < {"type":"ack","id":"s1","success":true,"timestamp":…}
        a > {"type":"subscribe","channel":"topics/2","id":"s2"}
        a < {"type":"ack","id":"s2","success":false,"error":"Too many subscriptions (limit subscriptions): at most 2 per connection","timestamp":…}
        a > {"type":"subscribe","channel":"topics/1","id":"s3"}
        a < {"type":"ack","id":"s3","success":true,"timestamp":…}
        """, new RelaySettings { MaxSubscriptionsPerConnection = 2 });

    [Fact]
    public void Key_figures_come_on_channel_metrics_every_five_seconds() => Script.Play("""
        a = context
        a *
        a > {"type":"subscribe","channel":"metrics"}
        a > {"type":"auth","agent_id":"al"}
        a *
        post projects/p task.created {"id":"t1"}
        post projects/p task.created {"id":"t2"}
        post projects/p task.updated {"id":"t2","status":"in_progress"}
        +2s
        post projects/p task.completed {"id":"t2"}
        post agents/al message.new {}
        a < {"id":"…","channel":"agents/al",…}
        +3s
        a < {"id":"msg_…","channel":"metrics","event":"metric.update","data":{"active_sessions":0,"active_agents":1,"pending_tasks":1,"running_tasks":0,"completed_tasks_last_hour":1,"messages_last_hour":1,"actions_per_minute":6,"avg_task_duration_ms":2000,"timestamp":1767225605000},"timestamp":1767225605000}
        a > {"type":"ack","message_id":"x"}
        a *
        """);
}
