using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>The connection as its read loop and its operators see it.</summary>
public sealed class ConnectionTests
{
    [Fact]
    public void A_ping_is_answered_with_its_payload_and_a_close_with_its_code()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Connection.OnPing("abc"u8);
        Assert.Empty(client.TakeAll());
        Assert.Equal(1, client.Pongs);
        Assert.Equal([0x8A, 3, (byte)'a', (byte)'b', (byte)'c'], client.Transport.Bytes[^5..]);
        client.Connection.OnCloseReceived(4321, "why");
        relay.Settle();
        Assert.Equal(["closed 4321"], client.TakeAll());
        Assert.Equal(TimeSpan.FromMilliseconds(250), client.Transport.Linger);
        Assert.Equal(0, relay.Relay.Connections.Count);
    }

    [Fact]
    public void A_close_without_a_code_is_answered_without_one()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Hooks);
        client.Connection.OnCloseReceived(1005, "");
        Assert.Equal([0x88, 0x00], client.Transport.Bytes[^2..]);
    }

    [Fact]
    public void A_flood_of_pings_ends_in_1008_and_a_steady_beat_does_not()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        for (var minute = 0; minute < 3; minute++)
        {
            for (var i = 0; i < 1000; i++)
            {
                client.Connection.OnPing([]);
            }

            relay.Advance(20);
        }

        Assert.Empty(client.TakeAll());
        for (var i = 0; i < 1001; i++)
        {
            client.Connection.OnPing([]);
        }

        Assert.Equal("closed 1008 Too many pings", Assert.Single(client.TakeAll()));
    }

    [Theory]
    [InlineData(DialectKind.Relay, 1024 * 1024, "reconnect, then resume with the session's token or subscribe with since")]
    [InlineData(DialectKind.Context, 8 * 1024 * 1024, "reconnect")]
    public void A_client_that_does_not_read_is_closed_with_1013_at_its_bound_and_told_what_to_do(DialectKind kind, int bound, string advice)
    {
        using var relay = new RelayHarness();
        var slow = relay.Connect(kind);
        var quick = relay.Connect(kind);
        slow.Transport.Room = 100;
        var data = "\"" + new string('x', 60_000) + "\"";
        var published = 0;
        while (!slow.Connection.Outbound.IsClosing && published < 1000)
        {
            relay.Publish("global", "e", data);
            published++;
            Assert.InRange(slow.Connection.Outbound.UnsentBytes, 0, bound + 70_000);
        }

        Assert.InRange(published * 60_000L, bound, bound + 200_000);
        Assert.Equal(published, quick.TakeAll().Count(static frame => frame.Contains("\"event\":\"e\"", StringComparison.Ordinal)));
        slow.Transport.Open();
        relay.Settle();
        Assert.Equal("closed 1013 Slow consumer: " + advice, slow.TakeAll()[^1]);
        Assert.Equal(1, relay.Relay.Connections.Count);
    }

    [Fact]
    public void The_read_loop_waits_while_too_many_publishes_are_on_their_way_and_all_are_accepted()
    {
        using var relay = new RelayHarness(settings: new RelaySettings { MaxInFlightPublishes = 3 });
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Send([.. Enumerable.Range(1, 10).Select(static i => $$"""{"type":"publish","channel":"topics/x","event":"e","id":"{{i}}"}""")]);
        Assert.True(client.Pump());
        Assert.False(client.IsReaderFree);
        relay.Settle();
        Assert.True(client.IsReaderFree);
        Assert.Equal(10, client.TakeAll().Count);
        Assert.Equal(10, relay.History("topics/x").Position.Offset);
    }

    [Fact]
    public void A_read_without_a_request_never_waits()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Hooks);
        client.Connection.OnMessage("""{"command":"unknown"}"""u8, false);
        Assert.True(client.Connection.OnReadCompletedAsync(false).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public void A_read_that_comes_after_the_end_of_the_actor_is_released()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Relay);
        client.Connection.OnDisconnected(null);
        relay.Settle();
        client.Connection.OnMessage("""{"type":"ping"}"""u8, false);
        Assert.True(client.Connection.OnReadCompletedAsync(false).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public void A_client_that_goes_in_the_middle_of_things_leaves_nothing_behind()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            using var relay = new RelayHarness(seed, throughput: 1);
            var random = new Random(seed);
            var client = relay.Connect(DialectKind.Relay, settle: false);
            client.Send(
                """{"type":"subscribe","channel":"topics/a","presence":true,"last":3,"id":1}""",
                """{"type":"publish","channel":"topics/a","event":"e","id":2}""",
                """{"type":"auth","agent_id":"al"}""",
                """{"type":"history","channel":"topics/a","id":3}""",
                """{"type":"unsubscribe","channel":"topics/a","id":4}""");
            for (var steps = random.Next(80); steps > 0 && relay.Step(random); steps--)
            {
            }

            client.Disconnect();
            relay.Settle();
            relay.Advance(1);
            Assert.Equal(0, relay.Relay.Connections.Count);
            Assert.Empty(relay.Relay.Channels.Counts(DialectKind.Relay));
            var replicas = relay.Await(relay.Relay.Replicas.Ask<ShardRegionStats>(GetShardRegionStats.Instance, TimeSpan.FromSeconds(1)));
            Assert.Equal(0, replicas.Entities);
        }
    }

    [Fact]
    public void A_failed_connection_is_dropped_released_and_says_farewell_once()
    {
        using var relay = new RelayHarness();
        relay.ExpectsFailures = true;
        var watcher = relay.Connect(DialectKind.Context);
        var client = relay.Connect(DialectKind.Relay, request => request with { AgentId = "al", Dialect = new ThrowingDialect() });
        watcher.TakeAll();
        client.Send("""{"type":"ping"}""", """{"type":"ping"}""");
        relay.Settle();
        Assert.True(client.Transport.IsAborted);
        Assert.True(client.IsReaderFree);
        Assert.Single(watcher.TakeAll(), static frame => frame.Contains("agent.disconnected", StringComparison.Ordinal));
        Assert.Equal(1, relay.Relay.Connections.Count);
        Assert.Single(relay.Log.Lines);
    }

    [Fact]
    public void Counts_are_kept_by_dialect_and_by_channel()
    {
        using var relay = new RelayHarness();
        var one = relay.Connect(DialectKind.Context);
        relay.Connect(DialectKind.Context);
        relay.Connect(DialectKind.Hooks);
        one.Send("""{"type":"subscribe","channel":"topics/a"}""");
        relay.Settle();
        Assert.Equal((3, 2, 1), (relay.Relay.Connections.Count, relay.Relay.Connections.CountOf(DialectKind.Context), relay.Relay.Connections.CountOf(DialectKind.Hooks)));
        Assert.Equal(["global=2", "topics/a=1"], relay.Relay.Channels.Counts(DialectKind.Context).Select(static pair => $"{pair.Key}={pair.Value}"));
        Assert.Equal(["hooks=1"], relay.Relay.Channels.Counts(DialectKind.Hooks).Select(static pair => $"{pair.Key}={pair.Value}"));
        one.Disconnect();
        relay.Settle();
        Assert.Equal(["global=1"], relay.Relay.Channels.Counts(DialectKind.Context).Select(static pair => $"{pair.Key}={pair.Value}"));
    }

    [Fact]
    public void A_change_of_dialects_that_leaves_the_sum_is_shown()
    {
        using var relay = new RelayHarness(throughput: 64);
        var context = relay.Connect(DialectKind.Context);
        relay.Connect(DialectKind.Relay, settle: false);
        context.Disconnect();
        relay.Settle();
        Assert.Empty(relay.Relay.Channels.Counts(DialectKind.Context));
        Assert.Equal(1, relay.Relay.Channels.Counts(DialectKind.Relay)["global"]);
    }

    [Fact]
    public void Pending_deliveries_are_counted_over_all_channels()
    {
        using var relay = new RelayHarness();
        var one = relay.Connect(DialectKind.Context);
        relay.Connect(DialectKind.Context);
        one.Send("""{"type":"subscribe","channel":"topics/a"}""");
        relay.Settle();
        relay.Publish("global", "task.x");
        relay.Publish("topics/a", "task.x");
        relay.Publish("topics/a", "other");
        Assert.Equal(3, relay.Await(relay.Relay.CountPendingDeliveriesAsync(CancellationToken.None)));
        relay.Advance(12);
        Assert.Equal(0, relay.Await(relay.Relay.CountPendingDeliveriesAsync(CancellationToken.None)));
    }

    [Fact]
    public void An_idle_channel_sleeps_and_wakes_with_its_epoch_history_and_ids()
    {
        using var relay = new RelayHarness();
        relay.Publish("topics/x", "a", id: "k");
        var before = relay.History("topics/x");
        relay.Advance(121);
        Assert.Equal(1, relay.Archive.Count);
        var again = relay.Publish("topics/x", "a", id: "k").Outcomes[0];
        Assert.Equal(new PublishOutcome(before.Position, true), again);
        var after = relay.History("topics/x");
        Assert.Equal((before.Position, before.Events.Count), (after.Position, after.Events.Count));
    }

    [Fact]
    public void A_channel_that_was_forgotten_in_its_sleep_tells_by_a_new_epoch()
    {
        using var relay = new RelayHarness();
        relay.Publish("topics/x", "a");
        var before = relay.History("topics/x").Position;
        relay.Advance(121);
        relay.Archive.Forget();
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Send($$$"""{"type":"subscribe","channel":"topics/x","since":{"epoch":"{{{before.Epoch}}}","offset":1},"id":"s"}""");
        relay.Settle();
        Assert.EndsWith("\"offset\":0,\"recovered\":false}", Assert.Single(client.TakeAll()));
        Assert.NotEqual(before.Epoch, relay.History("topics/x").Position.Epoch);
    }

    [Fact]
    public void A_channel_with_a_subscriber_does_not_sleep()
    {
        using var relay = new RelayHarness();
        relay.Connect(DialectKind.Hooks);
        relay.Advance(300);
        Assert.Equal(0, relay.Archive.Count);
    }

    private sealed class ThrowingDialect : IDialect
    {
        private readonly IDialect _real = Protocol.Dialects.ByKind(DialectKind.Relay);

        public DialectProfile Profile => _real.Profile;

        public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => _real.Decode(message, binary);

        public void EncodeEvent(Publication publication, System.Buffers.IBufferWriter<byte> output) => _real.EncodeEvent(publication, output);

        public bool TryEncode(ServerMessage message, System.Buffers.IBufferWriter<byte> output) =>
            message is PongMessage ? throw new InvalidOperationException("provoked") : _real.TryEncode(message, output);
    }
}
