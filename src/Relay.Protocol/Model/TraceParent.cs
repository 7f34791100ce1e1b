using System.Buffers;
using System.Diagnostics;
using System.Text;

namespace Relay.Protocol;

/// <summary>
/// The place in a sampled trace that an event comes from: <c>traceparent</c> of W3C Trace Context. Whoever is not sampled has none, so that an event without a trace costs nothing. Immutable.
/// </summary>
public sealed class TraceParent
{
    /// <summary>Bytes in which it goes from node to node.</summary>
    public const int Bytes = 24;

    private const int Length = 55;

    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdef"u8);

    /// <param name="traceId">Not all zero.</param>
    /// <param name="spanId">Not all zero.</param>
    public TraceParent(ActivityTraceId traceId, ActivitySpanId spanId)
    {
        TraceId = traceId;
        SpanId = spanId;
    }

    /// <summary>The trace.</summary>
    public ActivityTraceId TraceId { get; }

    /// <summary>The span that caused the event.</summary>
    public ActivitySpanId SpanId { get; }

    /// <summary>As parent of further spans.</summary>
    public ActivityContext Context => new(TraceId, SpanId, ActivityTraceFlags.Recorded, isRemote: true);

    /// <summary>
    /// Reads the text of a <c>traceparent</c>: <c>00-{trace}-{parent}-{flags}</c>, lower-case hexadecimal (§3.2). Null when it is malformed, which is to be ignored (§4.3), or not sampled. Of a
    /// version after 00 what is known is read, and what follows behind a hyphen is not.
    /// </summary>
    public static TraceParent? Parse(ReadOnlySpan<byte> text)
    {
        if (text.Length < Length || text[2] != '-' || text[35] != '-' || text[52] != '-' || !AreHex(text[..2]) || !AreHex(text[3..35]) || !AreHex(text[36..52]) || !AreHex(text[53..55]))
        {
            return null;
        }

        var version = text[..2];
        var isRight = version.SequenceEqual("00"u8) ? text.Length == Length : !version.SequenceEqual("ff"u8) && (text.Length == Length || text[Length] == '-');
        if (!isRight || !text[3..35].ContainsAnyExcept((byte)'0') || !text[36..52].ContainsAnyExcept((byte)'0'))
        {
            return null;
        }

        var isSampled = (Digit(text[54]) & (int)ActivityTraceFlags.Recorded) != 0;
        return isSampled ? new TraceParent(ActivityTraceId.CreateFromUtf8String(text[3..35]), ActivitySpanId.CreateFromUtf8String(text[36..52])) : null;
    }

    /// <summary>The same of a header field.</summary>
    public static TraceParent? Parse(string? text) => text is { Length: >= Length and <= 512 } ? Parse(Encoding.UTF8.GetBytes(text)) : null;

    /// <summary>Reads what <see cref="CopyTo"/> wrote; null when it cannot have.</summary>
    public static TraceParent? FromBytes(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Bytes && bytes[..16].ContainsAnyExcept((byte)0) && bytes[16..].ContainsAnyExcept((byte)0)
            ? new TraceParent(ActivityTraceId.CreateFromBytes(bytes[..16]), ActivitySpanId.CreateFromBytes(bytes[16..]))
            : null;

    /// <summary>Writes <see cref="Bytes"/> bytes.</summary>
    public void CopyTo(Span<byte> bytes)
    {
        TraceId.CopyTo(bytes[..16]);
        SpanId.CopyTo(bytes[16..Bytes]);
    }

    /// <summary>The text, as <see cref="Parse(string?)"/> reads it.</summary>
    public override string ToString() => $"00-{TraceId.ToHexString()}-{SpanId.ToHexString()}-01";

    private static bool AreHex(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(HexDigits);

    private static int Digit(byte hex) => hex <= '9' ? hex - '0' : hex - 'a' + 10;
}
