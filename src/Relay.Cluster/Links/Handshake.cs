namespace Relay.Cluster.Links;

/// <summary>What a frame meant for the session.</summary>
/// <param name="Ended">There was a session, and the peer has given it up.</param>
/// <param name="Began">There is one now, and there was none.</param>
/// <param name="IsOfSession">The frame belongs to the session there is now.</param>
internal readonly record struct Sighting(bool Ended, bool Began, bool IsOfSession);

/// <summary>
/// Who is in session with whom: a session is a pair of numbers, one drawn by each side, and no pair is ever used twice, since numbers of one run of a node only grow. Every frame says
/// which pair its sender means, and is judged by that, whatever else it carries. No clock, no I/O; times in milliseconds.
/// </summary>
/// <remarks>
/// This side is in session when a frame has shown the peer's newest number together with this side's own: the peer has then heard this number, and knows no session that is older.
/// </remarks>
internal sealed class Handshake(long mine, RetryClock retry)
{
    // Frames of a session that is over come in flocks; one answer is enough for all of them.
    private const long AnswerPause = 20;

    private long _answered = -AnswerPause;
    private bool _isHelloDue = true;

    /// <summary>This side's number.</summary>
    public long Mine { get; private set; } = mine;

    /// <summary>The highest number the peer has shown; 0 for none.</summary>
    public long Theirs { get; private set; }

    public bool IsOpen { get; private set; }

    /// <summary>When a hello is due at the latest.</summary>
    public long Deadline => retry.Deadline;

    public Sighting See(in LinkHeader frame, long now)
    {
        if (frame.From < Theirs)
        {
            return default;
        }

        var ended = frame.From > Theirs && IsOpen;
        if (frame.From > Theirs)
        {
            Theirs = frame.From;
            IsOpen = false;
            _isHelloDue |= ended;
        }

        var knowsMine = frame.To == Mine;
        var began = knowsMine && !IsOpen;
        if (began)
        {
            IsOpen = true;
            _isHelloDue = false;
            retry.Stop();
        }

        if (frame.Kind == LinkFrameKind.Hello)
        {
            _isHelloDue |= frame.Asks;
        }
        else if (!IsOpen && now - _answered >= AnswerPause)
        {
            _answered = now;
            _isHelloDue = true;
        }

        return new Sighting(ended, began, knowsMine);
    }

    /// <summary>Gives up the session; <paramref name="mine"/> is higher than every number before.</summary>
    public void Begin(long mine)
    {
        Mine = mine;
        IsOpen = false;
        _isHelloDue = true;
    }

    /// <summary>Hellos may have been lost.</summary>
    public void Hurry()
    {
        if (!IsOpen)
        {
            _isHelloDue = true;
            retry.Stop();
        }
    }

    public void Tick(long now) => _isHelloDue |= now >= retry.Deadline;

    /// <summary>A hello that has to go out now.</summary>
    public bool TryTake(long now, out LinkHeader hello)
    {
        hello = new LinkHeader(LinkFrameKind.Hello, Asks: !IsOpen, Mine, Theirs);
        if (!_isHelloDue)
        {
            return false;
        }

        _isHelloDue = false;
        if (!IsOpen)
        {
            if (now >= retry.Deadline)
            {
                retry.Again(now);
            }
            else if (!retry.IsRunning)
            {
                retry.Start(now);
            }
        }

        return true;
    }
}
