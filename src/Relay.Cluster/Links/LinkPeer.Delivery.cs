using System.Buffers;

namespace Relay.Cluster.Links;

/// <summary>What goes to the handler: one call at a time, in order.</summary>
internal sealed partial class LinkPeer
{
    // Frames that came while the handler was called; each counts for some bytes even if it is small.
    private const int LeastWaiting = 256;

    private readonly Queue<(byte[] Buffer, int Length)> _waiting = new();
    private long _waitingBytes;
    private bool _isTelling;
    private bool _isResetUntold;

    // Raised when a session ends otherwise than by a frame; the messages behind it in the frame that is being delivered are not the handler's any more.
    private volatile int _ends;

    /// <summary>Whether the handler is being called, or has to be.</summary>
    public bool IsTelling
    {
        get
        {
            lock (_gate)
            {
                return _isTelling || _isResetUntold;
            }
        }
    }

    /// <param name="frame">All of it.</param>
    public void OnFrame(in LinkHeader header, ReadOnlySpan<byte> messages, ReadOnlySpan<byte> frame)
    {
        LinkNews news;
        int ends;
        lock (_gate)
        {
            if (_isGone)
            {
                return;
            }

            if (_isTelling)
            {
                Keep(frame);
                return;
            }

            _isTelling = true;
            news = Receive(header, messages.Length);
            ends = _ends;
        }

        Deliver(header, news, messages, ends);
        TellOn();
        Pump();
    }

    /// <summary>Tells the handler what it has not heard yet, unless another thread is at it.</summary>
    public void Tell()
    {
        lock (_gate)
        {
            if (_isTelling)
            {
                return;
            }

            _isTelling = true;
        }

        TellOn();
    }

    private void TellOn()
    {
        while (true)
        {
            LinkHeader header;
            LinkNews news;
            ReadOnlySpan<byte> messages;
            byte[]? buffer = null;
            int ends;
            lock (_gate)
            {
                var isReset = _isResetUntold;
                _isResetUntold = false;
                if (_isGone)
                {
                    Forget();
                }

                if (isReset)
                {
                    // The session was over before any of the frames that wait was looked at.
                    header = default;
                    messages = default;
                    news = new LinkNews(LinkDrop.None, Ended: true, Began: false, 0);
                }
                else if (_waiting.TryDequeue(out var kept))
                {
                    buffer = kept.Buffer;
                    _waitingBytes -= Weight(kept.Length);
                    LinkFrame.Read(buffer.AsSpan(0, kept.Length), out header, out _, out messages);
                    news = Receive(header, messages.Length);
                }
                else
                {
                    _isTelling = false;
                    return;
                }

                ends = _ends;
            }

            Deliver(header, news, messages, ends);
            if (buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private LinkNews Receive(in LinkHeader header, int bytes)
    {
        var news = _link.Receive(header, bytes, _context.Now);
        if (news.Ended)
        {
            _takes = false;
        }

        return news with { IsInDoubt = _link.TakeDoubt() };
    }

    private void Deliver(in LinkHeader header, in LinkNews news, ReadOnlySpan<byte> messages, int ends)
    {
        _context.Metrics.Dropped(news.Drop);
        if (news.IsInDoubt)
        {
            _context.Engine.Doubt(_peer);
        }

        if (news.Ended)
        {
            _context.Ended(_peer);
            Call(static (handler, peer) => handler.OnReset(peer));
        }

        if (news.Began)
        {
            _context.Began(_peer);
            lock (_gate)
            {
                _takes = ends == _ends;
            }

            Call(static (handler, peer) => handler.OnConnected(peer));
        }

        var delivered = 0;
        for (var i = 0; i < header.Count && ends == _ends; i++)
        {
            var message = LinkFrame.Next(ref messages);
            if (i >= news.Skip)
            {
                OnMessage(message);
                delivered++;
            }
        }

        _context.Metrics.Delivered(delivered);
    }

    private void OnMessage(ReadOnlySpan<byte> message)
    {
        try
        {
            _handler.OnMessage(_peer, message);
        }
        catch (Exception error)
        {
            _context.HandlerFailed(error);
        }
    }

    private void Call(Action<ILinkHandler, NodeId> what)
    {
        try
        {
            what(_handler, _peer);
        }
        catch (Exception error)
        {
            _context.HandlerFailed(error);
        }
    }

    private void End(bool isUntold)
    {
        _takes = false;
        _isResetUntold |= isUntold;
        _ends++;
    }

    private void Keep(ReadOnlySpan<byte> frame)
    {
        if (_waitingBytes + Weight(frame.Length) > _context.MayWait)
        {
            _context.Metrics.Dropped(LinkDrop.Busy);
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(frame.Length);
        frame.CopyTo(buffer);
        _waiting.Enqueue((buffer, frame.Length));
        _waitingBytes += Weight(frame.Length);
    }

    private void Forget()
    {
        while (_waiting.TryDequeue(out var kept))
        {
            ArrayPool<byte>.Shared.Return(kept.Buffer);
        }

        _waitingBytes = 0;
    }

    private static int Weight(int length) => Math.Max(length, LeastWaiting);
}
