using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.Bench.Report;

/// <summary>The report for people and for programs.</summary>
internal static class ReportText
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>One JSON object on one line.</summary>
    public static string Json(BenchReport report) => JsonSerializer.Serialize(report, Format);

    /// <summary>The table.</summary>
    public static string Table(BenchReport report)
    {
        var text = new StringBuilder();
        var label = report.Label.Length > 0 ? $"{report.Label}: " : "";
        text.AppendLine($"{label}{Shape(report)}, run {report.Run}");
        Row(text, "connections", $"{Whole(report.Connect.Ready)} ready, {report.Connect.Failed} failed, {report.Connect.Lost} lost; {Whole(report.Connect.PerSecond)}/s in {report.Connect.Seconds:F2} s");
        if (report.Load is { } load)
        {
            AddLoad(text, load);
        }

        if (report.Server is { } server)
        {
            var perDelivery = report.Load is null ? "" : $", {server.CpuUsPerDelivery:F2} us per delivery";
            Row(text, "server", $"{server.CpuPercent:F0} % CPU{perDelivery}; {server.ResidentMib:F1} MiB resident");
            Row(text, "per connection", $"{Whole(server.ResidentBytesPerConnection)} bytes resident, {server.ConnectCpuUsPerConnection:F0} us CPU to connect");
        }

        if (report.Resume is { } resume)
        {
            AddResume(text, resume, report.Subscribers);
        }

        if (report.Load is not null || report.Mode == "resume")
        {
            AddChecks(text, report.Checks);
        }

        if (report.FirstError is not null)
        {
            Row(text, "first error", report.FirstError);
        }

        var verdict = report.Ok ? "ok" : "FAILED";
        Row(text, "verdict", report.Interrupted ? verdict + ", interrupted" : verdict);
        return text.ToString();
    }

    private static string Shape(BenchReport report) => report.Mode switch
    {
        "resume" => $"{Whole(report.Subscribers)} {report.Dialect} clients come back to {Whole(report.Channels)} channel(s), {report.PayloadBytes} bytes",
        "idle" => $"{Whole(report.Subscribers)} idle {report.Dialect} connections",
        _ => $"{report.Dialect} over {report.PublishVia}, {report.Publishers} -> {Whole(report.Subscribers)} on {Whole(report.Channels)} channel(s), {report.PayloadBytes} bytes, "
            + (report.Rate is { } rate ? $"{rate.ToString("#,0.##", CultureInfo.InvariantCulture)} publishes/s" : $"window {report.Window}"),
    };

    private static void AddLoad(StringBuilder text, LoadReport load)
    {
        Row(text, "deliveries", $"{Whole(load.DeliveriesPerSecond)}/s ({Whole(load.Deliveries)} in {load.Seconds:F1} s), {load.DeliveriesPerRead:F1} per read, {load.WireBytesPerDelivery:F0} bytes each");
        Row(text, "publishes", $"{Whole(load.PublishesPerSecond)}/s");
        text.AppendLine($"  {"latency",-16}{"p50",10}{"p90",10}{"p99",10}{"p99.9",10}{"max",10}  ms");
        AddLatency(text, "delivery", load.LatencyUs);
        AddLatency(text, "ack", load.AckLatencyUs);
        AddLatency(text, "send lag", load.SendLagUs);
        Row(text, "generator", $"{load.GeneratorCpuPercent:F0} % of one core");
    }

    private static void AddResume(StringBuilder text, ResumeReport resume, int clients)
    {
        if (resume.RestartSeconds is { } restart)
        {
            Row(text, "restart", $"ready after {restart:F2} s");
        }

        Row(text, "back", $"{Whole(resume.Back)} of {Whole(clients)} in {resume.SecondsUntilAllBack:F3} s, {Whole(resume.MissedEach)} events missed by each, {Whole(resume.MissedPerSecond)}/s; {resume.NotRecovered} not recovered");
        text.AppendLine($"  {"until back",-16}{"p50",10}{"p90",10}{"p99",10}{"p99.9",10}{"max",10}  ms");
        AddLatency(text, "of subscribe", resume.LatencyUs);
        AddLatency(text, "of connect", resume.ConnectLatencyUs);
        Row(text, "generator", $"{resume.GeneratorCpuPercent:F0} % of one core");
        if (resume.Server is { } server)
        {
            Row(text, "server", $"{server.CpuSeconds:F2} s CPU, {server.CpuUsPerClient:F0} us per client; {server.ResidentBeforeMib:F1} MiB resident before, {server.ResidentPeakMib:F1} at most, {server.ResidentAfterMib:F1} after");
        }
    }

    private static void AddLatency(StringBuilder text, string name, LatencyReport? latency)
    {
        if (latency is { Count: > 0 })
        {
            text.AppendLine($"    {name,-14}{Millis(latency.P50)}{Millis(latency.P90)}{Millis(latency.P99)}{Millis(latency.P999)}{Millis(latency.Max)}");
        }
    }

    private static void AddChecks(StringBuilder text, CheckReport checks)
    {
        Row(text, "published", $"{Whole(checks.Published)}, {Whole(checks.Accepted)} accepted, {checks.Refused} refused, {checks.Unanswered} unanswered, {checks.Unsent} unsent, {checks.Stalled} stalled");
        Row(text, "received", $"{Whole(checks.Received)}, {checks.Missing} missing, {checks.Duplicates} duplicate, {checks.OutOfOrder} out of order, {checks.Misdelivered} misdelivered");
        if ((checks.OffsetGaps | checks.OffsetRepeats | checks.EpochChanges | checks.WithoutPosition) != 0)
        {
            Row(text, "positions", $"{checks.OffsetGaps} skipped, {checks.OffsetRepeats} repeated, {checks.EpochChanges} new epochs, {checks.WithoutPosition} without");
        }
    }

    private static void Row(StringBuilder text, string name, string value) => text.AppendLine($"  {name,-16}{value}");

    private static string Millis(double micros) => (micros / 1000).ToString("F3", CultureInfo.InvariantCulture).PadLeft(10);

    private static string Whole(double value) => value.ToString("#,0", CultureInfo.InvariantCulture);
}
