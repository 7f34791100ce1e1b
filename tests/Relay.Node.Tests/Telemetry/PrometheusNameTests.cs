using Relay.Kernel.Measuring;
using Relay.Node.Telemetry;

namespace Relay.Node.Tests.Telemetry;

// The rules: OpenTelemetry, "Prometheus and OpenMetrics Compatibility"; Prometheus, "Data model".
public sealed class PrometheusNameTests
{
    [Theory]
    [InlineData("relay.client.deliveries", "{event}", MetricKind.Counter, "relay_client_deliveries_total")]
    [InlineData("relay.client.io", "By", MetricKind.Counter, "relay_client_io_bytes_total")]
    [InlineData("relay.client.queue.size", "By", MetricKind.Gauge, "relay_client_queue_size_bytes")]
    [InlineData("relay.channel.publish.duration", "s", MetricKind.Histogram, "relay_channel_publish_duration_seconds")]
    [InlineData("http.server.request.duration", "s", MetricKind.Histogram, "http_server_request_duration_seconds")]
    [InlineData("relay.cluster.trusted", "", MetricKind.Gauge, "relay_cluster_trusted")]
    [InlineData("cpu.utilization", "1", MetricKind.Gauge, "cpu_utilization_ratio")]
    [InlineData("cpu.count", "1", MetricKind.Counter, "cpu_count_total")]
    [InlineData("speed", "By/s", MetricKind.Gauge, "speed_bytes_per_second")]
    [InlineData("rate", "{event}/s", MetricKind.Gauge, "rate_per_second")]
    [InlineData("already.seconds", "s", MetricKind.Gauge, "already_seconds")]
    [InlineData("requests_total", null, MetricKind.Counter, "requests_total")]
    [InlineData("odd unit", "furlong", MetricKind.Gauge, "odd_unit_furlong")]
    public void Dots_become_underscores_units_words_and_counters_end_with_total(string name, string? unit, MetricKind kind, string expected) =>
        Assert.Equal(expected, PrometheusName.Sample(name, unit, kind));

    [Theory]
    [InlineData("a..b--c", "a_b_c")]
    [InlineData("a__b", "a_b")]
    [InlineData("2fast", "_2fast")]
    [InlineData("größe", "gr_e")]
    [InlineData("a:b", "a:b")]
    [InlineData("", "_")]
    public void Names_hold_only_what_Prometheus_reads(string name, string expected) => Assert.Equal(expected, PrometheusName.Family(name, null, MetricKind.Gauge));

    [Theory]
    [InlineData("http.response.status_code", "http_response_status_code")]
    [InlineData("__name", "_name")]
    [InlineData("a:b", "a_b")]
    [InlineData("9", "_9")]
    public void Labels_hold_no_colons_and_do_not_begin_as_Prometheus_own(string name, string expected) => Assert.Equal(expected, PrometheusName.Label(name));
}
