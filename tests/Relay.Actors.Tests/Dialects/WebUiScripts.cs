using System.Text;
using Relay.Actors.Agents;
using Relay.Actors.Sessions;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>webui</c>, through the actors.</summary>
public sealed class WebUiScripts
{
    private const string Greeting =
        """{"type":"system_message","message_id":"…","timestamp":"2026-01-01T00:00:00…Z","data":{"level":"info","message":"Connected to ActorRelay"}}""";

    private static RelaySettings Quick => new() { AgentTimeout = TimeSpan.FromSeconds(10), SessionTtl = TimeSpan.FromSeconds(100) };

    [Fact]
    public void A_client_is_greeted() => Script.Play($$$"""
        a = webui
        a < {{{Greeting}}}
        """);

    [Fact]
    public void A_session_is_created_and_the_echo_agent_answers_every_participant() => Script.Play("""
        a = webui
        b = webui
        a *
        b *
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"‹s›","message_id":"…","timestamp":"…","data":{"session_id":"‹s›","status":"active","message_count":0,"created_at":"2026-01-01T00:00:00…Z","last_activity":"2026-01-01T00:00:00…Z"}}
        b > {"type":"session_join","data":{"session_id":"‹s›"}}
        b < {"type":"session_status","session_id":"‹s›",…"message_count":0,…}
        a > {"type":"chat_message","data":{"content":"h\"i","message_type":"text"}}
        a < {"type":"agent_response","session_id":"‹s›","message_id":"‹m›","timestamp":"…","data":{"agent_name":"EchoAgent","content":"Received: h\"i","status":"complete"}}
        b < {"type":"chat_message","session_id":"‹s›","message_id":"…","timestamp":"…","data":{"content":"h\"i","message_type":"text"}}
        b < {"type":"agent_response","session_id":"‹s›","message_id":"‹m›",…}
        """, seeds: 20);

    [Fact]
    public void Who_joins_gets_the_history_oldest_first_with_original_times() => Script.Play("""
        a = webui
        a *
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"‹s›",…}
        a > {"type":"chat_message","data":{"content":"one"}}
        a *
        +1s
        a > {"type":"chat_message","data":{"content":"two"}}
        a *
        +1s
        b = webui
        b *
        b > {"type":"session_join","data":{"session_id":"‹s›"}}
        b < {"type":"session_status",…"timestamp":"2026-01-01T00:00:02…Z","data":{"session_id":"‹s›","status":"active","message_count":4,…"last_activity":"2026-01-01T00:00:02…Z"}}
        b < {"type":"chat_message","session_id":"‹s›","message_id":"…","timestamp":"2026-01-01T00:00:00…Z","data":{"content":"one","status":"complete"}}
        b < {"type":"agent_response","session_id":"‹s›","message_id":"…","timestamp":"2026-01-01T00:00:00…Z","data":{"agent_name":"EchoAgent","content":"Received: one","status":"complete"}}
        b < {"type":"chat_message",…"timestamp":"2026-01-01T00:00:01…Z","data":{"content":"two","status":"complete"}}
        b < {"type":"agent_response",…"timestamp":"2026-01-01T00:00:01…Z",…"content":"Received: two",…}
        a > {"type":"chat_message","data":{"content":"three"}}
        b < {"type":"chat_message",…"content":"three"}}
        b < {"type":"agent_response",…}
        a *
        """, seeds: 10);

    [Fact]
    public void Typing_goes_to_the_others_and_is_never_stored() => Script.Play("""
        a = webui
        b = webui
        a *
        b *
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"‹s›",…}
        b > {"type":"session_join","data":{"session_id":"‹s›"}}
        b *
        a > {"type":"typing","data":{"is_typing":true}}
        b < {"type":"typing","session_id":"‹s›","message_id":"…","timestamp":"…","data":{"is_typing":true}}
        c = webui
        c *
        c > {"type":"session_join","data":{"session_id":"‹s›"}}
        c < {"type":"session_status",…"message_count":0,…}
        """);

    [Fact]
    public void Another_session_ends_the_part_in_the_first() => Script.Play("""
        a = webui
        b = webui
        a *
        b *
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"‹one›",…}
        b > {"type":"session_join","data":{"session_id":"‹one›"}} & {"type":"session_create"}
        b < {"type":"session_status","session_id":"‹one›",…}
        b < {"type":"session_status","session_id":"‹two›",…}
        a > {"type":"chat_message","data":{"content":"x"}}
        a *
        b > {"type":"chat_message","session_id":"‹one›","data":{"content":"y"}}
        b < {"type":"agent_response","session_id":"‹two›",…}
        """, seeds: 10);

    [Fact]
    public void Ping_is_answered_with_and_without_a_session() => Script.Play("""
        a = webui
        a *
        a > {"type":"ping"}
        a < {"type":"pong","message_id":"…","timestamp":"…"}
        a > {"type":"session_create"}
        a *
        a > {"type":"ping"}
        a < {"type":"pong",…"message_id":"…","timestamp":"…"}
        """);

    [Theory]
    [InlineData("nonsense", "INVALID_JSON")]
    [InlineData("[1]", "INVALID_JSON")]
    [InlineData("""{"type":"ping","timestamp":"yesterday"}""", "INVALID_JSON")]
    [InlineData("""{"type":"ping","timestamp":5}""", "INVALID_JSON")]
    [InlineData("""{"type":"ping","data":[]}""", "INVALID_JSON")]
    [InlineData("{}", "INVALID_MESSAGE")]
    [InlineData("""{"type":"dance"}""", "UNKNOWN_MESSAGE_TYPE")]
    [InlineData("""{"type":"session_create","data":{"user_id":5}}""", "INVALID_SESSION_CREATE")]
    [InlineData("""{"type":"session_join","data":{"session_id":5}}""", "INVALID_SESSION_JOIN")]
    [InlineData("""{"type":"chat_message","data":{"content":5}}""", "INVALID_CHAT_MESSAGE")]
    [InlineData("""{"type":"session_join","data":{"session_id":"nope"}}""", "SESSION_NOT_FOUND")]
    [InlineData("""{"type":"session_join","data":{"session_id":"a\nb"}}""", "SESSION_NOT_FOUND")]
    [InlineData("""{"type":"session_join"}""", "SESSION_NOT_FOUND")]
    [InlineData("""{"type":"chat_message","data":{"content":"x"}}""", "NO_SESSION")]
    [InlineData("""{"type":"typing","data":{"is_typing":true}}""", "NO_SESSION")]
    public void A_mistake_gets_its_code_and_the_socket_stays_open(string frame, string code) => Script.Play($$$"""
        a = webui
        a *
        a > {{{frame}}}
        a < {"type":"error","message_id":"…","timestamp":"…","data":{"code":"{{{code}}}","message":"…","details":"…"}}
        a > {"type":"ping"}
        a < {"type":"pong",…}
        """, seeds: 1);

    [Fact]
    public void The_texts_that_clients_show_are_these() => Script.Play("""
        a = webui
        a *
        a > {"type":"chat_message","data":{"content":"x"}}
        a < {"type":"error",…"data":{"code":"NO_SESSION","message":"Create or join a session first","details":""}}
        a > {"type":"session_join","data":{"session_id":"nope"}}
        a < {"type":"error",…"data":{"code":"SESSION_NOT_FOUND","message":"…","details":"nope"}}
        """);

    [Fact]
    public void A_chat_without_a_session_creates_one_when_that_is_wanted() => Script.Play("""
        a = webui
        a *
        a > {"type":"chat_message","data":{"content":"first"}} & {"type":"chat_message","data":{"content":"second"}}
        a < {"type":"session_status","session_id":"‹s›",…}
        a < {"type":"agent_response","session_id":"‹s›",…"content":"Received: first",…}
        a < {"type":"agent_response","session_id":"‹s›",…"content":"Received: second",…}
        """, new RelaySettings { AutoCreateSession = true }, seeds: 20);

    [Fact]
    public void A_chat_creates_no_session_for_whoever_may_not_hear_it() => Script.Play("""
        a = webui token=good-deaf
        a *
        a > {"type":"chat_message","data":{"content":"x"}}
        a < {"type":"error",…"data":{"code":"UNAUTHORIZED","message":"These credentials do not allow it",…}}
        """, new RelaySettings { AutoCreateSession = true });

    [Fact]
    public void A_session_expires_after_its_last_use() => Script.Play("""
        a = webui
        a *
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"‹s›",…}
        +99s
        a > {"type":"typing","data":{"is_typing":true}}
        +99s
        a > {"type":"chat_message","data":{"content":"still here"}}
        a < {"type":"agent_response",…}
        +101s
        a > {"type":"chat_message","data":{"content":"gone"}}
        a < {"type":"error",…"data":{"code":"SESSION_NOT_FOUND","message":"…","details":"‹s›"}}
        a > {"type":"session_join","data":{"session_id":"‹s›"}}
        a < {"type":"error",…"code":"SESSION_NOT_FOUND",…}
        a > {"type":"session_create"}
        a < {"type":"session_status","session_id":"…",…}
        """, Quick);

    [Fact]
    public void An_agent_that_does_not_answer_times_out_for_the_participants()
    {
        using var relay = new RelayHarness(settings: Quick, gateway: new FakeGateway());
        var script = new Script(relay).Run("""
            a = webui
            b = webui
            a *
            b *
            a > {"type":"session_create"}
            a < {"type":"session_status","session_id":"‹s›",…}
            b > {"type":"session_join","data":{"session_id":"‹s›"}}
            b *
            a > {"type":"chat_message","data":{"content":"x"}}
            b *
            +9s
            +1s
            a < {"type":"error","session_id":"‹s›",…"data":{"code":"TIMEOUT","message":"…","details":"…"}}
            b < {"type":"error","session_id":"‹s›",…"data":{"code":"TIMEOUT","message":"…","details":"…"}}
            +60s
            """);
        Assert.Equal(1, relay.Relay.Sessions.Count);
        Assert.NotNull(script);
    }

    [Fact]
    public void An_outside_agent_gets_the_request_and_answers_through_updates()
    {
        var gateway = new FakeGateway();
        using var relay = new RelayHarness(settings: Quick, gateway: gateway);
        var script = new Script(relay).Run("""
            a = webui user=u7
            a *
            a > {"type":"session_create"}
            a < {"type":"session_status","session_id":"‹s›",…}
            a > {"type":"chat_message","data":{"content":"x \"y\""}}
            """);
        var session = script.Value("s");
        Assert.Matches(
            $$$"""^\{"request_id":"[0-9a-f]{16}","session_id":"{{{session}}}","user_id":"u7","content":"x \\"y\\"","history":\[\]\}$""", gateway.Requests[0]);
        script.Run($$$"""
            redis {"target_session_id":"{{{session}}}","type":"agent_progress","payload":{"p":1}}
            a < {"type":"agent_progress","session_id":"{{{session}}}",…"data":{"p":1}}
            redis {"target_session_id":"{{{session}}}","type":"agent_response","payload":{"agent_name":"W","content":"done","status":"complete"}}
            a < {"type":"agent_response",…"data":{"agent_name":"W","content":"done","status":"complete"}}
            +20s
            a > {"type":"chat_message","data":{"content":"again"}}
            redis {"target_session_id":"{{{session}}}","type":"agent_error","payload":{"error":"no"}}
            a < {"type":"agent_error",…"data":{"error":"no"}}
            +20s
            """);
        Assert.EndsWith("""
            "content":"again","history":[{"role":"user","content":"x \"y\""},{"role":"assistant","content":"done"}]}
            """.Trim(), gateway.Requests[1]);
    }

    [Theory]
    [InlineData("""{"agent_name":"G","content":"ok"}""", """{"type":"agent_response",…"data":{"agent_name":"G","content":"ok","request_id":"…"}}""")]
    [InlineData("not json", """{"type":"agent_error",…"data":{"request_id":"…","error":"The agent's answer is not a JSON object"}}""")]
    [InlineData("[1]", """{"type":"agent_error",…"data":{"request_id":"…","error":"The agent's answer is not a JSON object"}}""")]
    [InlineData("{\"content\":\"\u00ff\"}", """{"type":"agent_error",…"data":{"request_id":"…","error":"The agent's answer is not a JSON object"}}""")]
    [InlineData("{} {}", """{"type":"agent_error",…"data":{"request_id":"…","error":"The agent's answer is not a JSON object"}}""")]
    [InlineData("throw", """{"type":"agent_error",…"data":{"request_id":"…","error":"The agent cannot be reached"}}""")]
    public void What_an_agent_answers_at_once_ends_the_request(string answer, string frame)
    {
        using var relay = new RelayHarness(settings: Quick, gateway: new FakeGateway { Answer = answer }) { ExpectsFailures = answer == "throw" };
        new Script(relay).Run($$$"""
            a = webui
            a *
            a > {"type":"session_create"}
            a *
            a > {"type":"chat_message","data":{"content":"x"}}
            a < {{{frame}}}
            +20s
            """);
    }

    [Fact]
    public void Services_create_ask_and_delete_sessions()
    {
        using var relay = new RelayHarness();
        object Ask(object question) => relay.Await(relay.Relay.SessionAsync("s1", question, TimeSpan.FromSeconds(5), CancellationToken.None));

        Assert.IsType<SessionMissing>(Ask(new JoinSession()));
        Assert.IsType<SessionMissing>(Ask(new DeleteSession()));
        Assert.IsType<SessionJoined>(Ask(new CreateSession()));
        var accepted = Assert.IsType<ChatAccepted>(Ask(new SayInSession(0, "u", "hello", Encoding.UTF8.GetBytes("""{"content":"hello"}"""))));
        var answered = Assert.IsType<AgentAnswered>(Ask(new AwaitAnswer(accepted.RequestId)));
        Assert.Equal("agent_response", answered.Answer!.Event);
        Assert.Null(Assert.IsType<AgentAnswered>(Ask(new AwaitAnswer("unknown"))).Answer);
        Assert.Equal(2, Assert.Single(relay.Relay.Sessions.All).MessageCount);
        Assert.IsType<SessionDeleted>(Ask(new DeleteSession()));
        Assert.Equal(0, relay.Relay.Sessions.Count);
    }

    [Fact]
    public void Who_waits_for_an_answer_hears_of_the_timeout()
    {
        using var relay = new RelayHarness(settings: Quick, gateway: new FakeGateway());
        Task<object> Ask(object question) => relay.Relay.SessionAsync("s1", question, TimeSpan.FromSeconds(50), CancellationToken.None);

        relay.Await(Ask(new CreateSession()));
        var accepted = (ChatAccepted)relay.Await(Ask(new SayInSession(0, null, "hello", default)));
        var waiting = Ask(new AwaitAnswer(accepted.RequestId));
        relay.Advance(9);
        Assert.False(waiting.IsCompleted);
        relay.Advance(1);
        Assert.Equal("error", ((AgentAnswered)relay.Await(waiting)).Answer!.Event);
    }

    private sealed class FakeGateway : IAgentGateway
    {
        public List<string> Requests { get; } = [];

        public string? Answer { get; init; }

        public Task<byte[]?> SendAsync(ReadOnlyMemory<byte> requestJson, CancellationToken cancellationToken)
        {
            Requests.Add(Encoding.UTF8.GetString(requestJson.Span));
            return Answer == "throw"
                ? throw new InvalidOperationException("boom")
                : Task.FromResult(Answer is null ? null : Encoding.Latin1.GetBytes(Answer));
        }
    }
}
