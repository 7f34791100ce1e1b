using System.Text;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>projects</c> and <c>updates</c>, through the actors.</summary>
public sealed class ListenerScripts
{
    [Fact]
    public void A_project_hears_its_events_with_two_keys_and_nothing_on_connect() => Script.Play("""
        a = projects project=p1
        b = projects project=p2
        redis {"channel":"projects/p1","type":"task_update","payload":{"id":1,"x":1.0},"extra":true}
        a < {"type":"task_update","payload":{"id":1,"x":1.0}}
        redis {"type":"agent_update","payload":{"project_id":"p2"}}
        b < {"type":"agent_update","payload":{"project_id":"p2"}}
        redis {"target_project_id":"p1","type":"anything_else","payload":null}
        a < {"type":"anything_else","payload":null}
        post projects/p1 task_deleted
        a < {"type":"task_deleted","payload":null}
        """);

    [Fact]
    public void Client_frames_are_ignored() => Script.Play("""
        a = projects project=p1
        u = updates user=u1
        a > {"type":"ping"} & garbage
        u > {"type":"subscribe","channel":"global","id":1} & garbage
        redis {"target_user_id":"u1","type":"t","payload":1}
        u < {"target_user_id":"u1","type":"t","payload":1}
        """);

    [Fact]
    public void An_update_is_forwarded_verbatim_to_every_connection_of_its_user() => Script.Play("""
        a = updates user=u1
        b = updates user=u1
        c = updates user=u2
        redis { "type":"agent_update" , "target_user_id":"u1","payload":{"n":1.00},"unknown":[1,2] }
        a < { "type":"agent_update" , "target_user_id":"u1","payload":{"n":1.00},"unknown":[1,2] }
        b < { "type":"agent_update" , "target_user_id":"u1","payload":{"n":1.00},"unknown":[1,2] }
        """);

    [Theory]
    [InlineData("")]
    [InlineData("\"target_user_id\":\"\",")]
    [InlineData("\"target_user_id\":null,")]
    public void An_update_without_a_target_goes_to_all(string target) => Script.Play($$$"""
        a = updates user=u1
        b = updates user=u2
        p = projects project=x
        redis { {{{target}}}"type":"report_chunk","payload":{}}
        a < { {{{target}}}"type":"report_chunk","payload":{}}
        b < { {{{target}}}"type":"report_chunk","payload":{}}
        """);

    [Fact]
    public void Other_channels_and_sessions_can_be_named() => Script.Play("""
        c = context
        u = updates user=u1
        c *
        c > {"type":"subscribe","channel":"sessions/s"}
        redis {"channel":"global","type":"system.info","payload":{"a":1}}
        c < {"id":"…","channel":"global","event":"system.info","data":{"a":1},"timestamp":…}
        redis {"target_session_id":"s","type":"x","payload":2}
        c < {"id":"…","channel":"sessions/s","event":"x","data":2,"timestamp":…}
        """);

    [Fact]
    public void An_update_with_a_known_id_is_delivered_once() => Script.Play("""
        u = updates user=u1
        redis {"target_user_id":"u1","type":"x","payload":1,"id":"k"}
        u < {"target_user_id":"u1","type":"x","payload":1,"id":"k"}
        redis {"target_user_id":"u1","type":"x","payload":1,"id":"k"}
        redis {"target_user_id":"u1","type":"x","payload":1}
        u < {"target_user_id":"u1","type":"x","payload":1}
        redis {"target_user_id":"u1","type":"x","payload":1}
        u < {"target_user_id":"u1","type":"x","payload":1}
        """);

    [Fact]
    public void A_bridge_batch_is_accepted_with_the_number_of_subscribers_and_an_empty_one_at_once()
    {
        using var relay = new RelayHarness();
        relay.Connect(DialectKind.Updates, request => request with { UserId = "u" });
        relay.Connect(DialectKind.Updates, request => request with { UserId = "u" });
        Assert.Equal(2, relay.Bridge("""{"target_user_id":"u","type":"a","payload":1}""").Subscribers);
        Assert.Equal(0, relay.Bridge("""{"target_user_id":"nobody","type":"a","payload":1}""").Subscribers);
        Assert.Equal(0, relay.Bridge().Subscribers);
        Assert.Equal("1", Encoding.UTF8.GetString(Assert.Single(relay.History("users/nobody").Events).Data.Span));
    }
}
