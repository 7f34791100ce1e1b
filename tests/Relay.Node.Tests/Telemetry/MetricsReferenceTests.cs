using System.Runtime.CompilerServices;
using Relay.Kernel.Measuring;
using Relay.Node.Telemetry;

namespace Relay.Node.Tests.Telemetry;

public sealed class MetricsReferenceTests
{
    [Fact]
    public void Names_are_told_apart_in_OpenTelemetry_and_in_Prometheus()
    {
        var all = MetricsSetup.Described.SelectMany(static group => group.Metrics).ToList();
        Assert.Equal(all.Count, all.Select(static metric => metric.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(all.Count, all.Select(MetricsReference.PrometheusNameOf).Distinct(StringComparer.Ordinal).Count());
        Assert.All(all, static metric => Assert.Matches("^relay\\.[a-z_]+(\\.[a-z_]+)+$", metric.Name));
        Assert.All(all, static metric => Assert.True(metric.Meaning is [.., not '.'] && (metric.Kind == MetricKind.Histogram) == (metric.Bounds.Count > 0), metric.Name));
    }

    [Fact]
    public void No_label_can_hold_a_user_a_channel_or_an_address()
    {
        string[] known = ["dialect", "state", "direction", "outcome", "code", "by", "namespace", "listener", "transport", "status", "reason", "store", "source", "fault", "role", "kind", "limit"];
        Assert.Empty(MetricsSetup.Described.SelectMany(static group => group.Metrics).SelectMany(static metric => metric.Tags).Select(static tag => tag.Name).Except(known, StringComparer.Ordinal));
    }

    [Fact]
    public void The_documented_metrics_are_those_of_the_program()
    {
        var path = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "metrics.md");
        var text = File.ReadAllText(path);
        var begin = text.IndexOf(MetricsReference.BeginMark, StringComparison.Ordinal);
        var end = text.IndexOf(MetricsReference.EndMark, StringComparison.Ordinal) + MetricsReference.EndMark.Length;
        Assert.True(begin >= 0 && end > begin, $"{path} has lost its marks");
        if (Environment.GetEnvironmentVariable("RELAY_UPDATE_DOCS") == "1")
        {
            text = text[..begin] + MetricsReference.Markdown() + text[end..];
            File.WriteAllText(path, text);
            end = text.IndexOf(MetricsReference.EndMark, StringComparison.Ordinal) + MetricsReference.EndMark.Length;
        }

        // Stale? RELAY_UPDATE_DOCS=1 dotnet test tests/Relay.Node.Tests --filter ReferenceTests writes it anew.
        Assert.Equal(MetricsReference.Markdown(), text[begin..end]);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
