namespace Relay.Bench.Load;

/// <summary>
/// Which publish goes where. Publish n goes to channel <c>n mod C</c> over publisher <c>(n / C) mod P</c>. All publishes of one publisher on one channel
/// are a stream: the unit within which order is promised (two publishers' events may arrive in any order). Immutable.
/// </summary>
internal readonly record struct StreamMap(int Channels, int Publishers)
{
    public int ChannelOf(long number) => (int)(number % Channels);

    public int PublisherOf(long number) => (int)(number / Channels % Publishers);

    /// <summary>Position of a publish within its stream.</summary>
    public long IndexOf(long number) => number / ((long)Channels * Publishers);

    /// <summary>The publish at a position of a stream; the inverse of the three above.</summary>
    public long NumberOf(int channel, int publisher, long index) => (((index * Publishers) + publisher) * Channels) + channel;

    /// <summary>How many of the first <paramref name="published"/> publishes belong to a stream.</summary>
    public long CountOf(int channel, int publisher, long published)
    {
        var first = NumberOf(channel, publisher, 0);
        var stride = (long)Channels * Publishers;
        return published <= first ? 0 : ((published - first - 1) / stride) + 1;
    }
}
