namespace Relay.Cluster.Links;

/// <summary>Bounds and times of the links of a node. Immutable.</summary>
public sealed record LinkOptions
{
    /// <summary>The largest message, bytes.</summary>
    public const int MaxMessage = 16 * 1024 * 1024;

    /// <summary>Bytes that are kept for one peer until it has them, those waiting to be sent included. A single message may be larger when nothing else is kept.</summary>
    public long MaxUnacked { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// Bytes sent to one peer and not acknowledged. Below the size at which Redis cuts a subscriber off (32 MiB by default, for all who send to it), and what has to be sent again after a
    /// loss. A single message may be larger when nothing else is under way.
    /// </summary>
    public long Window { get; init; } = 2 * 1024 * 1024;

    /// <summary>Bytes per frame, its header included. A single message may be larger: it gets a frame of its own.</summary>
    public int MaxFrame { get; init; } = 256 * 1024;

    /// <summary>What was sent is sent again after so long without progress; then after twice as long, and so on up to 2 s.</summary>
    public TimeSpan Resend { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>An acknowledgement waits at most so long for a message to travel with.</summary>
    public TimeSpan AckDelay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest wait between two attempts, milliseconds.</summary>
    internal const long LongestRetry = 2000;

    internal long ResendMilliseconds => (long)Resend.TotalMilliseconds;

    internal long AckMilliseconds => (long)AckDelay.TotalMilliseconds;

    /// <summary>With so many bytes received an acknowledgement waits no longer: well before the window of the peer is full, which is taken to be like this one.</summary>
    internal long AckBytes => Window / 4;

    /// <summary>What cannot work; null when all is well.</summary>
    internal string? Problem()
    {
        if (MaxUnacked < 1 || Window < 1 || MaxFrame < 1024 || MaxFrame > MaxMessage)
        {
            return $"MaxUnacked and Window of a link must be above 0, MaxFrame lie between 1024 and {MaxMessage}";
        }

        return AckDelay < TimeSpan.FromMilliseconds(1) || Resend <= AckDelay ? "AckDelay of a link must be at least 1 ms and Resend above it" : null;
    }
}
