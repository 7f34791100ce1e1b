using Relay.Bench.Measure;

namespace Relay.Bench.Load;

/// <summary>
/// The timetable of an open loop: publish n is intended for <c>start + n / rate</c>, whatever became of the ones before. A publish that goes out late,
/// because the server pushes back or the generator was not scheduled, keeps its intended time, and its latency counts from there. Otherwise a
/// stall of the server would also stop the measuring of it ("coordinated omission"). Immutable.
/// </summary>
internal sealed class Pacer
{
    private readonly BenchClock _clock;
    private readonly double _interval;

    /// <param name="clock">The run's clock.</param>
    /// <param name="start">Intended time of publish 0.</param>
    /// <param name="perSecond">Publishes per second, above 0.</param>
    public Pacer(BenchClock clock, long start, double perSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perSecond);
        _clock = clock;
        Start = start;
        _interval = 1e9 / perSecond;
    }

    /// <summary>Intended time of publish 0.</summary>
    public long Start { get; }

    /// <summary>When publish <paramref name="number"/> should go out, in ns of the clock. Computed from the start each time, so no error adds up.</summary>
    public long IntendedAt(long number) => Start + (long)(number * _interval);

    /// <summary>How many publishes should have gone out by now.</summary>
    public long Due => CountBefore(_clock.Now + 1);

    /// <summary>How many publishes are intended before <paramref name="instant"/>.</summary>
    public long CountBefore(long instant)
    {
        if (instant <= Start)
        {
            return 0;
        }

        // The division may round to the wrong side of a boundary; IntendedAt decides.
        var count = (long)((instant - Start) / _interval) + 1;
        while (IntendedAt(count) < instant)
        {
            count++;
        }

        while (count > 0 && IntendedAt(count - 1) >= instant)
        {
            count--;
        }

        return count;
    }

    /// <summary>Time left until publish <paramref name="number"/> is due; zero when it is.</summary>
    public TimeSpan Until(long number) => TimeSpan.FromMicroseconds(Math.Max(0, IntendedAt(number) - _clock.Now) / 1000.0);
}
