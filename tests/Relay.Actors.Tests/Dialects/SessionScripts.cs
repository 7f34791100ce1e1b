namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>relay</c>, "Sessions", through the actors.</summary>
public sealed class SessionScripts
{
    private const string Away = """
        a = relay
        a < {"type":"connected","client_id":"‹a›","timestamp":…,"node":…,"session":"‹t›","ping_interval_ms":…}
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":0}
        a > {"type":"subscribe","channel":"topics/y","filter":{"events":["go.*"]},"id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹f›","offset":0}
        a > {"type":"subscribe","channel":"agents/*","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        post topics/x e 1
        a < {"id":"msg_‹e›1",…}
        """;

    [Fact]
    public void One_frame_brings_back_every_subscription_and_what_was_missed() => Script.Play(Away + "\n" + """
        a !
        post topics/x e 2
        post topics/y stop.it 3
        post topics/y go.on 4
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›","positions":{"topics/x":{"epoch":"‹e›","offset":1},"topics/y":{"epoch":"‹f›","offset":0}}}
        b < {"type":"ack","id":"r","success":true,"timestamp":…,"session":"‹t›","client_id":"‹a›","channels":[{"channel":"global","epoch":"…","offset":0,"recovered":false},{"channel":"topics/x","epoch":"‹e›","offset":2,"recovered":true},{"channel":"topics/y","epoch":"‹f›","offset":2,"recovered":true},{"channel":"agents/*"}]}
        b < {"id":"msg_…",…,"data":‹first›,…}
        b < {"id":"msg_…",…,"data":‹second›,…}
        post topics/x e 5
        b < {"id":"msg_‹e›3",…}
        post topics/y stop.it 6
        post agents/one message.new 7
        b < {"id":…,"channel":"agents/one",…}
        post global e 8
        b < {"id":…,"channel":"global",…}
        b > {"type":"unsubscribe","channel":"topics/x","id":"u"}
        b < {"type":"ack","id":"u","success":true,"timestamp":…}
        post topics/x e 9
        """, seeds: 20);

    [Fact]
    public void A_channel_without_a_position_comes_back_live_and_one_whose_history_is_gone_says_so() => Script.Play(Away + "\n" + """
        a !
        post topics/x e 2
        post topics/x e 3
        post topics/x e 4
        post topics/y go.on 5
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›","positions":{"topics/x":{"epoch":"‹e›","offset":1}}}
        b < {"type":"ack","id":"r","success":true,…{"channel":"topics/x","epoch":"‹e›","offset":4,"recovered":false},{"channel":"topics/y","epoch":"‹f›","offset":1,"recovered":false},{"channel":"agents/*"}]}
        post topics/x e 6
        b < {"id":"msg_‹e›5",…}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { HistoryLength = 2 } }, seeds: 10);

    [Fact]
    public void A_session_that_was_taken_up_can_be_taken_up_again_with_the_same_token() => Script.Play(Away + "\n" + """
        a !
        b = relay
        b < {"type":"connected","client_id":"‹b›","timestamp":…,"session":"‹u›",…}
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":true,…,"session":"‹t›","client_id":"‹a›",…}
        b > {"type":"subscribe","channel":"topics/z"}
        b !
        c = relay
        c *
        c > {"type":"resume","id":"r","session":"‹u›"}
        c < {"type":"ack","id":"r","success":false,"code":"SESSION_NOT_FOUND","error":"Session not found, ended, or held by a newer connection: subscribe again, with since for what was missed","timestamp":…}
        c > {"type":"resume","id":"r","session":"‹t›"}
        c < {"type":"ack","id":"r","success":true,…{"channel":"topics/z",…}]}
        c > {"type":"resume","id":"r","session":"‹t›"}
        c < {"type":"ack","id":"r","success":false,"code":"INVALID_MESSAGE",…}
        post topics/z e 1
        c < {"id":…,"channel":"topics/z",…}
        """, seeds: 10);

    [Fact]
    public void A_resume_takes_over_from_a_half_open_connection_which_is_closed_with_4409() => Script.Play(Away + "\n" + """
        a mute
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›","positions":{"topics/x":{"epoch":"‹e›","offset":1}}} & {"type":"publish","channel":"topics/x","event":"own","id":"p"}
        a < closed 4409 Session resumed by another connection
        b < {"type":"ack","id":"r","success":true,…{"channel":"topics/x","epoch":"‹e›","offset":1,"recovered":true},…}
        b < {"id":"msg_‹e›2",…,"event":"own",…}
        b < {"type":"ack","id":"p","success":true,…,"subscribers":1}
        +7s
        c = relay
        c *
        c > {"type":"resume","id":"r","session":"‹t›"}
        b < closed 4409 Session resumed by another connection
        c < {"type":"ack","id":"r","success":true,…}
        post topics/x e 3
        c < {"id":"msg_‹e›3",…}
        """, seeds: 30);

    [Fact]
    public void Presence_goes_on_through_a_take_over_and_ends_with_the_client() => Script.Play("""
        w = relay
        w < {"type":"connected","client_id":"‹w›",…}
        w > {"type":"subscribe","channel":"topics/x","presence":true}
        a = relay token=good-ann
        a < {"type":"connected","client_id":"‹a›",…,"session":"‹t›",…}
        a > {"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}
        a < {"type":"ack",…}
        w < {"type":"join","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        a mute
        b = relay token=good-ann
        b *
        b > {"type":"resume","id":"r","session":"‹t›"}
        a < closed 4409 …
        b < {"type":"ack","id":"r","success":true,…,"client_id":"‹a›",…}
        +7s
        w > {"type":"presence","channel":"topics/x","id":"p"}
        w < {"type":"presence",…"client_id":"‹w›"…"client_id":"‹a›","user_id":"ann"}],"count":2,"users":1}
        b !
        w < {"type":"leave","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        c = relay token=good-ann
        c *
        c > {"type":"resume","id":"r","session":"‹t›"}
        c < {"type":"ack","id":"r","success":true,…}
        w < {"type":"join","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        w > {"type":"presence","channel":"topics/x","id":"p"}
        w < {"type":"presence",…,"count":2,"users":1}
        """, seeds: 30);

    [Fact]
    public void A_connection_takes_no_session_from_a_newer_one() => Script.Play(Away + "\n" + """
        a !
        late = relay
        late *
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":true,…}
        late > {"type":"resume","id":"r","session":"‹t›"}
        late < {"type":"ack","id":"r","success":false,"code":"SESSION_NOT_FOUND",…}
        post topics/x e 2
        b < {"id":"msg_‹e›2",…}
        """);

    [Fact]
    public void A_session_belongs_to_the_credentials_that_made_it() => Script.Play("""
        a = relay token=good-ann
        a < {"type":"connected",…,"session":"‹t›",…}
        a > {"type":"subscribe","channel":"agents/ann","id":"s"}
        a < {"type":"ack",…}
        b = relay token=good-bob
        b *
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to resume this session: it belongs to other credentials","timestamp":…}
        n = relay
        n *
        n > {"type":"resume","id":"r","session":"‹t›"}
        n < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED",…}
        post agents/ann message.new 1
        a < {"id":…,"channel":"agents/ann",…}
        a !
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED",…}
        n > {"type":"resume","id":"r","session":"‹t›"}
        n < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED",…}
        n > {"type":"auth","token":"good-ann","id":"a"}
        n < {"type":"ack","id":"a",…}
        n < {"id":…,"event":"agent.connected",…}
        b < {"id":…,"event":"agent.connected",…}
        n > {"type":"resume","id":"r","session":"‹t›"}
        b < {"id":…,"event":"agent.disconnected",…}
        n *
        post agents/ann message.new 2
        n < {"id":…,"channel":"agents/ann",…}
        """, seeds: 10);

    [Fact]
    public void Every_right_is_checked_again() => Script.Play("""
        a = relay token=good-ann
        a < {"type":"connected",…,"session":"‹t›",…}
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack",…}
        a > {"type":"subscribe","channel":"topics/**","id":"s"}
        a < {"type":"ack",…}
        a !
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to resume before authentication","timestamp":…}
        """, authRequired: true);

    [Fact]
    public void An_agent_by_name_comes_back_as_that_agent() => Script.Play("""
        w = context
        w *
        a = relay
        a < {"type":"connected","client_id":"‹a›",…,"session":"‹t›",…}
        a > {"type":"auth","agent_id":"al","session_id":"s1","id":"a"}
        a *
        w < {"id":…,"event":"agent.connected","data":{"agent_id":"al","client_id":"‹a›","session_id":"s1"},…}
        a !
        w < {"id":…,"event":"agent.disconnected","data":{"agent_id":"al","client_id":"‹a›","session_id":"s1"},…}
        x = relay agent_id=other
        x *
        x > {"type":"resume","id":"r","session":"‹t›"}
        x < {"type":"ack","id":"r","success":false,"code":"NOT_AUTHORIZED",…}
        b = relay
        b *
        b > {"type":"resume","id":"r","session":"‹t›"}
        b < {"type":"ack","id":"r","success":true,…{"channel":"agents/al",…},{"channel":"sessions/s1",…}]}
        b < {"id":…,"event":"agent.connected","data":{"agent_id":"al","client_id":"‹a›","session_id":"s1"},…}
        w < {"id":…,"event":"agent.connected","data":{"agent_id":"al","client_id":"‹a›","session_id":"s1"},…}
        x *
        b mute
        c = relay
        c *
        c > {"type":"resume","id":"r","session":"‹t›"}
        b < closed 4409 …
        c < {"type":"ack","id":"r","success":true,…}
        post agents/al message.new 1
        c < {"id":…,"channel":"agents/al",…}
        w *
        +7s
        c !
        w < {"id":…,"event":"agent.disconnected",…"client_id":"‹a›",…}
        x *
        """, seeds: 10);

    [Theory]
    [InlineData("no token at all")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")]
    public void A_token_of_another_process_or_of_nobody_is_refused_with_what_to_do(string token) => Script.Play($$"""
        a = relay
        a *
        a > {"type":"resume","id":"r","session":"{{token}}"}
        a < {"type":"ack","id":"r","success":false,"code":"SESSION_NOT_FOUND","error":"Session not found, ended, or held by a newer connection: subscribe again, with since for what was missed","timestamp":…}
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"s","success":true,…}
        """, seeds: 1);
}
