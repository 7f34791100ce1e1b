namespace Relay.Bench.Options;

/// <summary>What the single values and their relations must keep. Every complaint begins with the option it is about.</summary>
internal static class OptionRules
{
    /// <summary>All mistakes; empty when there are none.</summary>
    public static IReadOnlyList<string> Check(BenchOptions options)
    {
        List<string> mistakes = [];
        void Require(bool holds, string mistake)
        {
            if (!holds)
            {
                mistakes.Add(mistake);
            }
        }

        Require(options.Url.Scheme is "http" or "ws", $"--url {options.Url}: only http:// and ws:// (the load is measured without TLS)");
        Require(options.PublishTo?.Scheme is null or "http" or "ws", $"--publish-to {options.PublishTo}: only http:// and ws:// (the load is measured without TLS)");
        Require(options.PublishTo is null || !options.Resume, "--publish-to: not with --resume");
        Require(options.Subscribers >= 1, $"--subscribers {options.Subscribers}: at least 1");
        Require(options.Channels >= 1, $"--channels {options.Channels}: at least 1");
        Require(options.Channels <= options.Subscribers, $"--channels {options.Channels}: at most as many as --subscribers ({options.Subscribers}), or some have no listener");
        Require(options.Publishers >= 1, $"--publishers {options.Publishers}: at least 1");
        Require(options.Rate is null or > 0 and <= 10_000_000, $"--rate {options.Rate}: above 0 and at most 10,000,000 publishes per second");
        Require(options.Window is >= 1 and <= 1_000_000, $"--window {options.Window}: 1 to 1,000,000");
        Require(
            options.PayloadBytes >= BenchOptions.MinPayloadBytes && options.PayloadBytes <= 16 * 1024 * 1024,
            $"--payload {options.PayloadBytes}: {BenchOptions.MinPayloadBytes} (the mark and its envelope) to 16,777,216 bytes");
        Require(options.Seconds > 0, $"--seconds {options.Seconds}: above 0");
        Require(options.WarmUpSeconds >= 0, $"--warm-up {options.WarmUpSeconds}: 0 or more");
        Require(options.SettleSeconds >= 0, $"--settle {options.SettleSeconds}: 0 or more");
        Require(options.DrainSeconds >= 0, $"--drain {options.DrainSeconds}: 0 or more");
        Require(options.ConnectRate >= 0, $"--connect-rate {options.ConnectRate}: 0 (no limit) or more");
        Require(options.ConnectConcurrency >= 1, $"--connect-concurrency {options.ConnectConcurrency}: at least 1");
        Require(options.ConnectTimeoutSeconds > 0, $"--connect-timeout {options.ConnectTimeoutSeconds}: above 0");
        Require(options.HttpPipeline >= 1, $"--http-pipeline {options.HttpPipeline}: at least 1");
        Require(options.Threads is >= 1 and <= 64, $"--threads {options.Threads}: 1 to 64");
        Require(
            (options.Dialect == BenchDialect.Updates) != (options.Route == PublishRoute.WebSocket),
            options.Dialect == BenchDialect.Updates
                ? "--publish-via ws: clients of the dialect updates cannot publish; use http or redis"
                : $"--publish-via {NameOf(options.Route)}: the dialect {options.Dialect.ToString().ToLowerInvariant()} publishes over ws");
        CheckResume(options, Require);
        foreach (var pid in options.ServerPids)
        {
            Require(Measure.ServerProbe.TryRead(pid, out _), $"--server-pid {pid}: there is no such process in /proc");
        }

        return mistakes;
    }

    private static void CheckResume(BenchOptions options, Action<bool, string> require)
    {
        require(options.Missed is >= 1 and <= 1_000_000, $"--missed {options.Missed}: 1 to 1,000,000");
        if (!options.Resume)
        {
            require(options.RestartCommand is null, "--restart-command: only with --resume");
            return;
        }

        require(options.Dialect == BenchDialect.Relay, "--resume: only clients of the dialect relay have positions to come back with");
        require(options.Rate is null && !options.Idle, "--resume: excludes --rate and --idle");
        require(options.Publishers == 1, $"--publishers {options.Publishers}: 1 with --resume");
    }

    private static string NameOf(PublishRoute route) => route == PublishRoute.WebSocket ? "ws" : route.ToString().ToLowerInvariant();
}
