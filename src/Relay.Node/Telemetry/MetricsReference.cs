using System.Text;
using Relay.Kernel.Measuring;

namespace Relay.Node.Telemetry;

/// <summary>The generated part of docs/metrics.md, from <see cref="MetricsSetup.Described"/>.</summary>
public static class MetricsReference
{
    /// <summary>Its begin.</summary>
    public const string BeginMark = "<!-- metrics: generated from the program, do not edit by hand -->";

    /// <summary>Its end.</summary>
    public const string EndMark = "<!-- end of metrics -->";

    /// <summary>The name under which Prometheus finds a metric's value; of a histogram, what <c>_bucket</c>, <c>_sum</c> and <c>_count</c> come behind.</summary>
    public static string PrometheusNameOf(Metric metric)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return PrometheusName.Sample(metric.Name, metric.Unit, metric.Kind);
    }

    /// <summary>The part, with its marks.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder(BeginMark).Append('\n');
        foreach (var group in MetricsSetup.Described)
        {
            text.Append("\n### ").Append(group.Meter).Append("\n\n| in Prometheus | OpenTelemetry: name, unit | kind | labels | meaning |\n|---|---|---|---|---|\n");
            foreach (var metric in group.Metrics)
            {
                text.Append("| `").Append(PrometheusNameOf(metric)).Append("` | `").Append(metric.Name).Append('`');
                text.Append(metric.Unit.Length > 0 ? $", `{metric.Unit}`" : "").Append(" | ").Append(metric.Kind.ToString().ToLowerInvariant()).Append(" | ");
                text.Append(metric.Tags.Count == 0 ? "–" : string.Join("<br>", metric.Tags.Select(static tag => $"`{tag.Name}`: {tag.Values}")));
                text.Append(" | ").Append(metric.Meaning).Append(" |\n");
            }
        }

        return text.Append('\n').Append(EndMark).ToString();
    }
}
