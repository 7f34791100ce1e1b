namespace Relay.Protocol.WebSockets;

/// <summary>
/// Bounds of what one peer may send. Immutable; shared by all connections of a dialect.
/// The behaviour at each bound is named at the property.
/// </summary>
public sealed record FrameLimits
{
    /// <summary>64 KiB messages: the size limit most dialects use (design: protocols.md, "Rules for every dialect").</summary>
    public static FrameLimits Default { get; } = new();

    /// <summary>Payload bytes of one message over all its fragments, before any inflation. Over: 1009, as soon as a header announces it.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Bytes of one message after inflation. Over: 1009, at the byte that would exceed it.</summary>
    public int MaxInflatedBytes { get; init; } = 64 * 1024;

    /// <summary>
    /// Data frames of one message, empty ones included. Over: 1008. 1,024 lets a full default message arrive in pieces
    /// of 64 bytes, the smallest pieces a conformance suite sends, and stops a stream of empty continuations early.
    /// </summary>
    public int MaxFragments { get; init; } = 1024;

    /// <summary>Limits for messages up to <paramref name="bytes"/> bytes, inflated or not, in pieces of no less than 64 bytes on average.</summary>
    public static FrameLimits ForMessagesOf(int bytes) =>
        new() { MaxMessageBytes = bytes, MaxInflatedBytes = bytes, MaxFragments = Math.Max(1024, (bytes / 64) + 1) };

    /// <summary>
    /// Payload bytes allowed for a compressed message. A message that keeps its limit uncompressed must not break it by being
    /// sent compressed, and fast deflaters write incompressible data in fixed codes of up to 9 bits a byte.
    /// </summary>
    internal long MaxCompressedBytes => MaxMessageBytes + (long)(MaxMessageBytes >> 3) + 64;
}
