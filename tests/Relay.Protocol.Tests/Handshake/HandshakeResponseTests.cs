using System.Buffers;
using System.Text;
using Relay.Protocol.Handshake;

namespace Relay.Protocol.Tests.Handshake;

public sealed class HandshakeResponseTests
{
    [Fact]
    public void The_accept_value_is_that_of_the_rfc()
    {
        // RFC 6455 §1.3.
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", HandshakeResponse.AcceptValue("dGhlIHNhbXBsZSBub25jZQ=="));
    }

    [Fact]
    public void A_plain_acceptance_is_exactly_these_bytes()
    {
        Assert.Equal(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            Accept(default));
    }

    [Fact]
    public void An_acceptance_names_what_was_agreed_on()
    {
        string answer = Accept(new HandshakeAnswer("relay.v1", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true));
        Assert.EndsWith(
            "xOo=\r\nSec-WebSocket-Protocol: relay.v1\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n",
            answer,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_closes_and_tells_its_length()
    {
        Assert.Equal(
            "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 15\r\nWWW-Authenticate: Bearer\r\n\r\n{\"error\":\"nö\"}",
            Refuse(new HandshakeRefusal(401, "{\"error\":\"nö\"}") { ContentType = "application/json", Headers = [new("WWW-Authenticate", "Bearer")] }));
    }

    [Fact]
    public void A_wrong_version_is_told_the_right_one()
    {
        string answer = Refuse(HandshakeRefusal.UpgradeRequired);
        Assert.StartsWith("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nSec-WebSocket-Version: 13\r\n", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 405 Method Not Allowed\r\n", Refuse(HandshakeRefusal.MethodNotAllowed), StringComparison.Ordinal);
        Assert.Contains("\r\nAllow: GET\r\n", Refuse(HandshakeRefusal.MethodNotAllowed), StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_value_cannot_smuggle_a_line()
    {
        Assert.Throws<ArgumentException>(() => Refuse(new HandshakeRefusal(400, "x") { Headers = [new("X", "a\r\nSet-Cookie: b")] }));
        Assert.Throws<ArgumentException>(() => Accept(new HandshakeAnswer("a\r\nb", null, false)));
    }

    private static string Accept(HandshakeAnswer answer)
    {
        var output = new ArrayBufferWriter<byte>();
        HandshakeResponse.WriteAccept(output, Heads.Accepted(Heads.Valid), answer);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string Refuse(HandshakeRefusal refusal)
    {
        var output = new ArrayBufferWriter<byte>();
        HandshakeResponse.WriteRefusal(output, refusal);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
