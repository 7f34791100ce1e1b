using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Connections that fail before they began, and connections that begin while the node leaves.</summary>
public sealed class ConnectionEndTests
{
    [Theory]
    [InlineData("constructor")]
    [InlineData("greeting")]
    [InlineData("stream")]
    public void A_connection_whose_actor_cannot_start_is_dropped_and_leaves_nothing_behind(string where)
    {
        using var relay = new RelayHarness { ExpectsFailures = true };
        var client = where == "stream"
            ? relay.Connect(DialectKind.Sse)
            : relay.Connect(DialectKind.Relay, request => where == "greeting" ? request with { Dialect = new MuteDialect(), AgentId = "a" } : request with { Principal = null! });
        Assert.True(client.Transport.IsAborted);
        Assert.True(client.IsGone);
        Assert.Equal(0, relay.Relay.Connections.Count);
        Assert.Empty(relay.Relay.Channels.Counts(client.Connection.Kind));
        Assert.Contains("could not be started", Assert.Single(relay.Log.Lines), StringComparison.Ordinal);

        // What its socket brought meanwhile waits for nobody.
        client.Connection.OnMessage("""{"type":"ping"}"""u8, false);
        Assert.True(client.Connection.OnReadCompletedAsync(false).AsTask().IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData(DialectKind.Relay, 1012)]
    [InlineData(DialectKind.Hooks, 1001)]
    [InlineData(DialectKind.WebUi, 1001)]
    public void Who_connects_while_the_node_tells_its_clients_is_told_as_well(DialectKind kind, int code)
    {
        using var relay = new RelayHarness();
        var known = relay.Connect(kind);

        // Its actor has not begun when the walk over the clients passes.
        var late = relay.Connect(kind, settle: false);
        var closing = relay.Relay.CloseConnectionsAsync(TimeSpan.FromSeconds(5));
        relay.Settle();
        foreach (var client in new[] { known, late })
        {
            var received = client.TakeAll();
            Assert.Equal($"closed {code} Server is shutting down", received[^1]);
            Assert.Equal(kind == DialectKind.Relay, received.Exists(static frame => frame.StartsWith("""{"type":"reconnect","after_ms":1000,"reason":"shutdown",""", StringComparison.Ordinal)));
        }

        relay.Advance(1);
        Assert.True(closing.IsCompletedSuccessfully);
        Assert.Equal(0, relay.Relay.Connections.Count);
    }

    /// <summary>Cannot greet.</summary>
    private sealed class MuteDialect : IDialect
    {
        private readonly IDialect _real = Protocol.Dialects.ByKind(DialectKind.Relay);

        public DialectProfile Profile => _real.Profile;

        public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => _real.Decode(message, binary);

        public void EncodeEvent(Publication publication, System.Buffers.IBufferWriter<byte> output) => _real.EncodeEvent(publication, output);

        public bool TryEncode(ServerMessage message, System.Buffers.IBufferWriter<byte> output) =>
            message is ConnectedMessage ? throw new InvalidOperationException("provoked") : _real.TryEncode(message, output);
    }
}
