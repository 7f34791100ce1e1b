namespace Relay.Kernel;

/// <summary>
/// Lets the first few events of a kind through in each window and sums up the rest, so that a flood of dead letters (a subscriber
/// that vanished under load) costs a counter and not a flood of events. Used from any thread.
/// </summary>
internal sealed class BoundedPublisher(EventStream events, TimeProvider time, Type kind, int burst, TimeSpan window) : IDisposable
{
    private readonly Lock _lock = new();
    private long _count;
    private long _windowStart;
    private int _inWindow;
    private long _suppressed;
    private ITimer? _summary;
    private bool _disposed;

    /// <summary>All events, let through or not.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Counts one event; true when it is to be published.</summary>
    public bool Admit()
    {
        Interlocked.Increment(ref _count);
        lock (_lock)
        {
            if (_inWindow == 0 || time.GetElapsedTime(_windowStart) >= window)
            {
                _windowStart = time.GetTimestamp();
                _inWindow = 0;
            }

            if (_inWindow < burst)
            {
                _inWindow++;
                return true;
            }

            _suppressed++;
            if (_summary is null && !_disposed)
            {
                var left = window - time.GetElapsedTime(_windowStart);
                _summary = time.CreateTimer(static state => ((BoundedPublisher)state!).Summarise(), this, Positive(left), Timeout.InfiniteTimeSpan);
            }

            return false;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        Summarise();
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;

    private void Summarise()
    {
        long suppressed;
        lock (_lock)
        {
            suppressed = _suppressed;
            _suppressed = 0;
            _summary?.Dispose();
            _summary = null;
        }

        if (suppressed > 0)
        {
            events.Publish(new EventsSuppressed(kind, suppressed));
        }
    }
}
