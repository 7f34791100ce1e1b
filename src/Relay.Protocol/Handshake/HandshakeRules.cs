using System.Buffers;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Handshake;

/// <summary>
/// The checks of an opening handshake (RFC 6455 §4.2, RFC 8441 §5) over header values, wherever those come from: the raw head that
/// <see cref="UpgradeRequestParser"/> read, or an HTTP pipeline (keep-alive connections, HTTP/2 Extended CONNECT).
/// Each check is one pass over its value.
/// </summary>
public static class HandshakeRules
{
    private static readonly SearchValues<char> Base64Chars =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

    /// <summary>Version and, except for Extended CONNECT, which has none (RFC 8441 §5), key. Null when both are right.</summary>
    public static HandshakeRefusal? Check(UpgradeRequest request, bool extendedConnect = false)
    {
        ArgumentNullException.ThrowIfNull(request);
        HandshakeRefusal? refusal = CheckVersion(request.HeaderCount("Sec-WebSocket-Version"), request.Header("Sec-WebSocket-Version"));
        if (refusal is not null || extendedConnect)
        {
            return refusal;
        }

        return CheckKey(request.HeaderCount("Sec-WebSocket-Key"), request.Key);
    }

    /// <summary>
    /// <c>Sec-WebSocket-Version</c>: exactly one line with 13. Missing or another version: 426 (RFC 6455 §4.4); repeated: 400 (§11.3.5).
    /// </summary>
    /// <param name="lines">Header lines of that name.</param>
    /// <param name="value">Their value.</param>
    public static HandshakeRefusal? CheckVersion(int lines, ReadOnlySpan<char> value)
    {
        if (lines > 1)
        {
            return Refusals.RepeatedVersion;
        }

        return lines == 1 && value is "13" ? null : HandshakeRefusal.UpgradeRequired;
    }

    /// <summary>
    /// <c>Sec-WebSocket-Key</c>: exactly one line with the base64 form of 16 bytes: 22 characters and two times '='
    /// (RFC 6455 §4.2.1). Else 400. The four bits of the last character that stand for nothing are not looked at.
    /// </summary>
    public static HandshakeRefusal? CheckKey(int lines, ReadOnlySpan<char> value)
    {
        if (lines != 1)
        {
            return lines == 0 ? Refusals.MissingKey : Refusals.RepeatedKey;
        }

        bool good = value.Length == 24 && value.EndsWith("==") && !value[..22].ContainsAnyExcept(Base64Chars);
        return good ? null : Refusals.InvalidKey;
    }

    /// <summary>An upgrade has no body: any Transfer-Encoding, a Content-Length other than one 0: 400.</summary>
    /// <param name="contentLengthLines">Content-Length lines.</param>
    /// <param name="contentLength">Their value.</param>
    /// <param name="transferEncodingLines">Transfer-Encoding lines.</param>
    public static HandshakeRefusal? CheckNoBody(int contentLengthLines, ReadOnlySpan<char> contentLength, int transferEncodingLines)
    {
        bool none = contentLengthLines == 0 || (contentLengthLines == 1 && contentLength is "0");
        return none && transferEncodingLines == 0 ? null : Refusals.Body;
    }

    /// <summary>Subprotocol and extensions in one step. Null and an answer, or a refusal of a malformed header (400).</summary>
    /// <param name="request">The request.</param>
    /// <param name="supported">Subprotocols this listener speaks.</param>
    /// <param name="deflate">Whether permessage-deflate may be agreed on.</param>
    /// <param name="answer">What was agreed on, when null is returned.</param>
    public static HandshakeRefusal? Negotiate(UpgradeRequest request, ReadOnlySpan<string> supported, bool deflate, out HandshakeAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Negotiate(request.Header("Sec-WebSocket-Protocol"), request.Header("Sec-WebSocket-Extensions"), supported, deflate, out answer);
    }

    /// <summary>As above, over the values of <c>Sec-WebSocket-Protocol</c> and <c>Sec-WebSocket-Extensions</c> (lines joined with commas).</summary>
    public static HandshakeRefusal? Negotiate(
        ReadOnlySpan<char> protocols, ReadOnlySpan<char> extensions, ReadOnlySpan<string> supported, bool deflate, out HandshakeAnswer answer)
    {
        answer = default;
        if (!TryChooseSubprotocol(protocols, supported, out string? subprotocol))
        {
            return Refusals.Subprotocols;
        }

        ExtensionOutcome outcome = PerMessageDeflate.Negotiate(extensions, out string? response);
        if (outcome == ExtensionOutcome.Malformed)
        {
            return Refusals.Extensions;
        }

        bool agreed = deflate && outcome == ExtensionOutcome.Deflate;
        answer = new HandshakeAnswer(subprotocol, agreed ? response : null, agreed);
        return null;
    }

    /// <summary>
    /// The first subprotocol of the client's list that is supported (the client's order is its preference, RFC 6455 §4.1).
    /// False when an element is not a token; true with null when none is known. Names are compared exactly.
    /// </summary>
    public static bool TryChooseSubprotocol(ReadOnlySpan<char> header, ReadOnlySpan<string> supported, out string? chosen)
    {
        chosen = null;
        while (!header.IsEmpty)
        {
            int comma = header.IndexOf(',');
            ReadOnlySpan<char> element = (comma < 0 ? header : header[..comma]).Trim(" \t");
            header = comma < 0 ? default : header[(comma + 1)..];
            if (element.IsEmpty)
            {
                continue;
            }

            if (!ExtensionParser.IsToken(element))
            {
                chosen = null;
                return false;
            }

            chosen ??= Match(element, supported);
        }

        return true;
    }

    private static string? Match(ReadOnlySpan<char> name, ReadOnlySpan<string> supported)
    {
        foreach (string candidate in supported)
        {
            if (name.SequenceEqual(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    private static class Refusals
    {
        public static readonly HandshakeRefusal RepeatedVersion = HandshakeRefusal.BadRequest("Sec-WebSocket-Version is repeated.");
        public static readonly HandshakeRefusal MissingKey = HandshakeRefusal.BadRequest("Sec-WebSocket-Key is missing.");
        public static readonly HandshakeRefusal RepeatedKey = HandshakeRefusal.BadRequest("Sec-WebSocket-Key is repeated.");
        public static readonly HandshakeRefusal InvalidKey = HandshakeRefusal.BadRequest("Sec-WebSocket-Key is not base64 of 16 bytes.");
        public static readonly HandshakeRefusal Body = HandshakeRefusal.BadRequest("A WebSocket upgrade has no body.");
        public static readonly HandshakeRefusal Subprotocols = HandshakeRefusal.BadRequest("Sec-WebSocket-Protocol is not a list of tokens.");
        public static readonly HandshakeRefusal Extensions = HandshakeRefusal.BadRequest("Sec-WebSocket-Extensions is malformed.");
    }
}
