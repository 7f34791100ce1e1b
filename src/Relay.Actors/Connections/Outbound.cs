using Relay.Actors.Fanout;

namespace Relay.Actors.Connections;

/// <summary>
/// The bytes on their way to one client: guarantees.md 8.
/// <para>
/// Thread-safe, because the replicas of a client's channels write to it directly (a frame that had to pass the connection's mailbox would cost a
/// wake-up per delivery; phoenix calls the short cut a fastlane). While nothing is queued, a send is one non-blocking system call on the
/// caller's thread and nothing is allocated. What the socket does not take is queued <b>by reference</b> into a copy of the batch that is made once,
/// so a batch that waits for a thousand slow clients exists once; a single pump then drains the queue with gathered sends until it is empty.
/// </para>
/// <para>
/// The queue is bounded in bytes. At the bound events are left out as their namespace allows (<see cref="WhenSlow"/>); where that does not suffice the owner is asked
/// once for a last frame, what waits is dropped, and the connection ends behind that frame.
/// </para>
/// <para>
/// What a client catches up with is as long as a history may be, and is brought in parts at the pace at which the client reads: whoever has more for it takes a
/// turn (<see cref="TryTakeTurn"/>), which comes when little waits. Only one has the turn, so that a hundred channels do not bring a hundred parts at once.
/// </para>
/// </summary>
public sealed class Outbound
{
    /// <summary>Segments of one gathered send. IOV_MAX is 1024 on Linux; 64 batches are already some hundred kilobytes.</summary>
    private const int MaxGather = 64;

    /// <summary>
    /// A socket's own buffer keeps the line busy; what waits here only has to last until the next part is there. More would be memory that each of ten thousand clients
    /// holds that come back together.
    /// </summary>
    private const int MostCatchUpBytes = 64 * 1024;

    /// <summary>How long a client that does not read may keep the connection after its last frame was queued.</summary>
    private static readonly TimeSpan StuckLinger = TimeSpan.FromSeconds(5);

    private readonly ITransport _transport;
    private readonly IOutboundOwner _owner;
    private readonly int _maxUnsent;
    private readonly Lock _gate = new();
    private SendQueue? _queue;

    // Made when first needed: most clients never catch up with anything.
    private SendTurns? _turns;
    private long _gathered;
    private long _dropped;
    private volatile State _state;
    private bool _pumping;
    private TimeSpan _linger;

    /// <summary>Creates the way out of one connection.</summary>
    /// <param name="transport">The socket.</param>
    /// <param name="owner">Told when the bound is reached.</param>
    /// <param name="maxUnsentBytes">Bound of the queue in bytes.</param>
    internal Outbound(ITransport transport, IOutboundOwner owner, int maxUnsentBytes)
    {
        _transport = transport;
        _owner = owner;
        _maxUnsent = maxUnsentBytes;
    }

    private enum State
    {
        Open,

        /// <summary>The last frame is queued or sent; nothing more is taken.</summary>
        Closing,

        /// <summary>The transport was told to finish or abort.</summary>
        Closed,
    }

    /// <summary>When the oldest of what waits was given to this, microseconds since 1970-01-01 UTC; 0 = nothing waits.</summary>
    internal long WaitingMicros
    {
        get
        {
            lock (_gate)
            {
                return _queue?.SinceMicros ?? 0;
            }
        }
    }

    /// <summary>What was given to this at that time or later was not written when the connection ended; 0 = it has not ended.</summary>
    internal long LostMicros { get; private set; }

    /// <summary>Bytes queued and not yet handed to the socket.</summary>
    public long UnsentBytes
    {
        get
        {
            lock (_gate)
            {
                return Unsent;
            }
        }
    }

    /// <summary>
    /// Most bytes that wait when another part of what the client catches up with is brought, and about the size of such a part. Together they leave half of
    /// the bound to everything else.
    /// </summary>
    internal int CatchUpBytes => Math.Min(_maxUnsent / 4, MostCatchUpBytes);

    /// <summary>Events left out because the client was too slow for them.</summary>
    public long DroppedEvents
    {
        get
        {
            lock (_gate)
            {
                return _dropped + (_queue?.Dropped ?? 0);
            }
        }
    }

    /// <summary>True once the last frame is queued or sent.</summary>
    public bool IsClosing => _state != State.Open;

    private long Unsent => _gathered + (_queue?.Bytes ?? 0);

    // Of one gathered send, not counting its last segment: what is on its way can no longer be left out, and if it were all that may wait, the next answer
    // would be too much.
    private int EnoughGathered => _maxUnsent / 4;

    /// <summary>Sends whole frames of a shared batch. False when the connection no longer takes any.</summary>
    /// <param name="batch">The batch; only used during the call.</param>
    /// <param name="from">First frame.</param>
    /// <param name="to">Frame behind the last one.</param>
    /// <param name="whenSlow">What may happen to those that have to wait too long.</param>
    public bool Send(FrameBatch batch, int from, int to, WhenSlow whenSlow)
    {
        lock (_gate)
        {
            var start = batch.Start(from);
            var count = batch.Start(to) - start;
            if (!TryDirect(batch.Bytes.Slice(start, count), out var sent))
            {
                return false;
            }

            if (sent == count)
            {
                return true;
            }

            var kept = batch.Keep();
            var queue = Queue();
            if (sent > 0)
            {
                from = kept.FrameFrom(start + sent);
                queue.AddBegun(kept.Bytes.AsSpan((start + sent)..kept.Start(from)));
            }

            queue.Add(kept, from, to, whenSlow);
            Queued();
            return _state == State.Open;
        }
    }

    /// <summary>Sends whole frames from a buffer that the caller reuses; what has to wait is copied and never left out.</summary>
    public bool SendCopy(ReadOnlySpan<byte> frames)
    {
        lock (_gate)
        {
            if (!TryDirect(frames, out var sent))
            {
                return false;
            }

            if (sent < frames.Length)
            {
                AddRest(frames, sent);
                Queued();
            }

            return _state == State.Open;
        }
    }

    /// <summary>Sends a last frame behind everything queued, then finishes the connection. Later calls do nothing, and return false.</summary>
    /// <param name="lastFrame">A close frame; empty when there is nothing to say.</param>
    /// <param name="linger">How long to wait for the peer's own close afterwards.</param>
    public bool Close(ReadOnlySpan<byte> lastFrame, TimeSpan linger)
    {
        lock (_gate)
        {
            if (!TryDirect(lastFrame, out var sent))
            {
                return false;
            }

            _state = State.Closing;
            LostMicros = _owner.NowMicros;
            _linger = linger;
            if (sent < lastFrame.Length)
            {
                AddRest(lastFrame, sent);
                StartPump();
            }
            else if (!_pumping)
            {
                Finish();
            }

            return true;
        }
    }

    /// <summary>
    /// Asks for the turn to bring a part of what the client catches up with. True = now; false = <paramref name="sender"/> is told once, when its turn
    /// comes. Either way <see cref="EndTurn"/> gives it up. A connection that takes nothing any more gives no turns.
    /// </summary>
    internal bool TryTakeTurn(ITurnTaker sender)
    {
        lock (_gate)
        {
            return _state == State.Open && (_turns ??= new SendTurns()).TryTake(sender, Unsent <= CatchUpBytes);
        }
    }

    /// <summary>Whether it is the turn of <paramref name="sender"/>.</summary>
    internal bool HasTurn(ITurnTaker sender)
    {
        lock (_gate)
        {
            return _turns?.Current == sender;
        }
    }

    /// <summary>The turn of <paramref name="sender"/> has ended, or it waits for none any more.</summary>
    internal void EndTurn(ITurnTaker sender)
    {
        lock (_gate)
        {
            _turns?.Leave(sender);
            GiveTurn();
        }
    }

    /// <summary>
    /// True when somebody waits for a turn and the socket has taken nothing since this was last asked. Called once per second by the keep-alive wheel.
    /// </summary>
    internal bool WaitedInVain()
    {
        if (_turns is null)
        {
            return false;
        }

        lock (_gate)
        {
            return _state == State.Open && _turns is { } turns && turns.WaitedInVain();
        }
    }

    /// <summary>Ends the connection as at the bound: the client takes nothing of what it has to catch up with.</summary>
    internal void EndStuck()
    {
        lock (_gate)
        {
            if (_state == State.Open)
            {
                Queue();
                Overflow();
                StartPump();
            }
        }
    }

    /// <summary>Drops the connection at once.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            _state = State.Closed;
            _turns = null;
            Lose();
            _dropped += _queue?.Dropped ?? 0;
            _queue = null;
            _gathered = 0;
        }

        _transport.Abort();
    }

    /// <summary>Gives the socket what it takes now, if nothing waits before; false when the connection takes nothing any more.</summary>
    private bool TryDirect(ReadOnlySpan<byte> bytes, out int sent)
    {
        sent = 0;
        if (_state != State.Open)
        {
            return false;
        }

        if (_pumping || bytes.IsEmpty)
        {
            return true;
        }

        sent = _transport.TrySend(bytes);
        if (sent >= 0)
        {
            return true;
        }

        _state = State.Closed;
        Lose();
        _transport.Abort();
        return false;
    }

    private SendQueue Queue() => _queue ??= new SendQueue(_owner);

    // A socket that took a part leaves the rest of one frame first: it is not known where frames end here, so all of it counts as begun.
    private void AddRest(ReadOnlySpan<byte> frames, int sent)
    {
        if (sent > 0)
        {
            Queue().AddBegun(frames[sent..]);
        }
        else
        {
            Queue().Add(frames);
        }
    }

    private void Queued()
    {
        if (_gathered + _queue!.Bytes > _maxUnsent)
        {
            MakeRoom(_queue);
        }

        StartPump();
    }

    private void MakeRoom(SendQueue queue)
    {
        var (conflated, dropped) = (queue.Conflated, queue.Dropped);
        var isEnough = queue.TryMakeRoom(_maxUnsent - _gathered);
        conflated = queue.Conflated - conflated;
        _owner.OnLeftOut(conflated, queue.Dropped - dropped - conflated);
        if (!isEnough)
        {
            Overflow();
        }
    }

    // The rest of a half-sent frame still goes out before the last frame, or the peer reads the close code as payload. While the pump runs, its
    // current gathered send plays that part.
    private void Overflow()
    {
        Lose();
        if (!_owner.TakesWhatWaits)
        {
            _queue!.Clear();
        }

        _state = State.Closing;
        _linger = StuckLinger;
        _queue!.Add(_owner.OnOverflow());
    }

    private void Lose()
    {
        // What waits behind a close that was planned is still sent, unless the socket is given up.
        LostMicros = _queue is { SinceMicros: not 0 } queue && (LostMicros == 0 || queue.SinceMicros < LostMicros) ? queue.SinceMicros : LostMicros == 0 ? _owner.NowMicros : LostMicros;
    }

    private void GiveTurn()
    {
        if (_turns is { } turns && _state == State.Open && turns.TryGive(Unsent <= CatchUpBytes))
        {
            // Nobody has more for the client.
            _turns = null;
        }
    }

    private void StartPump()
    {
        if (!_pumping)
        {
            _pumping = true;
            _ = PumpAsync();
        }
    }

    // Never throws: ITransport.SendAsync reports a broken socket as false.
    private async Task PumpAsync()
    {
        // Leaves the caller's lock before the first send.
        await Task.Yield();
        var gather = new List<ArraySegment<byte>>();
        while (Take(gather))
        {
            if (!await _transport.SendAsync(gather).ConfigureAwait(false))
            {
                Abort();
                return;
            }
        }
    }

    /// <summary>Takes the next segments for one gathered send; false when there are none and the pump ends.</summary>
    private bool Take(List<ArraySegment<byte>> gather)
    {
        lock (_gate)
        {
            gather.Clear();
            if (_state == State.Closed)
            {
                return false;
            }

            if (_queue is { TakenMicros: not 0 } queue)
            {
                // What was gathered last has been written, or this would not be asked.
                _owner.OnWrittenLate(queue.SinceMicros, queue.TakenMicros);
            }

            _gathered = _queue?.Take(gather, MaxGather, EnoughGathered) ?? 0;
            _turns?.Progressed();
            GiveTurn();
            if (gather.Count > 0)
            {
                return true;
            }

            _pumping = false;
            _dropped += _queue?.Dropped ?? 0;
            _queue = null;
            if (_state == State.Closing)
            {
                Finish();
            }

            return false;
        }
    }

    private void Finish()
    {
        _state = State.Closed;
        _transport.Finish(_linger);
    }
}

/// <summary>Who is told what happens to an <see cref="Outbound"/>. Called under its lock: answers at once and calls nothing back.</summary>
internal interface IOutboundOwner : IQueueWords
{
    /// <summary>The client reads too slowly and the bound is reached: returns the close frame to end with.</summary>
    byte[] OnOverflow();

    /// <summary>Events were left out: because newer ones of their keys wait, and because there was no room.</summary>
    void OnLeftOut(long conflated, long dropped)
    {
    }

    /// <summary>What was given between these times had to wait, and is written now; microseconds since 1970-01-01 UTC.</summary>
    void OnWrittenLate(long fromMicros, long untilMicros)
    {
    }

    /// <summary>
    /// True when the last frame goes behind what waits at the bound, not in its place. For clients that come back at once with the position they reached: their
    /// transports take little at once, and of a long history they would get nothing, as often as they come.
    /// </summary>
    bool TakesWhatWaits => false;
}
