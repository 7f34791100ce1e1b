using System.Globalization;
using System.Text;
using Relay.Kernel.Measuring;

namespace Relay.Node.Telemetry;

/// <summary>
/// Metrics as text: Prometheus' exposition format 0.0.4, or OpenMetrics 1.0. Pure.
/// <para>
/// A family stands in one piece under one name. Where two instruments come to the same name, those of one kind are one family, and of another kind the later is left out: a reader refuses
/// a text in which a name has two types.
/// </para>
/// </summary>
internal static class PrometheusText
{
    /// <summary>Of the Prometheus format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Of OpenMetrics.</summary>
    public const string OpenMetricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// <param name="metrics">In the order in which they are to be written.</param>
    /// <param name="openMetrics">Which format.</param>
    /// <param name="target">What is told of the node itself, as labels of <c>target_info</c>.</param>
    public static string Write(IEnumerable<MetricSnapshot> metrics, bool openMetrics, IReadOnlyList<KeyValuePair<string, string>> target)
    {
        var text = new StringBuilder(16 * 1024);
        WriteTarget(text, openMetrics, target);
        foreach (var family in Families(metrics))
        {
            WriteFamily(text, family, openMetrics);
        }

        if (openMetrics)
        {
            text.Append("# EOF\n");
        }

        return text.ToString();
    }

    private static OrderedDictionary<string, Family>.ValueCollection Families(IEnumerable<MetricSnapshot> metrics)
    {
        var families = new OrderedDictionary<string, Family>(StringComparer.Ordinal);
        foreach (var metric in metrics)
        {
            if (metric.Series.Count == 0)
            {
                continue;
            }

            var name = PrometheusName.Family(metric.Name, metric.Unit, metric.Kind);
            if (!families.TryGetValue(name, out var family))
            {
                families.Add(name, new Family(name, metric.Kind, PrometheusName.Unit(metric.Unit, metric.Kind), metric.Meaning ?? "", [.. metric.Series]));
            }
            else if (family.Kind == metric.Kind)
            {
                family.Series.AddRange(metric.Series);
            }
        }

        return families.Values;
    }

    private static void WriteTarget(StringBuilder text, bool openMetrics, IReadOnlyList<KeyValuePair<string, string>> target)
    {
        if (target.Count == 0)
        {
            return;
        }

        text.Append("# HELP ").Append(openMetrics ? "target" : "target_info").Append(" The node\n");
        text.Append(openMetrics ? "# TYPE target info\n" : "# TYPE target_info gauge\n");
        WriteSample(text, "target_info", target, null, 1);
    }

    private static void WriteFamily(StringBuilder text, Family family, bool openMetrics)
    {
        var sample = family.Kind == MetricKind.Counter ? family.Name + "_total" : family.Name;
        var named = openMetrics ? family.Name : sample;
        text.Append("# HELP ").Append(named).Append(' ');
        Escape(text, family.Meaning, quotes: openMetrics);
        text.Append("\n# TYPE ").Append(named).Append(' ').Append(family.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        }).Append('\n');
        if (openMetrics && family.Unit.Length > 0 && family.Name.EndsWith("_" + family.Unit, StringComparison.Ordinal))
        {
            text.Append("# UNIT ").Append(family.Name).Append(' ').Append(family.Unit).Append('\n');
        }

        foreach (var series in Distinct(family.Series))
        {
            if (family.Kind == MetricKind.Histogram)
            {
                WriteHistogram(text, family.Name, series);
            }
            else
            {
                WriteSample(text, sample, Labels(series.Tags), null, series.Value);
            }
        }
    }

    // Two meters of one name in one process, or two tags that clean to one label: a reader refuses a series that comes twice.
    private static IEnumerable<SeriesSnapshot> Distinct(List<SeriesSnapshot> series) =>
        series.Count == 1 ? series : series.DistinctBy(static one => string.Join('\n', Labels(one.Tags).OrderBy(static label => label.Key, StringComparer.Ordinal).Select(static label => $"{label.Key}\t{label.Value}")), StringComparer.Ordinal);

    private static void WriteHistogram(StringBuilder text, string name, SeriesSnapshot series)
    {
        var labels = Labels(series.Tags);
        long count = 0;
        for (var i = 0; i < series.Counts.Count; i++)
        {
            count += series.Counts[i];
            WriteSample(text, name + "_bucket", labels, i < series.Bounds.Count ? Number(series.Bounds[i], isBound: true) : "+Inf", count);
        }

        WriteSample(text, name + "_sum", labels, null, series.Value);
        WriteSample(text, name + "_count", labels, null, count);
    }

    private static void WriteSample(StringBuilder text, string name, IReadOnlyList<KeyValuePair<string, string>> labels, string? bound, double value)
    {
        text.Append(name);
        if (labels.Count > 0 || bound is not null)
        {
            text.Append('{');
            foreach (var (label, content) in labels)
            {
                text.Append(label).Append("=\"");
                Escape(text, content, quotes: true);
                text.Append("\",");
            }

            if (bound is not null)
            {
                text.Append("le=\"").Append(bound).Append("\",");
            }

            text.Length--;
            text.Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    // "le" is the histogram's own. Tags that clean to one label are joined, as OpenTelemetry says.
    private static List<KeyValuePair<string, string>> Labels(IReadOnlyList<KeyValuePair<string, string>> tags)
    {
        var labels = new List<KeyValuePair<string, string>>(tags.Count);
        foreach (var (tag, value) in tags)
        {
            var label = PrometheusName.Label(tag);
            label = label == "le" ? "exported_le" : label;
            var known = labels.FindIndex(other => other.Key == label);
            if (known < 0)
            {
                labels.Add(new(label, value));
            }
            else
            {
                labels[known] = new(label, labels[known].Value + ";" + value);
            }
        }

        return labels;
    }

    /// <summary>Backslash and line feed in help, and the quote in labels; in OpenMetrics everywhere.</summary>
    private static void Escape(StringBuilder text, string content, bool quotes)
    {
        foreach (var c in content)
        {
            switch (c)
            {
                case '\\':
                    text.Append(@"\\");
                    break;
                case '\n':
                    text.Append(@"\n");
                    break;
                case '"' when quotes:
                    text.Append("\\\"");
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }
    }

    private static string Number(double value, bool isBound = false) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",

        // OpenMetrics wants bounds in canonical form: 1.0, not 1.
        _ when isBound && value == Math.Floor(value) && Math.Abs(value) < 1e15 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal),
    };

    private sealed record Family(string Name, MetricKind Kind, string Unit, string Meaning, List<SeriesSnapshot> Series);
}
