using System.Buffers.Text;

namespace Relay.Protocol;

/// <summary>
/// Where an event stands in its channel: guarantees.md 1. The offset counts accepted events from 1; the epoch names one life of
/// the counter. Both are needed: after a channel lost its memory the same offsets are given to other events, and only another
/// epoch tells a client that its position means nothing any more.
/// </summary>
public readonly record struct StreamPosition(Epoch Epoch, long Offset)
{
    /// <summary>Most bytes of the text form: epoch, colon, 19 digits.</summary>
    public const int MaxTextLength = Epoch.TextLength + 1 + 19;

    /// <summary>Reads <c>epoch:offset</c> in UTF-8; false for anything else and for a negative offset.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out StreamPosition position)
    {
        position = default;
        if (text.Length <= Epoch.TextLength + 1
            || text[Epoch.TextLength] != ':'
            || !Utf8Parser.TryParse(text[(Epoch.TextLength + 1)..], out long offset, out var used)
            || used != text.Length - Epoch.TextLength - 1)
        {
            return false;
        }

        return NativeRequests.TryPosition(text[..Epoch.TextLength], offset, out position);
    }

    /// <summary>Writes <c>epoch:offset</c> to <paramref name="destination"/>, which has room for <see cref="MaxTextLength"/>, and returns its length.</summary>
    internal int Format(Span<byte> destination)
    {
        Epoch.Format(destination);
        destination[Epoch.TextLength] = (byte)':';
        Utf8Formatter.TryFormat(Offset, destination[(Epoch.TextLength + 1)..], out var digits);
        return Epoch.TextLength + 1 + digits;
    }
}
