namespace Relay.Cluster.Links;

/// <summary>
/// The numbers of what came in during one session, and when to say so. No clock, no I/O; times in milliseconds.
/// </summary>
/// <param name="ackDelay">An acknowledgement waits at most so long.</param>
/// <param name="ackBytes">With so much not acknowledged it waits no longer.</param>
internal sealed class Reception(long ackDelay, long ackBytes)
{
    /// <summary>A gap is told once, and again after so long: what is under way behind it comes in meanwhile.</summary>
    public const long GapPause = 20;

    private long _bytes;
    private long _gap;
    private long _gapTold;
    private long _toldUpTo;
    private long _toldAt;

    /// <summary>Everything up to this number is here.</summary>
    public long Received { get; private set; }

    /// <summary>When the peer has to hear of it; <see cref="RetryClock.Never"/> when it has.</summary>
    public long Deadline { get; private set; } = RetryClock.Never;

    /// <summary>Whether the peer has to send everything behind <see cref="Received"/> again.</summary>
    public bool AsksAgain { get; private set; }

    /// <summary>The peer repeats itself, although it was told up to this number some time ago: what it is told may not arrive.</summary>
    /// <param name="last">Number of the last message that came again.</param>
    /// <param name="patience">How long it takes to hear, at the most.</param>
    public bool IsUnheard(long last, long now, long patience) => last <= _toldUpTo && now - _toldAt >= patience;

    /// <summary>Some messages in a row, at least one.</summary>
    /// <param name="skip">How many at the front were here before; the others count as received now. All of them when the outcome is not <see cref="LinkDrop.None"/>.</param>
    public LinkDrop Take(long first, int count, int bytes, long now, out int skip)
    {
        skip = count;
        var last = first + count - 1;
        if (last <= Received)
        {
            // The sender would not repeat itself had it heard where this side stands.
            Deadline = now;
            return LinkDrop.Repeated;
        }

        if (first > Received + 1)
        {
            if (_gap != Received + 1 || now - _gapTold >= GapPause)
            {
                _gap = Received + 1;
                _gapTold = now;
                AskAgain(now);
            }

            return LinkDrop.Gap;
        }

        skip = (int)(Received + 1 - first);
        Received = last;
        _bytes += bytes;
        Deadline = Math.Min(Deadline, _bytes >= ackBytes ? now : now + ackDelay);
        return LinkDrop.None;
    }

    public void AskAgain(long now)
    {
        AsksAgain = true;
        Deadline = now;
    }

    /// <summary>The peer wants to know, now.</summary>
    public void Answer(long now) => Deadline = now;

    /// <summary>The peer is being told.</summary>
    public void Told(long now)
    {
        if (Received > _toldUpTo)
        {
            (_toldUpTo, _toldAt) = (Received, now);
        }

        AsksAgain = false;
        Deadline = RetryClock.Never;
        _bytes = 0;
    }

    /// <summary>Another session.</summary>
    public void Clear()
    {
        Told(0);
        Received = 0;
        _toldUpTo = 0;
        _gap = 0;
    }
}
