using Relay.Kernel.Measuring;

namespace Relay.Node.Telemetry;

/// <summary>One instrument with all its series, at one moment.</summary>
/// <param name="Name">OpenTelemetry's.</param>
/// <param name="Unit">UCUM; null or empty without one.</param>
/// <param name="Meaning">For people; null without one.</param>
internal sealed record MetricSnapshot(string Name, MetricKind Kind, string? Unit, string? Meaning, IReadOnlyList<SeriesSnapshot> Series);

/// <summary>One series.</summary>
/// <param name="Tags">In the order in which they were given.</param>
/// <param name="Value">Of a histogram the sum of all values.</param>
internal sealed record SeriesSnapshot(IReadOnlyList<KeyValuePair<string, string>> Tags, double Value)
{
    /// <summary>Of a histogram: upper bounds of the buckets, without the last, which has none.</summary>
    public IReadOnlyList<double> Bounds { get; init; } = [];

    /// <summary>Of a histogram: values in each bucket alone; one more than there are bounds.</summary>
    public IReadOnlyList<long> Counts { get; init; } = [];
}
