namespace Relay.Protocol.Handshake;

/// <summary>
/// An answer to an upgrade that is not accepted. Immutable; those without details are shared.
/// </summary>
/// <param name="Status">HTTP status, 400 to 599.</param>
/// <param name="Body">Text of the answer: says what was wrong, holds nothing of the request.</param>
public sealed record HandshakeRefusal(int Status, string Body)
{
    public static HandshakeRefusal MethodNotAllowed { get; } = new(405, "A WebSocket upgrade is a GET request.") { Headers = [new("Allow", "GET")] };

    /// <summary>RFC 6455 §4.4: names the version that is spoken.</summary>
    public static HandshakeRefusal UpgradeRequired { get; } =
        new(426, "WebSocket version 13 is required.") { Headers = [new("Sec-WebSocket-Version", "13"), new("Upgrade", "websocket")] };

    public static HandshakeRefusal VersionNotSupported { get; } = new(505, "HTTP/1.1 is required.");

    /// <summary>Media type of the body.</summary>
    public string ContentType { get; init; } = "text/plain; charset=utf-8";

    /// <summary>Further header fields; names and values must hold no control characters.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Why, in one word for metrics.</summary>
    public string Reason { get; init; } = Status switch
    {
        400 => "malformed",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method",
        408 => "slow",
        413 or 414 or 431 => "too_large",
        426 or 505 => "version",
        _ => "other",
    };

    public static HandshakeRefusal BadRequest(string body) => new(400, body);
}
