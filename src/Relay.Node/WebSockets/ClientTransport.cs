using Relay.Actors.Connections;

namespace Relay.Node.WebSockets;

/// <summary>
/// What all transports share: how a connection ends. The connection's reader and its writer meet here.
/// <para>
/// open -> finishing (<see cref="Finish"/>: the last byte is written, the reader reads on and discards) -> over (peer gone, time over, or
/// <see cref="Abort"/>). Every way ends in <see cref="End"/>, called by the reader when it is done. Thread-safe.
/// </para>
/// Closing a socket with unread input makes the kernel send a reset, which may overtake the close frame in the peer's buffers: hence finishing.
/// </summary>
internal abstract class ClientTransport : ITransport
{
    private const int Open = 0;
    private const int Finishing = 1;
    private const int Over = 2;

    private int _state;
    private ITimer? _timer;

    /// <param name="time">Clock of the lingering.</param>
    protected ClientTransport(TimeProvider time) => Time = time;

    /// <summary>True once the last byte was written: what is still received is discarded.</summary>
    public bool IsFinishing => Volatile.Read(ref _state) != Open;

    /// <summary>True once there is nothing left to wait for.</summary>
    public bool IsOver => Volatile.Read(ref _state) == Over;

    /// <summary>
    /// Whether the end of the stream, and not the peer's close frame, ends the lingering. True where the writing half can be closed on its own: the
    /// peer then answers with its FIN, and whatever it sent behind its close frame cannot cause a reset.
    /// </summary>
    public abstract bool WaitsForFin { get; }

    protected TimeProvider Time { get; }

    /// <inheritdoc/>
    public abstract int TrySend(ReadOnlySpan<byte> bytes);

    /// <inheritdoc/>
    public abstract ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments);

    /// <inheritdoc/>
    public void Finish(TimeSpan linger)
    {
        if (Interlocked.CompareExchange(ref _state, Finishing, Open) != Open)
        {
            return;
        }

        CloseWriting();
        if (linger <= TimeSpan.Zero)
        {
            Expire();
            return;
        }

        StartTimer(linger, static state => ((ClientTransport)state!).Expire());
        Wake();
    }

    /// <inheritdoc/>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _state, Over) != Over)
        {
            Drop();
            Wake();
        }
    }

    /// <summary>
    /// The peer has said its last word: whoever writes must finish within <paramref name="limit"/>, or the connection is dropped.
    /// </summary>
    public void ExpectFinish(TimeSpan limit)
    {
        if (!IsFinishing)
        {
            StartTimer(limit, static state => ((ClientTransport)state!).AbortUnlessFinishing());
        }
    }

    /// <summary>Reading has ended: nothing more is sent, and no timer survives.</summary>
    public void End()
    {
        Volatile.Write(ref _state, Over);
        StopTimer();
    }

    /// <summary>Says that nothing more will be written, where the transport can.</summary>
    protected abstract void CloseWriting();

    /// <summary>Ends the connection at once.</summary>
    protected abstract void Drop();

    /// <summary>
    /// Makes the reader look at the state. Called from any thread, also under the lock of the connection's outbound queue: the reader must not go on inside
    /// the call.
    /// </summary>
    protected abstract void Wake();

    /// <summary>Runs <paramref name="callback"/> once, with this object, unless the connection ends or the timer is set anew before.</summary>
    protected void StartTimer(TimeSpan due, TimerCallback callback)
    {
        var timer = Time.CreateTimer(callback, this, due, Timeout.InfiniteTimeSpan);
        Interlocked.Exchange(ref _timer, timer)?.Dispose();
        if (IsOver)
        {
            StopTimer();
        }
    }

    protected void StopTimer() => Interlocked.Exchange(ref _timer, null)?.Dispose();

    private void Expire()
    {
        Volatile.Write(ref _state, Over);
        Wake();
    }

    private void AbortUnlessFinishing()
    {
        if (!IsFinishing)
        {
            Abort();
        }
    }
}
