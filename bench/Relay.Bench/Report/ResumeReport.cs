namespace Relay.Bench.Report;

/// <summary>How the clients came back.</summary>
internal sealed record ResumeReport
{
    /// <summary>Events that each client missed.</summary>
    public required int MissedEach { get; init; }

    /// <summary>Clients that came back, and of them those that have every event they missed.</summary>
    public required int Returned { get; init; }

    public required int Back { get; init; }

    /// <summary>Clients that were not told <c>recovered:true</c>.</summary>
    public required int NotRecovered { get; init; }

    /// <summary>From the first connect to the last event that anybody missed.</summary>
    public required double SecondsUntilAllBack { get; init; }

    /// <summary>Missed events that came in that time.</summary>
    public required double MissedPerSecond { get; init; }

    /// <summary>From the subscribe to the last missed event, per client.</summary>
    public required LatencyReport LatencyUs { get; init; }

    /// <summary>The same from the beginning of its connect.</summary>
    public required LatencyReport ConnectLatencyUs { get; init; }

    /// <summary>CPU of the generator while they came back, in percent of one core.</summary>
    public required double GeneratorCpuPercent { get; init; }

    /// <summary>From the restart's beginning until the server was ready; null without one.</summary>
    public double? RestartSeconds { get; init; }

    /// <summary>Null without <c>--server-pid</c>.</summary>
    public ResumeServerReport? Server { get; init; }
}

/// <summary>The watched processes while the clients came back.</summary>
internal sealed record ResumeServerReport
{
    public required double CpuSeconds { get; init; }

    public required double CpuUsPerClient { get; init; }

    /// <summary>With everyone away, the most of all, and with everyone back.</summary>
    public required double ResidentBeforeMib { get; init; }

    public required double ResidentPeakMib { get; init; }

    public required double ResidentAfterMib { get; init; }
}
