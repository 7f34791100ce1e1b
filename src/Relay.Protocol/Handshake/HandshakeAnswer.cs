namespace Relay.Protocol.Handshake;

/// <summary>What was agreed on in a handshake.</summary>
/// <param name="Subprotocol">The subprotocol chosen, null when none was asked for or none is known.</param>
/// <param name="Extensions">Text of the answer's <c>Sec-WebSocket-Extensions</c>, null without extensions.</param>
/// <param name="Deflate">Whether permessage-deflate is in force (both directions without context takeover).</param>
public readonly record struct HandshakeAnswer(string? Subprotocol, string? Extensions, bool Deflate);
