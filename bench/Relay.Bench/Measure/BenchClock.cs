namespace Relay.Bench.Measure;

/// <summary>The monotonic clock of a run in nanoseconds. Thread-safe.</summary>
/// <param name="time">Where the time comes from.</param>
internal sealed class BenchClock(TimeProvider time)
{
    private readonly long _nanosPerTick = 1_000_000_000 / time.TimestampFrequency;

    /// <summary>Where the time comes from.</summary>
    public TimeProvider Time { get; } = time;

    /// <summary>Now. The zero point is arbitrary but the same for the whole process.</summary>
    public long Now => Time.GetTimestamp() * _nanosPerTick;
}
