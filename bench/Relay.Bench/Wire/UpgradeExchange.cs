using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Handshake;

namespace Relay.Bench.Wire;

/// <summary>The client's half of the opening handshake (RFC 6455 §4.1). Plain data, used once per connection.</summary>
internal sealed class UpgradeExchange
{
    private const int MaxHead = 16 * 1024;

    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
    private readonly List<byte> _head = [];

    /// <summary>The request's bytes.</summary>
    /// <param name="authority">Host and port.</param>
    /// <param name="path">Path and query.</param>
    /// <param name="subprotocol">To ask for; null = none.</param>
    /// <param name="token">For <c>Authorization: Bearer</c>; null = none.</param>
    public byte[] Request(string authority, string path, string? subprotocol, string? token)
    {
        var text = new StringBuilder()
            .Append("GET ").Append(path).Append(" HTTP/1.1\r\nHost: ").Append(authority)
            .Append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ").Append(_key).Append("\r\n");
        if (subprotocol is not null)
        {
            text.Append("Sec-WebSocket-Protocol: ").Append(subprotocol).Append("\r\n");
        }

        if (token is not null)
        {
            text.Append("Authorization: Bearer ").Append(token).Append("\r\n");
        }

        return Encoding.ASCII.GetBytes(text.Append("\r\n").ToString());
    }

    /// <summary>Takes received bytes up to the end of the answer.</summary>
    /// <param name="bytes">What was received.</param>
    /// <param name="consumed">How many of them belong to the answer.</param>
    /// <param name="refusal">Why the connection must end; null when it may go on.</param>
    /// <returns>True when the answer is complete or refused.</returns>
    public bool TryComplete(ReadOnlySpan<byte> bytes, out int consumed, out string? refusal)
    {
        refusal = null;
        var before = _head.Count;
        _head.AddRange(bytes);
        var end = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_head).IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            consumed = bytes.Length;
            refusal = _head.Count > MaxHead ? "the answer to the upgrade does not end" : null;
            return refusal is not null;
        }

        consumed = end + 4 - before;
        refusal = Judge(Encoding.Latin1.GetString([.. _head[..end]]));
        return true;
    }

    private string? Judge(string head)
    {
        var lines = head.Split("\r\n");
        if (!lines[0].StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
        {
            return "upgrade refused: " + lines[0];
        }

        const string Name = "Sec-WebSocket-Accept:";
        var accept = Array.Find(lines, static line => line.StartsWith(Name, StringComparison.OrdinalIgnoreCase))?[Name.Length..].Trim();
        return accept == HandshakeResponse.AcceptValue(_key) ? null : "the answer to the upgrade proves no WebSocket server (Sec-WebSocket-Accept)";
    }
}
