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
/// The queue is bounded in bytes. At the bound the owner is asked once for a last frame, what waits is dropped, and the connection ends behind
/// that frame: bytes already handed to the socket are whole frames up to the end of the pump's current gathered send.
/// </para>
/// </summary>
public sealed class Outbound
{
    /// <summary>Segments of one gathered send. IOV_MAX is 1024 on Linux; 64 batches are already some hundred kilobytes.</summary>
    private const int MaxGather = 64;

    /// <summary>Small frames that wait (acks, pongs) share arrays of this size: a queue entry each would cost more than their bytes.</summary>
    private const int TailSize = 4096;

    /// <summary>How long a client that does not read may keep the connection after its last frame was queued.</summary>
    private static readonly TimeSpan StuckLinger = TimeSpan.FromSeconds(5);

    private readonly ITransport _transport;
    private readonly IOutboundOwner _owner;
    private readonly int _maxUnsent;
    private readonly Lock _gate = new();
    private Queue<ArraySegment<byte>>? _queue;
    private byte[]? _tail;
    private int _tailCount;
    private long _unsent;
    private long _gathered;
    private State _state;
    private bool _pumping;
    private TimeSpan _linger;

    /// <summary>Creates the way out of one connection.</summary>
    /// <param name="transport">The socket.</param>
    /// <param name="owner">Told when the bound is reached.</param>
    /// <param name="maxUnsentBytes">Bound of the queue in bytes.</param>
    public Outbound(ITransport transport, IOutboundOwner owner, int maxUnsentBytes)
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

    /// <summary>Bytes queued and not yet handed to the socket.</summary>
    public long UnsentBytes
    {
        get
        {
            lock (_gate)
            {
                return _unsent;
            }
        }
    }

    /// <summary>True once the last frame is queued or sent.</summary>
    public bool IsClosing
    {
        get
        {
            lock (_gate)
            {
                return _state != State.Open;
            }
        }
    }

    /// <summary>Sends whole frames of a shared batch. False when the connection no longer takes any.</summary>
    /// <param name="batch">The batch; only used during the call.</param>
    /// <param name="start">First byte.</param>
    /// <param name="count">Bytes.</param>
    public bool Send(FrameBatch batch, int start, int count)
    {
        lock (_gate)
        {
            if (!TryDirect(batch.Bytes.Slice(start, count), out var sent))
            {
                return false;
            }

            if (sent == count)
            {
                return true;
            }

            FlushTail();
            _queue ??= new Queue<ArraySegment<byte>>();
            _queue.Enqueue(batch.Keep(start + sent, count - sent));
            Queued(count - sent);
            return _state == State.Open;
        }
    }

    /// <summary>Sends whole frames from a buffer that the caller reuses; what has to wait is copied.</summary>
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
                QueueCopy(frames[sent..]);
                Queued(frames.Length - sent);
            }

            return _state == State.Open;
        }
    }

    /// <summary>Sends a last frame behind everything queued, then finishes the connection. Later calls do nothing.</summary>
    /// <param name="lastFrame">A close frame; empty when there is nothing to say.</param>
    /// <param name="linger">How long to wait for the peer's own close afterwards.</param>
    public void Close(ReadOnlySpan<byte> lastFrame, TimeSpan linger)
    {
        lock (_gate)
        {
            if (!TryDirect(lastFrame, out var sent))
            {
                return;
            }

            _state = State.Closing;
            _linger = linger;
            if (sent < lastFrame.Length)
            {
                QueueCopy(lastFrame[sent..]);
                _unsent += lastFrame.Length - sent;
                StartPump();
            }
            else if (!_pumping)
            {
                Finish();
            }
        }
    }

    /// <summary>Drops the connection at once.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            _state = State.Closed;
            _queue = null;
            _tail = null;
            _tailCount = 0;
            _unsent = 0;
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
        _transport.Abort();
        return false;
    }

    private void QueueCopy(ReadOnlySpan<byte> rest)
    {
        if (rest.Length > TailSize - _tailCount)
        {
            FlushTail();
        }

        if (rest.Length > TailSize)
        {
            _queue ??= new Queue<ArraySegment<byte>>();
            _queue.Enqueue(rest.ToArray());
            return;
        }

        _tail ??= new byte[TailSize];
        rest.CopyTo(_tail.AsSpan(_tailCount));
        _tailCount += rest.Length;
    }

    private void FlushTail()
    {
        if (_tailCount > 0)
        {
            _queue ??= new Queue<ArraySegment<byte>>();
            _queue.Enqueue(new ArraySegment<byte>(_tail!, 0, _tailCount));
            _tail = null;
            _tailCount = 0;
        }
    }

    private void Queued(int bytes)
    {
        _unsent += bytes;
        if (_unsent > _maxUnsent)
        {
            Overflow();
        }

        StartPump();
    }

    private void Overflow()
    {
        // The first queued segment may be the rest of a half-sent frame: it must still go out before the last frame, or the peer
        // reads the close code as payload. While the pump runs, its current gathered send plays that part.
        FlushTail();
        var head = _pumping ? default : _queue!.Peek();
        _queue!.Clear();
        if (head.Array is not null)
        {
            _queue.Enqueue(head);
        }

        _state = State.Closing;
        _linger = StuckLinger;
        _queue.Enqueue(_owner.OnOverflow());
        _unsent = _gathered;
        foreach (var segment in _queue)
        {
            _unsent += segment.Count;
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

            _unsent -= _gathered;
            _gathered = 0;
            FlushTail();
            while (gather.Count < MaxGather && _queue is not null && _queue.TryDequeue(out var segment))
            {
                gather.Add(segment);
                _gathered += segment.Count;
            }

            if (gather.Count > 0)
            {
                return true;
            }

            _pumping = false;
            _queue = null;
            _unsent = 0;
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
public interface IOutboundOwner
{
    /// <summary>The client reads too slowly and the bound is reached: returns the close frame to end with.</summary>
    ArraySegment<byte> OnOverflow();
}
