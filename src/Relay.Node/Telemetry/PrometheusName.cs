using System.Text;
using Relay.Kernel.Measuring;

namespace Relay.Node.Telemetry;

/// <summary>
/// From OpenTelemetry's names to Prometheus', by OpenTelemetry's "Prometheus and OpenMetrics Compatibility": what is no letter, digit, <c>_</c> or <c>:</c> becomes
/// <c>_</c>, the unit is spelled out at the end, counters end with <c>_total</c>. Pure.
/// </summary>
internal static class PrometheusName
{
    private static readonly Dictionary<string, string> Units = new(StringComparer.Ordinal)
    {
        ["d"] = "days",
        ["h"] = "hours",
        ["min"] = "minutes",
        ["s"] = "seconds",
        ["ms"] = "milliseconds",
        ["us"] = "microseconds",
        ["ns"] = "nanoseconds",
        ["By"] = "bytes",
        ["KiBy"] = "kibibytes",
        ["MiBy"] = "mebibytes",
        ["GiBy"] = "gibibytes",
        ["KBy"] = "kilobytes",
        ["MBy"] = "megabytes",
        ["GBy"] = "gigabytes",
        ["%"] = "percent",
        ["Hz"] = "hertz",
        ["Cel"] = "celsius",
    };

    /// <summary>Name of the metric family: what stands in <c># TYPE</c> of OpenMetrics, and in that of Prometheus with <c>_total</c> behind it for counters.</summary>
    public static string Family(string name, string? unit, MetricKind kind)
    {
        var family = Clean(name, colons: true);
        if (kind == MetricKind.Counter && family.EndsWith("_total", StringComparison.Ordinal))
        {
            family = family[..^"_total".Length];
        }

        var suffix = Unit(unit, kind);
        return suffix.Length == 0 || HasWord(family, suffix) ? family : family + "_" + suffix;
    }

    /// <summary>The name under which the family's value is found; of a histogram, what its <c>_bucket</c>, <c>_sum</c> and <c>_count</c> begin with.</summary>
    public static string Sample(string name, string? unit, MetricKind kind) => Family(name, unit, kind) + (kind == MetricKind.Counter ? "_total" : "");

    /// <summary>The unit in words; empty when there is none. What stands in braces only annotates.</summary>
    public static string Unit(string? unit, MetricKind kind)
    {
        if (string.IsNullOrEmpty(unit))
        {
            return "";
        }

        var slash = unit.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            return unit[0] == '{' ? "" : unit != "1" ? Word(unit) : kind == MetricKind.Gauge ? "ratio" : "";
        }

        // "per" takes the singular.
        var per = Word(unit[(slash + 1)..]).TrimEnd('s');
        var of = unit[0] == '{' ? "" : Word(unit[..slash]);
        return per.Length == 0 ? of : of.Length == 0 ? "per_" + per : $"{of}_per_{per}";
    }

    /// <summary>A label's name: as a metric's, without colons. None begins with two underscores, as Prometheus' own do.</summary>
    public static string Label(string name) => Clean(name, colons: false);

    private static string Word(string unit) => Units.TryGetValue(unit, out var word) ? word : Clean(unit, colons: false).Trim('_');

    private static bool HasWord(string family, string words) =>
        family.EndsWith("_" + words, StringComparison.Ordinal) || family.Contains("_" + words + "_", StringComparison.Ordinal) || family.StartsWith(words + "_", StringComparison.Ordinal);

    private static string Clean(string name, bool colons)
    {
        var clean = new StringBuilder(name.Length + 1);
        foreach (var c in name)
        {
            var isAllowed = char.IsAsciiLetterOrDigit(c) || c == '_' || (colons && c == ':');
            if (isAllowed && clean.Length == 0 && char.IsAsciiDigit(c))
            {
                clean.Append('_');
            }

            // Several underscores in a row are one.
            var next = isAllowed ? c : '_';
            if (next != '_' || clean.Length == 0 || clean[^1] != '_')
            {
                clean.Append(next);
            }
        }

        return clean.Length == 0 ? "_" : clean.ToString();
    }
}
