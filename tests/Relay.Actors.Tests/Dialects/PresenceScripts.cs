using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>relay</c>, "Presence", through the actors; the plain list and its joins and leaves are in <see cref="NativeScripts"/>.</summary>
public sealed class PresenceScripts
{
    [Fact]
    public void Who_asks_by_user_hears_of_first_and_last_connections_only() => Script.Play("""
        u = relay
        u *
        u > {"type":"subscribe","channel":"topics/x","presence":true,"presence_by":"user","id":"s"}
        u < {"type":"ack",…}
        c = relay
        c *
        c > {"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}
        c < {"type":"ack",…}
        u < {"type":"join",…}
        a = relay token=good-ann
        a < {"type":"connected","client_id":"‹a›",…}
        a > {"type":"subscribe","channel":"topics/x","presence":true,"presence_by":"user"}
        u < {"type":"join","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        c < {"type":"join","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        b = relay token=good-ann
        b < {"type":"connected","client_id":"‹b›",…}
        b > {"type":"subscribe","channel":"topics/x","presence":true,"presence_by":"user"}
        c < {"type":"join","channel":"topics/x","client_id":"‹b›","user_id":"ann","timestamp":…}
        u > {"type":"presence","channel":"topics/x","id":"p"}
        u < {"type":"presence","id":"p",…,"count":4,"users":1}
        a !
        c < {"type":"leave","channel":"topics/x","client_id":"‹a›","user_id":"ann","timestamp":…}
        b !
        u < {"type":"leave","channel":"topics/x","client_id":"‹b›","user_id":"ann","timestamp":…}
        c < {"type":"leave","channel":"topics/x","client_id":"‹b›","user_id":"ann","timestamp":…}
        """, seeds: 10);

    [Fact]
    public void Another_wish_for_the_same_channel_is_told_to_nobody_and_holds_from_then_on() => Script.Play("""
        u = relay
        u *
        u > {"type":"subscribe","channel":"topics/x","presence":true}
        a = relay
        a < {"type":"connected","client_id":"‹a›",…}
        a > {"type":"subscribe","channel":"topics/x","presence":true}
        u < {"type":"join","channel":"topics/x","client_id":"‹a›","timestamp":…}
        u > {"type":"subscribe","channel":"topics/x","presence":true,"presence_by":"user","id":"s"}
        u < {"type":"ack",…}
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack",…}
        u < {"type":"leave","channel":"topics/x","client_id":"‹a›","timestamp":…}
        u > {"type":"presence","channel":"topics/x","id":"p"}
        u < {"type":"presence",…,"count":1,"users":0}
        """, seeds: 10);

    [Fact]
    public void Whoever_becomes_an_agent_leaves_as_nobody_and_joins_as_the_agent() => Script.Play("""
        u = relay
        u *
        u > {"type":"subscribe","channel":"topics/x","presence":true}
        u > {"type":"unsubscribe","channel":"global"}
        a = relay
        a < {"type":"connected","client_id":"‹a›",…}
        a > {"type":"subscribe","channel":"topics/x","presence":true}
        u < {"type":"join","channel":"topics/x","client_id":"‹a›","timestamp":…}
        a > {"type":"auth","agent_id":"al"}
        a *
        u < {"type":"leave","channel":"topics/x","client_id":"‹a›","timestamp":…}
        u < {"type":"join","channel":"topics/x","client_id":"‹a›","user_id":"al","timestamp":…}
        a !
        u < {"type":"leave","channel":"topics/x","client_id":"‹a›","user_id":"al","timestamp":…}
        """, seeds: 10);

    [Fact]
    public void Where_presence_is_off_wishes_are_refused_and_subscriptions_are_not() => Script.Play("""
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}
        a < {"type":"ack","id":"s","success":false,"code":"NOT_AUTHORIZED","error":"Presence is turned off for topics","timestamp":…}
        a > {"type":"presence","channel":"topics/x","id":"p"}
        a < {"type":"ack","id":"p","success":false,"code":"NOT_AUTHORIZED","error":"Presence is turned off for topics","timestamp":…}
        a > {"type":"subscribe","channel":"topics/x","id":"s"}
        a < {"type":"ack","id":"s","success":true,…}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { Presence = false } });

    [Fact]
    public void A_failure_of_the_channels_replica_loses_no_member()
    {
        using var relay = new RelayHarness { ExpectsFailures = true };
        var first = Present(relay);
        var second = Present(relay);
        first.TakeAll();
        relay.Relay.Replicas.Tell(new ShardEnvelope("topics/x", new AddSubscription(null!)));
        relay.Settle();
        Assert.Contains("NullReferenceException", Assert.Single(relay.Log.Lines));
        Assert.Contains("\"count\":2", Ask(relay, first));
        second.Disconnect();
        relay.Settle();
        Assert.Contains("\"leave\"", Assert.Single(first.TakeAll()));
        Assert.Contains("\"count\":1", Ask(relay, first));
    }

    [Fact]
    public void A_failure_of_a_connections_actor_ends_its_member_and_its_socket()
    {
        using var relay = new RelayHarness { ExpectsFailures = true };
        var first = Present(relay);
        var second = Present(relay);
        first.TakeAll();
        second.Connection.Actor.Tell(new PublishReply(null!, null!, 0, ActorRefs.Nobody));
        relay.Settle();
        Assert.Contains("NullReferenceException", Assert.Single(relay.Log.Lines));
        Assert.True(second.Transport.IsAborted);
        Assert.Contains("\"leave\"", Assert.Single(first.TakeAll()));
        Assert.Contains("\"count\":1", Ask(relay, first));
    }

    private static FakeClient Present(RelayHarness relay)
    {
        var client = relay.Connect(DialectKind.Relay);
        client.Send("""{"type":"subscribe","channel":"topics/x","presence":true}""");
        relay.Settle();
        client.TakeAll();
        return client;
    }

    private static string Ask(RelayHarness relay, FakeClient client)
    {
        client.Send("""{"type":"presence","channel":"topics/x","id":"p"}""");
        relay.Settle();
        return Assert.Single(client.TakeAll());
    }
}
