namespace Relay.Protocol.Handshake;

/// <summary>
/// Bounds of a request head that may become a WebSocket. Beyond them <see cref="UpgradeRequestParser"/> leaves the request to the HTTP
/// pipeline, whose own limits (no larger than these) answer with 414 or 431.
/// </summary>
public sealed record HandshakeLimits
{
    /// <summary>Kestrel's own defaults for the same three bounds.</summary>
    public static HandshakeLimits Default { get; } = new();

    /// <summary>Bytes of the request line with its line end.</summary>
    public int MaxRequestLineBytes { get; init; } = 8 * 1024;

    /// <summary>Header lines.</summary>
    public int MaxHeaders { get; init; } = 100;

    /// <summary>Bytes of the whole head, request line and empty line included.</summary>
    public int MaxHeadBytes { get; init; } = 32 * 1024;
}
