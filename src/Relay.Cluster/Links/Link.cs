using System.Buffers;

namespace Relay.Cluster.Links;

/// <summary>What a frame brought.</summary>
/// <param name="Drop">Why its messages have no effect; nothing when it had none.</param>
/// <param name="Ended">The session before is over.</param>
/// <param name="Began">Another session has begun; after <paramref name="Ended"/>, and before the messages.</param>
/// <param name="Skip">So many messages at the front were here before; the rest is to be delivered.</param>
/// <param name="IsInDoubt">There are signs that what was sent does not arrive.</param>
internal readonly record struct LinkNews(LinkDrop Drop, bool Ended, bool Began, int Skip, bool IsInDoubt = false);

/// <summary>A frame that is to be sent.</summary>
/// <param name="Buffer">From the shared pool; the receiver of this record gives it back.</param>
/// <param name="IsRepeat">Its first message was sent before.</param>
internal readonly record struct LinkOutput(byte[] Buffer, int Length, int Messages, bool IsRepeat);

/// <summary>
/// One side of the link between two nodes: sessions, numbers, window, acknowledgements, repeats. No clock and no I/O: time comes with every call, monotonic, in milliseconds since any
/// fixed point; the owner sends what <see cref="TryTake"/> gives until it gives nothing, after every other call. Not thread-safe. The rules: docs/cluster.md.
/// </summary>
/// <param name="key">Of this node, in front of each frame.</param>
/// <param name="draw">Gives the number of the next session, higher than every number before.</param>
internal sealed class Link(LinkOptions options, byte[] key, Func<long> draw)
{
    private readonly Handshake _handshake = new(draw(), new RetryClock(options.ResendMilliseconds, LinkOptions.LongestRetry));
    private readonly SendLog _log = new();
    private readonly Reception _reception = new(options.AckMilliseconds, options.AckBytes);
    private readonly RetryClock _resend = new(options.ResendMilliseconds, LinkOptions.LongestRetry);
    private readonly int _room = options.MaxFrame - LinkFrame.HeaderLength(key);

    // Nothing was heard for long: one frame at a time, until something is.
    private bool _isProbing;
    private long _wentBackTo;
    private long _wentBackAt;
    private long _beganAt;
    private bool _isInDoubt;

    public bool IsOpen => _handshake.IsOpen;

    /// <summary>The numbers of the session: this side's, the peer's.</summary>
    public (long Mine, long Theirs) Pair => (_handshake.Mine, _handshake.Theirs);

    /// <summary>Number of the last message that was taken for the session; 0 for none.</summary>
    public long Added => _log.End - 1;

    /// <summary>The peer has every message up to this one.</summary>
    public long Acknowledged => _log.Base - 1;

    /// <summary>Bytes kept for the peer.</summary>
    public long Kept => _log.Kept;

    /// <summary>Messages of the session that have come in.</summary>
    public long Received => _reception.Received;

    // Half of what a sender waits before it repeats: by then it has heard, or will not.
    private long Patience => options.ResendMilliseconds / 2;

    /// <summary>When <see cref="Tick"/> has to be called at the latest.</summary>
    /// <param name="canSend">False when frames cannot be handed over now: then acknowledgements wait for that.</param>
    public long Deadline(bool canSend) => Math.Min(
        Math.Min(_handshake.Deadline, _resend.Deadline),
        canSend && IsOpen ? _reception.Deadline : RetryClock.Never);

    /// <param name="bytes">Of all its messages together.</param>
    public LinkNews Receive(in LinkHeader frame, int bytes, long now)
    {
        var seen = _handshake.See(frame, now);
        if (seen.Ended || seen.Began)
        {
            Clear();
            _beganAt = now;
        }

        // It was answered when the session began here, and has not heard.
        _isInDoubt |= frame is { Kind: LinkFrameKind.Hello, Asks: true } && seen.IsOfSession && !seen.Began && now - _beganAt >= Patience;

        if (!seen.IsOfSession)
        {
            return new LinkNews(frame.Kind == LinkFrameKind.Hello ? LinkDrop.None : LinkDrop.OtherSession, seen.Ended, seen.Began, frame.Count);
        }

        if (frame.Kind == LinkFrameKind.Hello)
        {
            return new LinkNews(LinkDrop.None, seen.Ended, seen.Began, 0);
        }

        if (frame.Ack > _log.SentTo)
        {
            return new LinkNews(LinkDrop.Malformed, seen.Ended, seen.Began, frame.Count);
        }

        TakeAcknowledgement(frame, now);
        if (frame.Count == 0)
        {
            return new LinkNews(LinkDrop.None, seen.Ended, seen.Began, 0);
        }

        _isInDoubt |= _reception.IsUnheard(frame.First + frame.Count - 1, now, Patience);
        var drop = _reception.Take(frame.First, frame.Count, bytes, now, out var skip);
        return new LinkNews(drop, seen.Ended, seen.Began, skip);
    }

    /// <returns>False without a session, and when <see cref="LinkOptions.MaxUnacked"/> is reached.</returns>
    public bool TryAdd(ReadOnlySpan<byte> message) => IsOpen && _log.TryAdd(message, options.MaxUnacked);

    /// <summary>The next frame to send now.</summary>
    public bool TryTake(long now, out LinkOutput frame)
    {
        if (_handshake.TryTake(now, out var hello))
        {
            frame = Frame(hello, 0);
            return true;
        }

        frame = default;
        if (!IsOpen)
        {
            return false;
        }

        var count = 0;
        var bytes = _isProbing && _log.UnderWay > 0 ? 0 : _log.Measure(_room, options.Window, out count);
        if (bytes == 0 && now < _reception.Deadline)
        {
            return false;
        }

        frame = Frame(new LinkHeader(LinkFrameKind.Data, _reception.AsksAgain, Pair.Mine, Pair.Theirs, _reception.Received, bytes > 0 ? _log.Next : 0, count), bytes);
        _reception.Told(now);
        if (bytes > 0 && !_resend.IsRunning)
        {
            _resend.Start(now);
        }

        return true;
    }

    /// <summary>Whether there are signs, since the last question, that what was sent does not arrive.</summary>
    public bool TakeDoubt()
    {
        var isInDoubt = _isInDoubt;
        _isInDoubt = false;
        return isInDoubt;
    }

    /// <summary>Time has passed.</summary>
    public void Tick(long now)
    {
        _isInDoubt |= now >= _handshake.Deadline || now >= _resend.Deadline;
        _handshake.Tick(now);
        if (now >= _resend.Deadline)
        {
            _log.GoBack();
            _isProbing = true;
            _resend.Again(now);
        }
    }

    /// <summary>Frames may have been missed, in both directions, and come through again.</summary>
    public void Restored(long now)
    {
        _handshake.Hurry();
        if (!IsOpen)
        {
            return;
        }

        _reception.AskAgain(now);
        if (_log.UnderWay > 0)
        {
            _log.GoBack();
            _isProbing = true;
            _resend.Start(now);
        }
    }

    /// <summary>Ends the session and begins another.</summary>
    /// <returns>False when there was none: nothing is done then.</returns>
    public bool Reset()
    {
        if (!IsOpen)
        {
            return false;
        }

        _handshake.Begin(draw());
        Clear();
        return true;
    }

    /// <summary>Gives back all memory. The link is of no use any more.</summary>
    /// <returns>Whether there was a session.</returns>
    public bool Close()
    {
        var wasOpen = IsOpen;
        Clear();
        return wasOpen;
    }

    private void TakeAcknowledgement(in LinkHeader frame, long now)
    {
        if (_log.Acknowledge(frame.Ack))
        {
            _isProbing = false;
            _resend.Stop();
            if (_log.UnderWay > 0)
            {
                _resend.Start(now);
            }
        }

        if (!frame.Asks)
        {
            return;
        }

        // What went out since the last time is still on its way; and a request that was overtaken by an acknowledgement is old.
        _reception.Answer(now);
        if (frame.Ack == _log.Base - 1 && _log.UnderWay > 0 && (_wentBackTo != _log.Base || now - _wentBackAt >= Reception.GapPause))
        {
            (_wentBackTo, _wentBackAt) = (_log.Base, now);
            _log.GoBack();
            _isProbing = false;
        }
    }

    private void Clear()
    {
        _log.Clear();
        _reception.Clear();
        _resend.Stop();
        _isProbing = false;
        _wentBackTo = 0;
    }

    private LinkOutput Frame(in LinkHeader header, int bytes)
    {
        var start = LinkFrame.HeaderLength(key);
        var buffer = ArrayPool<byte>.Shared.Rent(start + bytes);
        LinkFrame.WriteHeader(buffer, header, key);
        var isRepeat = header.First > 0 && header.First <= _log.SentTo;
        if (bytes > 0)
        {
            _log.Take(buffer.AsSpan(start, bytes), header.Count);
        }

        return new LinkOutput(buffer, start + bytes, header.Count, isRepeat);
    }
}
