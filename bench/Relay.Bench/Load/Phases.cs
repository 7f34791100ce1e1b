namespace Relay.Bench.Load;

/// <summary>
/// When the load begins and what part of it is measured, in nanoseconds of the run's clock. Throughput counts deliveries that arrive in the measured
/// part; latency counts those whose publish was intended in it, however late they arrive, so that an overload cannot hide its late ones.
/// </summary>
/// <param name="Start">First publish.</param>
/// <param name="MeasureFrom">End of the warm-up.</param>
/// <param name="End">Last publish.</param>
internal readonly record struct Phases(long Start, long MeasureFrom, long End)
{
    /// <summary>Before the load has begun nothing is measured.</summary>
    public static Phases None { get; } = new(long.MaxValue, long.MaxValue, long.MaxValue);

    /// <summary>Length of the measured part in seconds.</summary>
    public double MeasuredSeconds => (End - MeasureFrom) / 1e9;

    /// <summary>Whether an instant lies in the measured part.</summary>
    public bool IsMeasured(long instant) => instant >= MeasureFrom && instant < End;
}
