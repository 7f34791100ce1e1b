using Relay.Kernel.Measuring;
using Relay.Node.Telemetry;

namespace Relay.Node.Tests.Telemetry;

// The rules: Prometheus, "Exposition formats", text format 0.0.4; OpenMetrics 1.0.
public sealed class PrometheusTextTests
{
    [Fact]
    public void A_counter_has_help_type_and_one_line_for_each_series()
    {
        var text = Prometheus(Metric("relay.x", MetricKind.Counter, "{event}", "What is counted", (1, [new("a", "1")]), (2.5, [new("a", "2"), new("b.c", "3")])));
        Assert.Equal("# HELP relay_x_total What is counted\n# TYPE relay_x_total counter\nrelay_x_total{a=\"1\"} 1\nrelay_x_total{a=\"2\",b_c=\"3\"} 2.5\n", text);
    }

    [Fact]
    public void OpenMetrics_names_the_family_without_total_tells_the_unit_and_ends_with_EOF()
    {
        var text = PrometheusText.Write([Metric("relay.io", MetricKind.Counter, "By", "Bytes", (7, []))], openMetrics: true, []);
        Assert.Equal("# HELP relay_io_bytes Bytes\n# TYPE relay_io_bytes counter\n# UNIT relay_io_bytes bytes\nrelay_io_bytes_total 7\n# EOF\n", text);
    }

    [Fact]
    public void A_histogram_counts_up_to_infinity_and_has_sum_and_count()
    {
        var metric = new MetricSnapshot("relay.t", MetricKind.Histogram, "s", "Time", [new SeriesSnapshot([new("n", "x")], 3.75) { Bounds = [0.5, 1, 10], Counts = [2, 0, 1, 1] }]);
        Assert.Equal(
            """
            # HELP relay_t_seconds Time
            # TYPE relay_t_seconds histogram
            relay_t_seconds_bucket{n="x",le="0.5"} 2
            relay_t_seconds_bucket{n="x",le="1.0"} 2
            relay_t_seconds_bucket{n="x",le="10.0"} 3
            relay_t_seconds_bucket{n="x",le="+Inf"} 4
            relay_t_seconds_sum{n="x"} 3.75
            relay_t_seconds_count{n="x"} 4

            """.ReplaceLineEndings("\n"),
            Prometheus(metric));
    }

    [Fact]
    public void Backslashes_and_line_feeds_are_escaped_everywhere_and_quotes_in_labels()
    {
        var metric = Metric("x", MetricKind.Gauge, null, "a \\ b \n \"c\"", (1, [new("l", "d \\ e \n \"f\"")]));
        Assert.Equal("# HELP x a \\\\ b \\n \"c\"\n# TYPE x gauge\nx{l=\"d \\\\ e \\n \\\"f\\\"\"} 1\n", Prometheus(metric));
        Assert.StartsWith("# HELP x a \\\\ b \\n \\\"c\\\"\n", PrometheusText.Write([metric], openMetrics: true, []), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(1e300, "1e+300")]
    [InlineData(9007199254740991, "9007199254740991")]
    [InlineData(-0.125, "-0.125")]
    public void Numbers_are_written_as_Go_reads_them(double value, string expected) =>
        Assert.EndsWith($"\nx {expected}\n", Prometheus(Metric("x", MetricKind.Gauge, null, "", (value, []))), StringComparison.Ordinal);

    [Fact]
    public void Two_instruments_of_one_name_and_kind_are_one_family_and_one_of_another_kind_is_left_out()
    {
        var text = Prometheus(
            Metric("a.b", MetricKind.Gauge, null, "First", (1, [new("k", "1")])),
            Metric("c", MetricKind.Gauge, null, "", (9, [])),
            Metric("a_b", MetricKind.Gauge, null, "Second", (2, [new("k", "2")]), (3, [new("k", "1")])),
            new MetricSnapshot("a-b", MetricKind.Histogram, null, "", [new SeriesSnapshot([], 1) { Bounds = [1], Counts = [1, 0] }]));
        Assert.Equal("# HELP a_b First\n# TYPE a_b gauge\na_b{k=\"1\"} 1\na_b{k=\"2\"} 2\n# HELP c \n# TYPE c gauge\nc 9\n", text);
    }

    [Fact]
    public void Tags_that_come_to_one_label_are_joined_and_le_stays_the_histograms_own() =>
        Assert.Contains("x{a_b=\"1;2\",exported_le=\"3\"} 1", Prometheus(Metric("x", MetricKind.Gauge, null, "", (1, [new("a.b", "1"), new("a-b", "2"), new("le", "3")]))), StringComparison.Ordinal);

    [Fact]
    public void What_has_no_series_is_not_there() => Assert.Equal("", Prometheus(Metric("x", MetricKind.Counter, null, "")));

    [Fact]
    public void The_node_is_told_as_target_info()
    {
        Assert.Equal("# HELP target_info The node\n# TYPE target_info gauge\ntarget_info{service_name=\"n\"} 1\n", PrometheusText.Write([], openMetrics: false, [new("service_name", "n")]));
        Assert.Equal("# HELP target The node\n# TYPE target info\ntarget_info{service_name=\"n\"} 1\n# EOF\n", PrometheusText.Write([], openMetrics: true, [new("service_name", "n")]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(false, "*/*")]
    [InlineData(false, "text/plain")]
    [InlineData(false, "text/html")]
    [InlineData(true, "application/openmetrics-text")]
    [InlineData(true, "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")]
    [InlineData(false, "application/openmetrics-text;q=0.2,text/plain")]
    [InlineData(false, "application/openmetrics-text;version=2.0.0")]
    [InlineData(false, "application/openmetrics-text;q=0")]
    [InlineData(false, ";;;")]
    public void OpenMetrics_is_for_who_asks_for_it_first(bool expected, params string[] accept) => Assert.Equal(expected, MetricsSetup.PrefersOpenMetrics(accept));

    private static MetricSnapshot Metric(string name, MetricKind kind, string? unit, string meaning, params (double Value, KeyValuePair<string, string>[] Tags)[] series) =>
        new(name, kind, unit, meaning, [.. series.Select(static one => new SeriesSnapshot(one.Tags, one.Value))]);

    private static string Prometheus(params MetricSnapshot[] metrics) => PrometheusText.Write(metrics, openMetrics: false, []);
}
