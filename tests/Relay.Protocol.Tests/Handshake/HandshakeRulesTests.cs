using Relay.Protocol.Handshake;

namespace Relay.Protocol.Tests.Handshake;

public sealed class HandshakeRulesTests
{
    private static readonly string[] Supported = ["relay.v1", "relay.context"];

    [Theory]
    [InlineData("", null)]
    [InlineData("relay.v1", "relay.v1")]
    [InlineData("relay.context, relay.v1", "relay.context")]
    [InlineData("foo , relay.v1,bar", "relay.v1")]
    [InlineData(",, relay.v1 ,,", "relay.v1")]
    [InlineData("Relay.V1", null)]
    [InlineData("relay.v10", null)]
    [InlineData("foo", null)]
    public void The_first_known_subprotocol_of_the_client_is_chosen(string header, string? expected)
    {
        Assert.True(HandshakeRules.TryChooseSubprotocol(header, Supported, out string? chosen));
        Assert.Equal(expected, chosen);
    }

    [Theory]
    [InlineData("relay v1")]
    [InlineData("relay.v1, a b")]
    [InlineData("relay.v1; x")]
    [InlineData("\"relay.v1\"")]
    [InlineData("ü")]
    public void An_element_that_is_no_token_is_refused(string header)
    {
        Assert.False(HandshakeRules.TryChooseSubprotocol(header, Supported, out string? chosen));
        Assert.Null(chosen);
        Assert.Equal(400, HandshakeRules.Negotiate(header, default, Supported, deflate: true, out _)!.Status);
    }

    [Fact]
    public void Long_lists_and_long_gaps_end_in_a_verdict()
    {
        Assert.False(HandshakeRules.TryChooseSubprotocol("b" + new string(' ', 30_000) + "x", Supported, out _));
        Assert.True(HandshakeRules.TryChooseSubprotocol(string.Concat(Enumerable.Repeat("a,", 10_000)) + "relay.v1", Supported, out string? chosen));
        Assert.Equal("relay.v1", chosen);
        Assert.True(HandshakeRules.TryChooseSubprotocol(new string(',', 30_000), Supported, out _));
    }

    [Fact]
    public void Deflate_is_agreed_on_only_where_it_is_wanted()
    {
        UpgradeRequest request = Heads.Accepted(Heads.Plus(
            "Sec-WebSocket-Protocol: relay.v1",
            "Sec-WebSocket-Extensions: foo",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"));
        Assert.Null(HandshakeRules.Negotiate(request, Supported, deflate: true, out HandshakeAnswer with));
        Assert.Equal(new HandshakeAnswer("relay.v1", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true), with);
        Assert.Null(HandshakeRules.Negotiate(request, Supported, deflate: false, out HandshakeAnswer without));
        Assert.Equal(new HandshakeAnswer("relay.v1", null, false), without);
    }

    [Fact]
    public void An_invalid_window_goes_on_without_and_a_malformed_header_is_refused()
    {
        Assert.Null(HandshakeRules.Negotiate(default, "permessage-deflate; client_max_window_bits=99", Supported, deflate: true, out HandshakeAnswer answer));
        Assert.Equal(default, answer);
        Assert.Equal(400, HandshakeRules.Negotiate(default, "permessage-deflate; =", Supported, deflate: true, out _)!.Status);
    }

    [Theory]
    [InlineData(0, "", 0, true)]
    [InlineData(1, "0", 0, true)]
    [InlineData(1, "1", 0, false)]
    [InlineData(1, "00", 0, false)]
    [InlineData(2, "0", 0, false)]
    [InlineData(0, "", 1, false)]
    public void An_upgrade_has_no_body(int lengths, string length, int encodings, bool allowed)
    {
        Assert.Equal(allowed, HandshakeRules.CheckNoBody(lengths, length, encodings) is null);
    }
}
