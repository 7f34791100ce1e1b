using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>relay</c>, through the actors.</summary>
public sealed class NativeScripts
{
    [Fact]
    public void The_greeting_carries_node_session_ping_interval_and_frame_limit() => Script.Play("""
        a = relay
        a < {"type":"connected","client_id":"‹a›","timestamp":…,"node":"node-1","session":"‹token›","ping_interval_ms":25000,"max_frame_bytes":65536}
        """);

    [Fact]
    public void Acks_and_events_carry_epoch_and_offset() => Script.Play("""
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":0}
        a > {"type":"publish","channel":"topics/x","event":"any.thing","data":{"n":1},"key":"k","id":"p"}
        a < {"id":"msg_‹e›1","channel":"topics/x","event":"any.thing","data":{"n":1},"timestamp":…,"epoch":"‹e›","offset":1,"key":"k"}
        a < {"type":"ack","id":"p","success":true,"timestamp":…,"epoch":"‹e›","offset":1,"duplicate":false,"subscribers":1}
        a > {"type":"publish","channel":"topics/x","event":"any.thing","data":{"n":1},"key":"k","id":"p"}
        a < {"type":"ack","id":"p","success":true,"timestamp":…,"epoch":"‹e›","offset":1,"duplicate":true,"subscribers":1}
        """, seeds: 30);

    [Fact]
    public void A_resume_brings_what_was_missed_before_anything_new() => Script.Play("""
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":0}
        post topics/x e 1
        a *
        a !
        post topics/x e 2
        post topics/x e 3
        b = relay
        b *
        b > {"type":"subscribe","channel":"topics/x","since":{"epoch":"‹e›","offset":1},"id":"s"}
        b < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":3,"recovered":true}
        b < {"id":"msg_‹e›2",…"data":2,…"offset":2}
        b < {"id":"msg_‹e›3",…"data":3,…"offset":3}
        post topics/x e 4
        b < {"id":"msg_‹e›4",…}
        b > {"type":"unsubscribe","channel":"topics/x","id":"u"}
        b < {"type":"ack","id":"u","success":true,"timestamp":…}
        b > {"type":"subscribe","channel":"topics/x","since":{"epoch":"‹e›","offset":4},"id":"s"}
        b < {"type":"ack","id":"s",…"offset":4,"recovered":true}
        b > {"type":"unsubscribe","channel":"topics/x"}
        b > {"type":"subscribe","channel":"topics/x","since":{"epoch":"‹e›","offset":99},"id":"s"}
        b < {"type":"ack","id":"s",…"offset":4,"recovered":false}
        b > {"type":"unsubscribe","channel":"topics/x"}
        b > {"type":"subscribe","channel":"topics/x","since":{"epoch":"00000001","offset":1},"id":"s"}
        b < {"type":"ack","id":"s",…"offset":4,"recovered":false}
        b > {"type":"unsubscribe","channel":"topics/x"}
        b > {"type":"subscribe","channel":"topics/x","last":2,"id":"s"}
        b < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":4}
        b < {"id":"msg_‹e›3",…}
        b < {"id":"msg_‹e›4",…}
        """, seeds: 10);

    [Theory]
    [InlineData("\"since\":5")]
    [InlineData("\"since\":{\"epoch\":\"x\",\"offset\":1}")]
    [InlineData("\"since\":{\"epoch\":\"00000001\",\"offset\":-1}")]
    [InlineData("\"last\":-1")]
    [InlineData("\"filter\":{\"events\":5}")]
    public void A_wish_that_cannot_be_read_is_refused(string wish) => Script.Play($$"""
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x",{{wish}},"id":"s"}
        a < {"type":"ack","id":"s","success":false,"code":"INVALID_MESSAGE","error":"…","timestamp":…}
        """, seeds: 1);

    [Fact]
    public void History_that_was_pruned_is_not_recovered() => Script.Play("""
        a = relay
        a *
        post topics/x e 1
        post topics/x e 2
        post topics/x e 3
        a > {"type":"history","channel":"topics/x","id":"h"}
        a < {"type":"history","id":"h","success":true,"channel":"topics/x","epoch":"‹e›","offset":3,"events":[{…"offset":2},{…"offset":3}]}
        a > {"type":"subscribe","channel":"topics/x","since":{"epoch":"‹e›","offset":0},"id":"s"}
        a < {"type":"ack","id":"s",…"offset":3,"recovered":false}
        a > {"type":"unsubscribe","channel":"topics/x"}
        a > {"type":"subscribe","channel":"topics/x","since":{"epoch":"‹e›","offset":1},"id":"s"}
        a < {"type":"ack","id":"s",…"offset":3,"recovered":true}
        a < {"id":"msg_‹e›2",…}
        a < {"id":"msg_‹e›3",…}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { HistoryLength = 2 } });

    [Fact]
    public void A_filter_lets_only_its_events_pass_missed_ones_too() => Script.Play("""
        a = relay
        a *
        post topics/x task.a 1
        post topics/x other 2
        a > {"type":"subscribe","channel":"topics/x","filter":{"events":["task.*"]},"last":10,"id":"s"}
        a < {"type":"ack","id":"s",…}
        a < {"id":…,"event":"task.a","data":1,…}
        post topics/x other 3
        post topics/x task.b 4
        a < {"id":…,"event":"task.b","data":4,…}
        a > {"type":"subscribe","channel":"topics/x","id":"s2"}
        a < {"type":"ack","id":"s2",…"offset":4}
        post topics/x other 5
        a < {"id":…,"event":"other","data":5,…}
        """);

    [Fact]
    public void Presence_lists_members_and_tells_joins_and_leaves_to_those_who_asked() => Script.Play("""
        q = relay
        q *
        a = relay user=ann
        a < {"type":"connected","client_id":"‹a›",…}
        b = relay
        b < {"type":"connected","client_id":"‹b›",…}
        q > {"type":"subscribe","channel":"topics/x"}
        a > {"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}
        a < {"type":"ack","id":"s",…}
        b > {"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}
        b < {"type":"ack","id":"s",…}
        a < {"type":"join","channel":"topics/x","client_id":"‹b›","timestamp":…}
        q > {"type":"presence","channel":"topics/x","id":"p"}
        q < {"type":"presence","id":"p","success":true,"channel":"topics/x","members":[{"client_id":"‹a›","user_id":"ann"},{"client_id":"‹b›","user_id":null}],"count":2,"users":1}
        b > {"type":"unsubscribe","channel":"topics/x"}
        a < {"type":"leave","channel":"topics/x","client_id":"‹b›","timestamp":…}
        b > {"type":"subscribe","channel":"topics/x","presence":true}
        a < {"type":"join",…}
        a !
        b < {"type":"leave","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        q > {"type":"presence","channel":"topics/nobody","id":"p"}
        q < {"type":"presence","id":"p","success":true,"channel":"topics/nobody","members":[],"count":0,"users":0}
        """);

    [Fact]
    public void An_agent_that_authenticated_is_present_under_its_name() => Script.Play("""
        a = relay
        a *
        a > {"type":"auth","agent_id":"al"}
        a *
        a > {"type":"subscribe","channel":"topics/x","presence":true}
        a > {"type":"presence","channel":"topics/x","id":"p"}
        a < {"type":"presence",…"members":[{"client_id":"…","user_id":"al"}],"count":1,"users":1}
        """);

    [Fact]
    public void Presence_and_history_of_an_agents_channel_need_the_right() => Script.Play("""
        a = relay
        a *
        a > {"type":"presence","channel":"agents/x","id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"NOT_AUTHORIZED","error":"…","timestamp":…}
        a > {"type":"history","channel":"agents/x","id":"h"}
        a < {"type":"ack","id":"h","success":false,"code":"NOT_AUTHORIZED","error":"…","timestamp":…}
        a > {"type":"subscribe","channel":"agents/x","id":"s"}
        a < {"type":"ack","id":"s","success":false,"code":"NOT_AUTHORIZED","error":"…","timestamp":…}
        """);

    [Fact]
    public void History_gives_the_newest_or_what_follows_a_position() => Script.Play("""
        a = relay
        a *
        post topics/x e 1
        post topics/x e 2
        post topics/x e 3
        a > {"type":"history","channel":"topics/x","limit":2,"id":"h"}
        a < {"type":"history","id":"h","success":true,"channel":"topics/x","epoch":"‹e›","offset":3,"events":[{"id":"msg_‹e›2",…},{"id":"msg_‹e›3",…}]}
        a > {"type":"history","channel":"topics/x","since":{"epoch":"‹e›","offset":1},"limit":1,"id":"h"}
        a < {"type":"history",…"offset":3,"recovered":true,"events":[{"id":"msg_‹e›2",…,"offset":2}]}
        a > {"type":"history","channel":"topics/x","since":{"epoch":"‹e›","offset":9223372036854775807},"id":"h"}
        a < {"type":"history",…"recovered":false,"events":[]}
        a > {"type":"history","channel":"topics/empty","id":"h"}
        a < {"type":"history","id":"h","success":true,"channel":"topics/empty","epoch":"…","offset":0,"events":[]}
        """);

    [Fact]
    public void An_event_with_a_time_to_live_is_delivered_and_then_forgotten() => Script.Play("""
        a = relay
        b = relay
        c = context
        a *
        b *
        c *
        a > {"type":"publish","channel":"global","event":"task.x","ttl":2000,"id":"p"}
        a < {"id":"…",…}
        a < {"type":"ack","id":"p",…}
        b < {"id":"…",…}
        c < {"id":"…",…}
        b > {"type":"history","channel":"global","id":"h"}
        b < {"type":"history",…"events":[{…}]}
        +2s
        b > {"type":"history","channel":"global","id":"h"}
        b < {"type":"history",…"offset":1,"events":[]}
        a > {"type":"publish","channel":"global","event":"x","ttl":9223372036854775807,"id":"p2"}
        a *
        b *
        c *
        b > {"type":"history","channel":"global","id":"h"}
        b < {"type":"history",…"events":[{…"offset":2}]}
        +9s
        """);

    [Fact]
    public void Patterns_hear_every_matching_channel_new_ones_too() => Script.Play("""
        a = relay
        a *
        post agents/old message.new 0
        a > {"type":"subscribe","channel":"agents/*","id":"s"} & {"type":"publish","channel":"agents/own","event":"message.new","data":1}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        a < {"id":"…","channel":"agents/own",…"data":1,…"offset":1}
        post agents/old message.new 2
        a < {"id":"…","channel":"agents/old",…"data":2,…"offset":2}
        post agents/a/b message.new 3
        post topics/x message.new 4
        a > {"type":"subscribe","channel":"topics/deploy/**","filter":{"events":["go.*"]},"id":"s2"}
        a < {"type":"ack","id":"s2","success":true,"timestamp":…}
        post topics/deploy/eu/1 go.now 5
        a < {"id":"…","channel":"topics/deploy/eu/1",…}
        post topics/deploy/eu/1 stop.now 6
        a > {"type":"unsubscribe","channel":"agents/*","id":"u"}
        a < {"type":"ack","id":"u","success":true,"timestamp":…}
        post agents/old message.new 7
        a > {"type":"subscribe","channel":"agents/*","id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…}
        post agents/old message.new 8
        a < {"id":"…","channel":"agents/old",…"data":8,…}
        """, seeds: 20);

    [Fact]
    public void Patterns_need_an_identity_where_one_is_required() => Script.Play("""
        a = relay
        a *
        a > {"type":"subscribe","channel":"agents/*","id":"s"}
        a < {"type":"ack","id":"s","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to subscribe to patterns","timestamp":…}
        b = relay token=good-b
        b *
        b > {"type":"subscribe","channel":"topics/*","id":"s"}
        b < {"type":"ack","id":"s","success":true,"timestamp":…}
        b > {"type":"subscribe","channel":"agents/*","id":"t"}
        b < {"type":"ack","id":"t","success":false,"code":"NOT_AUTHORIZED","error":"Not authorized to subscribe to all channels of this pattern","timestamp":…}
        """, authRequired: true);

    [Fact]
    public void An_agent_comes_back_to_its_patterns_and_a_context_client_of_it_does_not_see_them() => Script.Play("""
        a = relay
        a *
        a > {"type":"auth","agent_id":"al"}
        a *
        a > {"type":"subscribe","channel":"topics/*"} & {"type":"subscribe","channel":"agents/*"} & {"type":"unsubscribe","channel":"agents/*"}
        a !
        b = relay
        b *
        b > {"type":"auth","agent_id":"al"}
        b *
        post topics/x e 1
        b < {"id":"…","channel":"topics/x",…}
        post agents/other e 2
        b !
        c = context
        c *
        c > {"type":"auth","agent_id":"al"}
        c *
        post topics/x e 3
        """);

    [Fact]
    public void Publish_ids_are_scoped_by_who_publishes() => Script.Play("""
        a = relay token=good-ann
        b = relay token=good-bob
        c = relay
        a *
        b *
        c *
        a > {"type":"publish","channel":"topics/x","event":"e","id":"1"}
        a < {"type":"ack","id":"1",…"offset":1,"duplicate":false,…}
        b > {"type":"publish","channel":"topics/x","event":"e","id":"1"}
        b < {"type":"ack","id":"1",…"offset":2,"duplicate":false,…}
        c > {"type":"auth","token":"good-ann"}
        a *
        b *
        c *
        c > {"type":"publish","channel":"topics/x","event":"e","id":"1"}
        c < {"type":"ack","id":"1",…"offset":1,"duplicate":true,…}
        """);

    [Fact]
    public void A_refusal_says_code_and_error() => Script.Play("""
        a = relay
        a *
        a > {"type":"publish","channel":"bad","event":"e","id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"INVALID_CHANNEL","error":"Invalid channel format: bad","timestamp":…}
        a > {"type":"publish","channel":"topics/x","event":"","id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"INVALID_EVENT","error":"…","timestamp":…}
        a > {"type":"publish","channel":"topics/x","event":"e","ttl":-1,"id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"INVALID_MESSAGE","error":"…","timestamp":…}
        a > {"type":"ping","id":"q"}
        a < {"type":"pong","id":"q","timestamp":…}
        """);

    [Fact]
    public void A_planned_close_is_announced_to_native_clients()
    {
        using var relay = new RelayHarness();
        var native = relay.Connect(DialectKind.Relay);
        var context = relay.Connect(DialectKind.Context);
        native.TakeAll();
        context.TakeAll();
        var closed = relay.Relay.CloseConnectionsAsync(TimeSpan.FromSeconds(5));
        relay.Advance(1);
        Assert.True(closed.IsCompletedSuccessfully);
        Assert.StartsWith("""{"type":"reconnect","after_ms":1000,"reason":"shutdown",""", native.Take());
        Assert.Equal("closed 1012 Server is shutting down", native.Take());
        Assert.Equal("closed 1001 Server is shutting down", Assert.Single(context.TakeAll()));
        Assert.Equal(0, relay.Relay.Connections.Count);
    }

    [Fact]
    public void A_close_does_not_wait_longer_than_told_for_clients_that_stay()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Relay);
        client.Mute = true;
        var closed = relay.Relay.CloseConnectionsAsync(TimeSpan.FromSeconds(1));
        relay.Advance(0.9);
        Assert.False(closed.IsCompleted);
        relay.Advance(0.2);
        Assert.True(closed.IsCompletedSuccessfully);
        Assert.Equal(1, relay.Relay.Connections.Count);
    }
}
