using System.Globalization;
using System.Text.RegularExpressions;

namespace Relay.Node.Tests.Telemetry;

/// <summary>One line with a value.</summary>
internal sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

/// <summary>A reader of the text format as strict as its specification: every family once and in one piece, every series once, buckets that grow up to +Inf.</summary>
internal sealed partial class Exposition
{
    private Exposition(IReadOnlyDictionary<string, string> types, IReadOnlyList<Sample> samples)
    {
        Types = types;
        Samples = samples;
    }

    /// <summary>By family.</summary>
    public IReadOnlyDictionary<string, string> Types { get; }

    public IReadOnlyList<Sample> Samples { get; }

    /// <summary>The sum of all series of this name that have these labels.</summary>
    public double Sum(string name, params (string Label, string Value)[] labels) =>
        Samples.Where(sample => sample.Name == name && labels.All(label => sample.Labels.GetValueOrDefault(label.Label) == label.Value)).Sum(static sample => sample.Value);

    public static Exposition Read(string text, bool openMetrics = false)
    {
        Assert.EndsWith(openMetrics ? "\n# EOF\n" : "\n", text, StringComparison.Ordinal);
        var types = new Dictionary<string, string>(StringComparer.Ordinal);
        var samples = new List<Sample>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var family = "";
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            if (Help().Match(line) is { Success: true } help)
            {
                family = help.Groups["name"].Value;
                Assert.False(types.ContainsKey(family), line);
            }
            else if (Type().Match(line) is { Success: true } type)
            {
                Assert.Equal(family, type.Groups["name"].Value);
                Assert.True(types.TryAdd(family, type.Groups["type"].Value), line);
            }
            else if (line.StartsWith('#'))
            {
                Assert.True(openMetrics && (line == "# EOF" || line.StartsWith("# UNIT " + family + " ", StringComparison.Ordinal)), line);
            }
            else
            {
                var match = Line().Match(line);
                Assert.True(match.Success, $"not a sample: {line}");
                Assert.True(seen.Add(line[..line.LastIndexOf(' ')]), $"twice: {line}");
                Assert.True(IsOf(match.Groups["name"].Value, family, types[family], openMetrics), $"{line} stands under {family}");
                var labels = Label().Matches(match.Groups["labels"].Value).ToDictionary(
                    static label => label.Groups["name"].Value, static label => Regex.Unescape(label.Groups["value"].Value), StringComparer.Ordinal);
                samples.Add(new Sample(match.Groups["name"].Value, labels, Number(match.Groups["number"].Value)));
            }
        }

        CheckHistograms(types, samples);
        return new Exposition(types, samples);
    }

    private static bool IsOf(string sample, string family, string type, bool openMetrics) => type switch
    {
        "histogram" => sample == family + "_bucket" || sample == family + "_sum" || sample == family + "_count",
        "counter" => sample == (openMetrics ? family + "_total" : family) && sample.EndsWith("_total", StringComparison.Ordinal),
        "info" => sample == family + "_info",
        _ => sample == family,
    };

    private static void CheckHistograms(Dictionary<string, string> types, List<Sample> samples)
    {
        foreach (var family in types.Where(static one => one.Value == "histogram").Select(static one => one.Key))
        {
            foreach (var series in samples.Where(sample => sample.Name == family + "_bucket").GroupBy(static sample => string.Join(',', sample.Labels.Where(static label => label.Key != "le")), StringComparer.Ordinal))
            {
                var buckets = series.ToList();
                Assert.Equal("+Inf", buckets[^1].Labels["le"]);
                Assert.Equal(buckets.Select(static one => Number(one.Labels["le"])).Order(), buckets.Select(static one => Number(one.Labels["le"])));
                Assert.Equal(buckets.Select(static one => one.Value).Order(), buckets.Select(static one => one.Value));
                var count = samples.Single(sample => sample.Name == family + "_count" && string.Join(',', sample.Labels) == series.Key);
                Assert.Equal(count.Value, buckets[^1].Value);
            }
        }
    }

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex("^# HELP (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\\]|\\\\[\\\\n\"])*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Help();

    [GeneratedRegex("^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<type>counter|gauge|histogram|info)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Type();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (?<number>[-+0-9.eInfNa]+)$""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Line();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\]|\\.)*)",?""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Label();
}
