namespace Relay.EndToEnd.Tests.Soak;

/// <summary>One look at a process.</summary>
/// <param name="Seconds">Since the beginning.</param>
/// <param name="ResidentMiB">Memory.</param>
/// <param name="Handles">Open descriptors.</param>
/// <param name="Threads">Threads.</param>
internal readonly record struct Sample(double Seconds, double ResidentMiB, int Handles, int Threads);

/// <summary>
/// Whether a series is flat: a straight line is laid through what was measured after the warm-up, by least squares. A leak of so much per cycle makes a line that climbs however noisy the
/// single looks are, and a collector that gives memory back late makes one that does not. Pure code.
/// </summary>
internal static class Trend
{
    /// <summary>How much the line climbs from its begin to its end.</summary>
    public static double Climb(IReadOnlyList<(double At, double Value)> series)
    {
        if (series.Count < 2)
        {
            return 0;
        }

        var (middle, mean) = (series.Average(static one => one.At), series.Average(static one => one.Value));
        var spread = series.Sum(one => (one.At - middle) * (one.At - middle));
        var slope = spread == 0 ? 0 : series.Sum(one => (one.At - middle) * (one.Value - mean)) / spread;
        return slope * (series[^1].At - series[0].At);
    }

    /// <summary>The samples behind the first part, which belongs to compilers, caches and pools.</summary>
    public static List<Sample> AfterWarmUp(IReadOnlyList<Sample> samples) => [.. samples.Skip(samples.Count / 3)];
}
