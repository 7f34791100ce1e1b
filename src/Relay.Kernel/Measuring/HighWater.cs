namespace Relay.Kernel.Measuring;

/// <summary>
/// The highest of many values within the last half to whole minute: two windows of 30 s, so that several readers see the same whoever reads when; a window ends when it is
/// read, or a new height noted, after its time. Noting a value that is no new height is one read. Thread-safe.
/// </summary>
public sealed class HighWater(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private int _current;
    private int _previous;
    private long _since = time.GetTimestamp();

    /// <summary>Notes one value.</summary>
    public void Note(int value)
    {
        if (value <= Volatile.Read(ref _current))
        {
            return;
        }

        lock (_gate)
        {
            Turn();
            _current = Math.Max(_current, value);
        }
    }

    /// <summary>The highest.</summary>
    public int Read()
    {
        lock (_gate)
        {
            Turn();
            return Math.Max(_current, _previous);
        }
    }

    private void Turn()
    {
        var windows = time.GetElapsedTime(_since) / Window;
        if (windows < 1)
        {
            return;
        }

        _previous = windows < 2 ? _current : 0;
        _current = 0;
        _since = time.GetTimestamp();
    }
}
