using System.Globalization;
using Relay.Actors.Limits;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>What a limit says at the door, as an answer to an upgrade.</summary>
internal static class LimitAnswers
{
    /// <summary>The node has as many connections as it may have. 503, without waiting for a request.</summary>
    public static HandshakeRefusal Full { get; } = Of(new LimitRefusal(Limit.Connections, TimeSpan.FromSeconds(1)));

    /// <summary>The address has. 429, in the same way.</summary>
    public static HandshakeRefusal AddressFull { get; } = Of(new LimitRefusal(Limit.ConnectionsPerAddress, TimeSpan.FromSeconds(5)));

    /// <summary>429 or 503 with <c>Retry-After</c>; the text names the limit.</summary>
    public static HandshakeRefusal Of(LimitRefusal refusal) => new(refusal.Status, refusal.Text)
    {
        Reason = refusal.Limit.Label(),
        Headers = [new("Retry-After", refusal.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture))],
    };
}
