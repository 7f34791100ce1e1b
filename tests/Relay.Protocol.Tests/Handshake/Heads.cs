using System.Text;
using Relay.Protocol.Handshake;

namespace Relay.Protocol.Tests.Handshake;

/// <summary>Builds request heads and reads answers.</summary>
internal static class Heads
{
    public const string Key = "dGhlIHNhbXBsZSBub25jZQ==";

    public const string Valid =
        "GET /ws?userId=u1 HTTP/1.1\r\n"
        + "Host: relay.example.com\r\n"
        + "Upgrade: websocket\r\n"
        + "Connection: Upgrade\r\n"
        + "Sec-WebSocket-Key: " + Key + "\r\n"
        + "Sec-WebSocket-Version: 13\r\n"
        + "\r\n";

    /// <summary>The valid head with a text in it replaced.</summary>
    public static string With(string old, string replacement)
    {
        Assert.Contains(old, Valid, StringComparison.Ordinal);
        return Valid.Replace(old, replacement, StringComparison.Ordinal);
    }

    /// <summary>The valid head with further header lines.</summary>
    public static string Plus(params string[] lines) => Valid[..^2] + string.Concat(lines.Select(line => line + "\r\n")) + "\r\n";

    public static byte[] Bytes(string head) => Encoding.Latin1.GetBytes(head);

    public static UpgradeStatus Parse(string head, out UpgradeRequest? request, out HandshakeRefusal? refusal)
    {
        var parser = new UpgradeRequestParser(HandshakeLimits.Default);
        return parser.Parse(Bytes(head), out request, out refusal);
    }

    public static UpgradeRequest Accepted(string head)
    {
        UpgradeStatus status = Parse(head, out UpgradeRequest? request, out HandshakeRefusal? refusal);
        Assert.True(status == UpgradeStatus.Upgrade, $"{status} {refusal}");
        Assert.NotNull(request);
        return request;
    }
}
