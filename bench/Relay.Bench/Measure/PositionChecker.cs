using System.Buffers.Text;
using Relay.Protocol;

namespace Relay.Bench.Measure;

/// <summary>
/// Checks the positions of native events (protocols.md, <c>relay</c>) on one channel: one epoch, and every offset exactly one more than the one before,
/// beginning behind the position that the subscribe's ack named. Independent of the marks: it also sees events that others publish.
/// Owned by its subscriber.
/// </summary>
internal sealed class PositionChecker
{
    private Epoch _epoch;
    private long _offset;

    /// <summary>The newest position seen.</summary>
    public StreamPosition Position => new(_epoch, _offset);

    /// <summary>Offsets that were skipped.</summary>
    public long Gaps { get; private set; }

    /// <summary>Events whose offset was not above the one before.</summary>
    public long Repeats { get; private set; }

    /// <summary>Times the channel began a new life.</summary>
    public long EpochChanges { get; private set; }

    /// <summary>Events that carried no position where there should be one.</summary>
    public long Absent { get; private set; }

    /// <summary>Where the subscription began.</summary>
    public void Begin(StreamPosition position) => (_epoch, _offset) = (position.Epoch, position.Offset);

    /// <summary>Takes the frame of one event.</summary>
    public void Observe(ReadOnlySpan<byte> frame)
    {
        if (!TryRead(frame, out var position))
        {
            Absent++;
            return;
        }

        if (position.Epoch != _epoch)
        {
            EpochChanges += _epoch.IsNone ? 0 : 1;
            Begin(position);
            return;
        }

        var step = position.Offset - _offset;
        if (step <= 0)
        {
            Repeats++;
            return;
        }

        Gaps += step - 1;
        _offset = position.Offset;
    }

    /// <summary>Reads <c>"epoch":"…","offset":n</c>. From the back, since both stand behind the payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out StreamPosition position)
    {
        position = default;
        var at = frame.LastIndexOf("\",\"offset\":"u8);
        if (at < Epoch.TextLength
            || !Epoch.TryParse(frame.Slice(at - Epoch.TextLength, Epoch.TextLength), out var epoch)
            || !Utf8Parser.TryParse(frame[(at + "\",\"offset\":".Length)..], out long offset, out _))
        {
            return false;
        }

        position = new StreamPosition(epoch, offset);
        return true;
    }
}
