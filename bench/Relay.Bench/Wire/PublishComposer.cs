using System.Text;
using Relay.Bench.Measure;

namespace Relay.Bench.Wire;

/// <summary>
/// Composes published messages: the parts that do not change are made once, per publish only the mark, its number and the id are written.
/// Immutable.
/// </summary>
internal sealed class PublishComposer
{
    private const string PayloadHead = "{\"t\":\"";
    private const string PayloadMiddle = "\",\"p\":\"";
    private const string PayloadTail = "\"}";
    private const int MaxNumberDigits = 20;

    private readonly Marker _marker;
    private readonly byte[][] _heads;
    private readonly byte[] _tail;
    private readonly bool _hasId;

    /// <param name="marker">This run's mark.</param>
    /// <param name="heads">Per channel, everything before the payload.</param>
    /// <param name="payloadBytes">Exact size of the payload.</param>
    /// <param name="tail">What follows the payload and is no id.</param>
    /// <param name="hasId">Whether <c>,"id":"{run}-{number}"</c> and the closing bracket follow.</param>
    public PublishComposer(Marker marker, string[] heads, int payloadBytes, string tail, bool hasId)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(payloadBytes, MinPayloadBytes);
        _marker = marker;
        _hasId = hasId;
        _heads = [.. heads.Select(static head => Encoding.UTF8.GetBytes(head + PayloadHead))];
        _tail = Encoding.UTF8.GetBytes(
            PayloadMiddle + new string('x', payloadBytes - MinPayloadBytes) + PayloadTail + tail + (hasId ? $",\"id\":\"{marker.Run}-" : ""));
        MaxLength = _heads.Max(static head => head.Length) + Marker.Length + _tail.Length + MaxNumberDigits + 2;
    }

    /// <summary>The mark with the JSON around it.</summary>
    public static int MinPayloadBytes => PayloadHead.Length + Marker.Length + PayloadMiddle.Length + PayloadTail.Length;

    /// <summary>Bytes that the longest message needs.</summary>
    public int MaxLength { get; }

    /// <summary>Writes publish <paramref name="number"/>; returns its bytes.</summary>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <param name="channel">Index of its channel.</param>
    /// <param name="number">Number of the publish.</param>
    /// <param name="intended">Intended send time in ns.</param>
    public int Compose(Span<byte> destination, int channel, long number, long intended)
    {
        var head = _heads[channel];
        head.CopyTo(destination);
        var at = head.Length;
        _marker.Write(destination[at..], number, intended);
        at += Marker.Length;
        _tail.CopyTo(destination[at..]);
        at += _tail.Length;
        if (_hasId)
        {
            number.TryFormat(destination[at..], out var digits);
            at += digits;
            "\"}"u8.CopyTo(destination[at..]);
            at += 2;
        }

        return at;
    }
}
