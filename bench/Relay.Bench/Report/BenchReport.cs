using Relay.Bench.Measure;

namespace Relay.Bench.Report;

/// <summary>Everything a run found; the JSON report is this record with names in snake_case. Rates are per second, latencies in microseconds.</summary>
internal sealed record BenchReport
{
    public required string Label { get; init; }

    /// <summary><c>open</c>, <c>closed</c>, <c>idle</c> or <c>resume</c>.</summary>
    public required string Mode { get; init; }

    public required string Dialect { get; init; }

    public required string PublishVia { get; init; }

    /// <summary>Eight hex digits that mark this run's payloads and publish ids.</summary>
    public required string Run { get; init; }

    public required int Subscribers { get; init; }

    public required int Channels { get; init; }

    public required int Publishers { get; init; }

    public required int PayloadBytes { get; init; }

    public double? Rate { get; init; }

    public int? Window { get; init; }

    public required ConnectReport Connect { get; init; }

    /// <summary>Null in the modes idle and resume.</summary>
    public LoadReport? Load { get; init; }

    /// <summary>Null in other modes than resume, and when nobody could come back.</summary>
    public ResumeReport? Resume { get; init; }

    public required CheckReport Checks { get; init; }

    /// <summary>Null without <c>--server-pid</c>.</summary>
    public ServerReport? Server { get; init; }

    /// <summary>Ended by a signal before its time.</summary>
    public bool Interrupted { get; init; }

    /// <summary>First thing that went wrong.</summary>
    public string? FirstError { get; init; }

    /// <summary>Whether everything that was promised was kept: the exit code.</summary>
    public bool Ok => Checks.Ok && (Mode != "resume" || (Resume is { NotRecovered: 0 } resume && resume.Back == Subscribers));
}

/// <summary>The connections.</summary>
internal sealed record ConnectReport(int Ready, int Failed, int Lost, double Seconds, double PerSecond);

/// <summary>The measured part.</summary>
internal sealed record LoadReport
{
    public required double Seconds { get; init; }

    public required double PublishesPerSecond { get; init; }

    public required long Deliveries { get; init; }

    public required double DeliveriesPerSecond { get; init; }

    /// <summary>From the intended send time to the delivery.</summary>
    public required LatencyReport LatencyUs { get; init; }

    /// <summary>From the intended send time to the publisher's ack; null where there are none.</summary>
    public LatencyReport? AckLatencyUs { get; init; }

    /// <summary>From the intended to the real send time; null in a closed loop.</summary>
    public LatencyReport? SendLagUs { get; init; }

    public required double DeliveriesPerRead { get; init; }

    public required double WireBytesPerDelivery { get; init; }

    /// <summary>CPU of the generator, in percent of one core.</summary>
    public required double GeneratorCpuPercent { get; init; }
}

/// <summary>Percentiles in microseconds.</summary>
internal sealed record LatencyReport(long Count, double Mean, double P50, double P90, double P99, double P999, double Max)
{
    public static LatencyReport Of(LatencyHistogram histogram) => new(
        histogram.Count,
        Micros(histogram.Mean),
        Micros(histogram.Percentile(50)),
        Micros(histogram.Percentile(90)),
        Micros(histogram.Percentile(99)),
        Micros(histogram.Percentile(99.9)),
        Micros(histogram.Max));

    private static double Micros(double nanoseconds) => Math.Round(nanoseconds / 1000, 1);
}

/// <summary>What was promised and what came, over the whole run.</summary>
internal sealed record CheckReport
{
    /// <summary>Publishes sent.</summary>
    public required long Published { get; init; }

    /// <summary>Publishes acked with success, and refused.</summary>
    public required long Accepted { get; init; }

    public required long Refused { get; init; }

    /// <summary>Publishes sent whose answer never came.</summary>
    public required long Unanswered { get; init; }

    /// <summary>Publishes that were due and could not be sent in time; no latency stands for them.</summary>
    public required long Unsent { get; init; }

    /// <summary>Distinct deliveries.</summary>
    public required long Received { get; init; }

    /// <summary>Of the subscribers that stayed connected.</summary>
    public required long Missing { get; init; }

    public required long Duplicates { get; init; }

    public required long OutOfOrder { get; init; }

    /// <summary>Deliveries on a channel that the subscriber did not ask for.</summary>
    public required long Misdelivered { get; init; }

    /// <summary>Native: offsets skipped, offsets not above the one before, epochs begun, events without a position.</summary>
    public required long OffsetGaps { get; init; }

    public required long OffsetRepeats { get; init; }

    public required long EpochChanges { get; init; }

    public required long WithoutPosition { get; init; }

    public required int FailedConnections { get; init; }

    public required int LostConnections { get; init; }

    public required int LostPublishers { get; init; }

    /// <summary>Publishes given up by the closed loop after a second without any delivery.</summary>
    public required long Stalled { get; init; }

    public bool Ok =>
        (Refused | Unanswered | Missing | Duplicates | OutOfOrder | Misdelivered | OffsetGaps | OffsetRepeats | EpochChanges | WithoutPosition) == 0
        && (FailedConnections | LostConnections | LostPublishers) == 0;
}

/// <summary>The watched processes.</summary>
internal sealed record ServerReport
{
    /// <summary>Resident bytes per connection, from before the first to after the last; 0 when no connection became ready.</summary>
    public required double ResidentBytesPerConnection { get; init; }

    public required double ConnectCpuUsPerConnection { get; init; }

    /// <summary>In percent of one core, over the measured part or the idle wait.</summary>
    public required double CpuPercent { get; init; }

    /// <summary>0 in idle mode.</summary>
    public required double CpuUsPerDelivery { get; init; }

    public required double ResidentMib { get; init; }
}
