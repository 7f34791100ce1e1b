using System.IO.Pipelines;

namespace Relay.Node.WebSockets;

/// <summary>
/// The deadline of a request head: wakes the reader once, unless it was stopped before. Stopping and firing exclude each other, because a wake-up that
/// comes late would be taken by whoever reads the connection next for its own.
/// </summary>
internal sealed class HeadDeadline : IDisposable
{
    private const int Running = 0;
    private const int Stopped = 1;
    private const int Fired = 2;

    private readonly PipeReader _input;
    private readonly ITimer _timer;
    private int _state;

    public HeadDeadline(PipeReader input, TimeProvider time, TimeSpan limit)
    {
        _input = input;
        _timer = time.CreateTimer(static state => ((HeadDeadline)state!).Fire(), this, limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True once it has woken the reader.</summary>
    public bool IsOver => Volatile.Read(ref _state) == Fired;

    /// <summary>False when it was too late.</summary>
    public bool TryStop() => Interlocked.CompareExchange(ref _state, Stopped, Running) == Running;

    /// <inheritdoc/>
    public void Dispose()
    {
        TryStop();
        _timer.Dispose();
    }

    private void Fire()
    {
        if (Interlocked.CompareExchange(ref _state, Fired, Running) == Running)
        {
            _input.CancelPendingRead();
        }
    }
}
