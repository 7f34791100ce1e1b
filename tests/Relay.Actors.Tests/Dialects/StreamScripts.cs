using System.Text;
using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Event streams inside the relay: the same connection as a native client's, without a WebSocket around it.</summary>
public sealed class StreamScripts
{
    [Fact]
    public void A_stream_gets_blocks_and_no_frames()
    {
        using var relay = new RelayHarness();
        var (_, opening, transport) = Open(relay, "topics/a");
        Assert.True(opening.Refusal.IsCompletedSuccessfully);
        relay.Publish("topics/a", "e", "1");
        relay.Advance(30);
        var lines = Encoding.UTF8.GetString(transport.Bytes).Split('\n');
        Assert.Equal(
            ["retry", "", "id", "event", "data", "", "id", "data", "", "", "", ""],
            lines.Select(static line => line.Split(':')[0]),
            StringComparer.Ordinal);
        Assert.Equal(":", lines[9]);
    }

    [Fact]
    public void Silence_of_a_client_that_cannot_speak_means_nothing()
    {
        using var relay = new RelayHarness();
        var (connection, _, transport) = Open(relay, "topics/a");
        relay.Advance(3600);
        Assert.False(transport.IsEnded);
        Assert.Equal(1, relay.Relay.Connections.CountOf(DialectKind.Sse));
        connection.OnDisconnected(null);
        relay.Settle();
        Assert.Equal(0, relay.Relay.Connections.Count);
        Assert.Empty(relay.Relay.Channels.Counts(DialectKind.Sse));
    }

    [Fact]
    public void What_is_refused_sends_nothing_and_subscribes_to_nothing()
    {
        using var relay = new RelayHarness();
        var (connection, opening, transport) = Open(relay, "topics/a", "agents/other");
        Assert.Equal("Not authorized to subscribe to this agent channel: agents/other", relay.Await(opening.Refusal));
        Assert.Empty(transport.Bytes);
        Assert.Empty(relay.Relay.Channels.Counts(DialectKind.Sse));
        connection.OnDisconnected(null);
        relay.Settle();
        Assert.Equal(0, relay.Relay.Connections.Count);
    }

    [Fact]
    public void At_the_nodes_stop_a_stream_is_told_and_ends_without_a_close_frame()
    {
        using var relay = new RelayHarness();
        var (connection, _, transport) = Open(relay, "topics/a");
        var closing = relay.Relay.CloseConnectionsAsync(TimeSpan.FromSeconds(5));
        relay.Settle();
        Assert.EndsWith("\"reason\":\"shutdown\",\"timestamp\":" + (relay.Time.GetUtcNow().ToUnixTimeMilliseconds()) + "}\n\n", Encoding.UTF8.GetString(transport.Bytes), StringComparison.Ordinal);
        Assert.NotNull(transport.Linger);
        connection.OnDisconnected(null);
        relay.Advance(1);
        Assert.True(closing.IsCompletedSuccessfully);
    }

    [Fact]
    public void At_its_bound_a_slow_stream_ends_behind_the_reason()
    {
        using var relay = new RelayHarness(settings: new RelaySettings { UnsentBytes = 20_000 });
        var (connection, _, transport) = Open(relay, "topics/a");
        transport.Room = 10;
        for (var n = 0; n < 30; n++)
        {
            relay.Publish("topics/a", "e", $"\"{new string('x', 1000)}\"");
        }

        transport.Open();
        relay.Settle();
        var text = Encoding.UTF8.GetString(transport.Bytes);
        Assert.Contains("event: reconnect\nretry: 0\ndata: {\"type\":\"reconnect\",\"after_ms\":0,\"reason\":\"Slow consumer: reconnect and resume\"", text, StringComparison.Ordinal);
        Assert.EndsWith("}\n\n", text, StringComparison.Ordinal);
        Assert.NotNull(transport.Linger);
        connection.OnDisconnected(null);
        relay.Settle();
    }

    [Fact]
    public void A_gap_that_the_node_finds_is_told_to_streams()
    {
        using var relay = new RelayHarness(settings: new RelaySettings
        {
            UnsentBytes = 20_000,
            DefaultNamespace = new NamespaceSettings { WhenSlow = WhenSlow.DropOldest },
        });
        var (connection, _, transport) = Open(relay, "topics/a");
        transport.Room = 10;
        for (var n = 0; n < 60; n++)
        {
            relay.Publish("topics/a", "e", $"\"{new string('x', 1000)}\"");
        }

        transport.Open();
        relay.Settle();
        Assert.Contains("event: gap\ndata: {\"type\":\"gap\",\"channel\":\"topics/a\",", Encoding.UTF8.GetString(transport.Bytes), StringComparison.Ordinal);
        Assert.False(transport.IsEnded);
        connection.OnDisconnected(null);
        relay.Settle();
    }

    private static (ClientConnection Connection, StreamOpening Opening, FakeTransport Transport) Open(RelayHarness relay, params string[] channels)
    {
        var opening = new StreamOpening([.. channels.Select(static (channel, index) => new SubscribeCommand { Channel = channel, RequestId = new RequestId([(byte)('1' + index)]) })]);
        var transport = new FakeTransport();
        var request = new ConnectionRequest { Dialect = SseDialect.Default, Listener = "test", RemoteAddress = "127.0.0.1:1", Opening = opening };
        var connection = (ClientConnection)relay.Relay.Open(request, transport);
        relay.Settle();
        return (connection, opening, transport);
    }
}
