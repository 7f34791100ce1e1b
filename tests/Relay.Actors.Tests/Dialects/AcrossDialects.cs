using System.Buffers;
using System.Text;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md: a message published in one dialect reaches subscribers that speak another, as that one writes it.</summary>
public sealed class AcrossDialects
{
    [Fact]
    public void A_hook_event_reaches_every_other_dialect_on_its_session() => Script.Play("""
        c = context
        n = relay
        g = hooks
        w = webui
        s = hooks
        w *
        w > {"type":"session_create"}
        w < {"type":"session_status","session_id":"‹s›",…}
        c *
        n *
        g *
        s *
        c > {"type":"subscribe","channel":"sessions/‹s›"}
        n > {"type":"subscribe","channel":"sessions/‹s›"}
        s > {"type":"hook.x","timestamp":"T","data":{"session_id":"‹s›","n":1}}
        g < {"type":"hook.x","timestamp":"T","data":{"session_id":"‹s›","n":1}}
        c < {"id":"‹m›","channel":"sessions/‹s›","event":"hook.x","data":{"session_id":"‹s›","n":1},"timestamp":…}
        n < {"id":"‹m›","channel":"sessions/‹s›","event":"hook.x","data":{"session_id":"‹s›","n":1},"timestamp":…,"epoch":"…","offset":1}
        w < {"type":"hook.x","session_id":"‹s›","message_id":"…","timestamp":"…","data":{"session_id":"‹s›","n":1}}
        """, seeds: 10);

    [Fact]
    public void A_context_publish_reaches_projects_and_updates() => Script.Play("""
        c = context
        p = projects project=p1
        u = updates user=u1
        c *
        c > {"type":"publish","channel":"projects/p1","event":"task.updated","data":{"a":1.0}}
        p < {"type":"task.updated","payload":{"a":1.0}}
        c > {"type":"publish","channel":"users/u1","event":"message.new","data":[2]}
        u < {"target_user_id":"u1","type":"message.new","payload":[2]}
        c > {"type":"publish","channel":"users","event":"system.info"}
        u < {"type":"system.info","payload":null}
        """);

    [Fact]
    public void A_native_publish_reaches_hooks_and_a_chat_session() => Script.Play("""
        n = relay
        g = hooks
        w = webui
        n *
        g *
        w *
        n > {"type":"publish","channel":"hooks","event":"deploy.done","data":{"ok":true}}
        g < {"type":"deploy.done","timestamp":"2026-01-01T00:00:00…Z","data":{"ok":true}}
        w > {"type":"session_create"}
        w < {"type":"session_status","session_id":"‹s›",…}
        n > {"type":"publish","channel":"sessions/‹s›","event":"agent_response","data":{"content":"x"}}
        w < {"type":"agent_response","session_id":"‹s›","message_id":"…","timestamp":"…","data":{"content":"x"}}
        """);

    [Fact]
    public void A_chat_reaches_context_hooks_and_native_subscribers_of_its_session() => Script.Play("""
        w = webui
        w *
        w > {"type":"session_create"}
        w < {"type":"session_status","session_id":"‹s›",…}
        c = context
        h = hooks
        c *
        h *
        c > {"type":"subscribe","channel":"sessions/‹s›"}
        h > {"type":"register","session_id":"‹s›"}
        w > {"type":"chat_message","data":{"content":"q"}}
        w < {"type":"agent_response",…}
        c < {"id":"…","channel":"sessions/‹s›","event":"chat_message","data":{"content":"q"},"timestamp":…}
        c < {"id":"…","channel":"sessions/‹s›","event":"agent_response",…}
        h < {"type":"chat_message","timestamp":"…","data":{"content":"q"}}
        h < {"type":"agent_response","timestamp":"…","data":{"agent_name":"EchoAgent",…}}
        """);

    [Fact]
    public void A_workers_update_reaches_every_dialect_as_each_writes_it() => Script.Play("""
        c = context
        n = relay
        u = updates user=u1
        c *
        n *
        c > {"type":"subscribe","channel":"users/u1"}
        n > {"type":"subscribe","channel":"users/u1"}
        redis {"target_user_id":"u1",  "type":"agent_update","payload":{"n":1}}
        u < {"target_user_id":"u1",  "type":"agent_update","payload":{"n":1}}
        c < {"id":"‹m›","channel":"users/u1","event":"agent_update","data":{"n":1},"timestamp":…}
        n < {"id":"‹m›","channel":"users/u1","event":"agent_update","data":{"n":1},"timestamp":…,"epoch":"…","offset":1}
        """);

    [Fact]
    public void All_encodings_of_one_channel_are_served_at_once_compressed_or_not()
    {
        using var relay = new RelayHarness();
        var clients = new List<(FakeClient Client, IDialect Dialect)>();
        foreach (var kind in new[] { DialectKind.Context, DialectKind.Relay })
        {
            foreach (var deflate in new[] { false, true })
            {
                clients.Add((relay.Connect(kind, request => request with { Deflate = deflate }), Protocol.Dialects.ByKind(kind)));
            }
        }

        var large = "\"" + new string('x', 2000) + "\"";
        clients.ForEach(static one => one.Client.TakeAll());
        var before = clients.ConvertAll(static one => one.Client.Transport.Bytes.Length);
        relay.Publish("global", "small", "1");
        relay.Publish("global", "large", large);
        var events = relay.History("global").Events;
        foreach (var (client, dialect) in clients)
        {
            Assert.Equal(events.ConvertAll(publication => Text(dialect, publication)), client.TakeAll());
        }

        var grown = clients.Select((one, i) => one.Client.Transport.Bytes.Length - before[i]).ToList();
        Assert.InRange(grown[1], 1, grown[0] - 1500);
        Assert.InRange(grown[3], 1, grown[2] - 1500);
    }

    [Fact]
    public void Protobuf_subscribers_get_the_same_events_in_binary_frames()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.RelayProtobuf);
        var greeting = client.Binary.Count;
        relay.Publish("global", "a", "{\"n\":1}");
        relay.Publish("global", "b");
        var dialect = Protocol.Dialects.ByKind(DialectKind.RelayProtobuf);
        Assert.Equal(1, greeting);
        Assert.Equal(relay.History("global").Events.ConvertAll(publication => Bytes(dialect, publication)), client.Binary.Skip(1));
    }

    private static string Text(IDialect dialect, Publication publication) => Encoding.UTF8.GetString(Bytes(dialect, publication));

    private static byte[] Bytes(IDialect dialect, Publication publication)
    {
        var output = new ArrayBufferWriter<byte>();
        dialect.EncodeEvent(publication, output);
        return output.WrittenSpan.ToArray();
    }
}
