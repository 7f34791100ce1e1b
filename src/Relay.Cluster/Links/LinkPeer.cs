namespace Relay.Cluster.Links;

/// <summary>
/// The link to one peer: lock, timer and sends around a <see cref="Link"/>. Neither the engine nor the handler is called under the lock. One thread at a time sends
/// (<see cref="Pump"/>), so frames go out in order; one at a time calls the handler (LinkPeer.Delivery.cs). Whoever comes while another is at it leaves the work to that one.
/// </summary>
internal sealed partial class LinkPeer
{
    // While so many frames are not taken by the engine, messages gather.
    private const int SendsAtOnce = 4;

    private readonly NodeId _peer;
    private readonly LinkContext _context;
    private readonly ILinkHandler _handler;
    private readonly Lock _gate = new();
    private readonly Stack<SendSlot> _free = new(SendsAtOnce);
    private Link _link;
    private ITimer? _timer;
    private long _armed = RetryClock.Never;
    private bool _isPumping;
    private bool _isGone;

    // Between OnConnected and the end of the session: what is taken outside of that could not be told apart from what an OnReset that is still to be told means.
    private bool _takes;

    public LinkPeer(NodeId peer, LinkContext context, ILinkHandler handler)
    {
        _peer = peer;
        _context = context;
        _handler = handler;
        _link = context.NewLink();
        for (var i = 0; i < SendsAtOnce; i++)
        {
            _free.Push(new SendSlot(this, context));
        }
    }

    /// <summary>For tests.</summary>
    internal Link Link => _link;

    /// <summary>Bytes that the peer has not confirmed.</summary>
    public long Kept
    {
        get
        {
            lock (_gate)
            {
                return _link.Kept;
            }
        }
    }

    /// <summary>A member, for the first time or after <see cref="Leave"/>; <see cref="Pump"/> begins the handshake.</summary>
    public void Join()
    {
        lock (_gate)
        {
            if (_isGone)
            {
                _isGone = false;
                _link = _context.NewLink();
            }

            _armed = RetryClock.Never;
            _timer = _context.Time.CreateTimer(static peer => ((LinkPeer)peer!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <param name="tells">Whether the handler hears of the end of the session: the caller has to call <see cref="Tell"/> then, outside of every lock.</param>
    public void Leave(bool tells)
    {
        lock (_gate)
        {
            _isGone = true;
            _timer?.Dispose();
            _timer = null;
            End(_link.Close() && tells);
            if (!tells)
            {
                _isResetUntold = false;
            }
        }
    }

    public bool TrySend(ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (!_takes || !_link.TryAdd(message))
            {
                return false;
            }

            if (_isPumping || _free.Count == 0)
            {
                return true;
            }

            _isPumping = true;
        }

        PumpOn();
        return true;
    }

    /// <summary>The session and the last message that was taken for it; null where there is none.</summary>
    public (long Session, long Message)? Mark()
    {
        lock (_gate)
        {
            return _isGone || !_link.IsOpen ? null : (_link.Pair.Mine, _link.Added);
        }
    }

    /// <summary>Whether the peer has what was marked, or the session is over.</summary>
    public bool HasReached((long Session, long Message) mark)
    {
        lock (_gate)
        {
            return _isGone || !_link.IsOpen || _link.Pair.Mine != mark.Session || _link.Acknowledged >= mark.Message;
        }
    }

    public void Reset()
    {
        lock (_gate)
        {
            if (_isGone || !_link.Reset())
            {
                return;
            }

            End(isUntold: true);
        }

        Tell();
        Pump();
    }

    public void OnInboxRestored()
    {
        lock (_gate)
        {
            if (!_isGone)
            {
                _link.Restored(_context.Now);
            }
        }

        Pump();
    }

    /// <summary>The engine is done with the frame of a slot.</summary>
    public void Sent(SendSlot slot)
    {
        lock (_gate)
        {
            _free.Push(slot);
        }

        Pump();
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            _armed = RetryClock.Never;
            if (!_isGone)
            {
                _link.Tick(_context.Now);
            }
        }

        Doubt();
        Pump();
    }

    private void Doubt()
    {
        bool isInDoubt;
        lock (_gate)
        {
            isInDoubt = !_isGone && _link.TakeDoubt();
        }

        if (isInDoubt)
        {
            _context.Engine.Doubt(_peer);
        }
    }

    /// <summary>Sends what is to be sent now, unless another thread is at it.</summary>
    public void Pump()
    {
        lock (_gate)
        {
            if (_isPumping)
            {
                return;
            }

            _isPumping = true;
        }

        PumpOn();
    }

    private void PumpOn()
    {
        while (TryTake(out var slot, out var frame))
        {
            _context.Metrics.Sent(frame);
            if (slot.Send(_peer, frame))
            {
                lock (_gate)
                {
                    _free.Push(slot);
                }
            }
        }
    }

    private bool TryTake(out SendSlot slot, out LinkOutput frame)
    {
        lock (_gate)
        {
            var now = _context.Now;
            if (!_isGone && _free.Count > 0 && _link.TryTake(now, out frame))
            {
                slot = _free.Pop();
                return true;
            }

            _isPumping = false;
            Arm(now);
            (slot, frame) = (null!, default);
            return false;
        }
    }

    // A timer that fires too early is set again; one that is set for each frame would cost more than the frame.
    private void Arm(long now)
    {
        if (_timer is null)
        {
            return;
        }

        var deadline = _link.Deadline(canSend: _free.Count > 0);
        if (deadline < _armed)
        {
            _armed = deadline;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, deadline - now)), Timeout.InfiniteTimeSpan);
        }
    }
}
