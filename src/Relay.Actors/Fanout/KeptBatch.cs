using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// A batch that somebody has to wait for: its frames and events in memory that stays. Made at most once per batch, shared by all who wait, immutable.
/// </summary>
/// <param name="Bytes">All frames.</param>
/// <param name="Ends">Where each frame ends.</param>
/// <param name="Events">The event in each frame.</param>
internal sealed record KeptBatch(byte[] Bytes, int[] Ends, Publication[] Events)
{
    /// <summary>First byte of frame <paramref name="index"/>.</summary>
    public int Start(int index) => index == 0 ? 0 : Ends[index - 1];

    /// <summary>Some of the frames, in memory of their own.</summary>
    public KeptBatch Part(int from, int to)
    {
        var start = Start(from);
        var ends = new int[to - from];
        for (var i = from; i < to; i++)
        {
            ends[i - from] = Ends[i] - start;
        }

        return new KeptBatch(Bytes[start..Start(to)], ends, Events[from..to]);
    }

    /// <summary>Index of the first frame that begins at or after <paramref name="offset"/>.</summary>
    public int FrameFrom(int offset)
    {
        var low = 0;
        var high = Ends.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (Start(middle) < offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
