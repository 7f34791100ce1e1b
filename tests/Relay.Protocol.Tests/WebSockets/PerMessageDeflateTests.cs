using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

public sealed class PerMessageDeflateTests
{
    private const string Plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    private const string Window = Plain + "; server_max_window_bits=15";

    [Theory]
    [InlineData("permessage-deflate", Plain)]
    [InlineData("Permessage-Deflate", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits=15", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits=8", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits=\"10\"", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits=\"1\\0\"", Plain)]
    [InlineData("permessage-deflate;server_no_context_takeover;client_no_context_takeover", Plain)]
    [InlineData("permessage-deflate ; server_max_window_bits = 15 ; client_max_window_bits", Window)]
    [InlineData("permessage-deflate; server_max_window_bits=10, permessage-deflate", Plain)]
    [InlineData("permessage-deflate; client_max_window_bits=99, permessage-deflate; client_max_window_bits", Plain)]
    [InlineData("x-webkit-deflate-frame, foo; a=1; b=\"c\", permessage-deflate", Plain)]
    [InlineData(" , ,permessage-deflate, ", Plain)]
    [InlineData("permessage-deflate; server_max_window_bits=15, permessage-deflate", Window)]
    public void An_acceptable_offer_is_answered(string header, string answer)
    {
        Assert.Equal(ExtensionOutcome.Deflate, PerMessageDeflate.Negotiate(header, out string? response));
        Assert.Equal(answer, response);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" , , ")]
    [InlineData("foo")]
    [InlineData("permessage-deflate; client_max_window_bits=99")]
    [InlineData("permessage-deflate; client_max_window_bits=7")]
    [InlineData("permessage-deflate; client_max_window_bits=16")]
    [InlineData("permessage-deflate; client_max_window_bits=08")]
    [InlineData("permessage-deflate; client_max_window_bits=015")]
    [InlineData("permessage-deflate; client_max_window_bits=-9")]
    [InlineData("permessage-deflate; server_max_window_bits")]
    [InlineData("permessage-deflate; server_max_window_bits=14")]
    [InlineData("permessage-deflate; server_max_window_bits=8")]
    [InlineData("permessage-deflate; server_no_context_takeover=1")]
    [InlineData("permessage-deflate; client_no_context_takeover; client_no_context_takeover")]
    [InlineData("permessage-deflate; client_max_window_bits; client_max_window_bits=10")]
    [InlineData("permessage-deflate; server_max_window_bits=15; server_max_window_bits=15")]
    [InlineData("permessage-deflate; unknown")]
    [InlineData("permessage-deflate; unknown=1")]
    public void An_offer_that_cannot_be_honoured_is_declined(string header)
    {
        Assert.Equal(ExtensionOutcome.None, PerMessageDeflate.Negotiate(header, out string? response));
        Assert.Null(response);
    }

    [Theory]
    [InlineData("permessage-deflate;")]
    [InlineData("permessage-deflate; ; client_max_window_bits")]
    [InlineData("permessage-deflate; client_max_window_bits=")]
    [InlineData("permessage-deflate; client_max_window_bits=\"10")]
    [InlineData("permessage-deflate; client_max_window_bits=\"\"")]
    [InlineData("permessage-deflate; client_max_window_bits=\"1 0\"")]
    [InlineData("permessage-deflate; client_max_window_bits=\"10\\")]
    [InlineData("permessage-deflate client_max_window_bits")]
    [InlineData("permessage-deflate, =")]
    [InlineData("; a")]
    [InlineData("a b")]
    [InlineData("permessage-deflate, b@d")]
    [InlineData("permessage-deflate, ü")]
    public void A_header_outside_the_grammar_is_malformed(string header)
    {
        Assert.Equal(ExtensionOutcome.Malformed, PerMessageDeflate.Negotiate(header, out string? response));
        Assert.Null(response);
    }

    [Fact]
    public void Thousands_of_quotes_and_offers_end_in_a_verdict()
    {
        Assert.Equal(ExtensionOutcome.Malformed, PerMessageDeflate.Negotiate(new string('"', 16_000), out _));
        Assert.Equal(ExtensionOutcome.Malformed, PerMessageDeflate.Negotiate("a; b=" + new string('"', 16_000), out _));
        Assert.Equal(ExtensionOutcome.Malformed, PerMessageDeflate.Negotiate("a; b=\"" + new string('\\', 16_000), out _));
        string offers = string.Join(',', Enumerable.Repeat("a; b=\"c\"", 4000));
        Assert.Equal(ExtensionOutcome.None, PerMessageDeflate.Negotiate(offers, out _));
        Assert.Equal(ExtensionOutcome.Deflate, PerMessageDeflate.Negotiate(offers + ", permessage-deflate", out _));
    }
}
