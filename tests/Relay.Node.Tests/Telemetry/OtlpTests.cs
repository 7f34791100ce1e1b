using Microsoft.Extensions.Configuration;
using Relay.Node.Configuration;
using Relay.Node.Telemetry;
using Relay.Node.Tests.Configuration;
using Relay.Node.Tests.EventStreams;
using Relay.Testing;

namespace Relay.Node.Tests.Telemetry;

public sealed class OtlpTests
{
    [Fact]
    public async Task Metrics_are_sent_to_the_configured_collector()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var node = await StreamNode.StartAsync($"Telemetry:Otlp:Endpoint={collector.Url}", "Telemetry:Otlp:Interval=1s", "Telemetry:Otlp:Headers=x-key=secret-header", "Cluster:NodeId=node-7");
        await node.PublishAsync("topics/a", "1");
        await Support.Eventually.BecomesTrueAsync(() => collector.Metrics.ContainsKey("relay.channel.publish.duration"), "the metrics of a publish");
        var duration = collector.Metrics["relay.channel.publish.duration"];
        Assert.Equal(("Relay.Channels", "s", 1), (duration.Scope, duration.Unit, duration.Points));
        Assert.True(collector.Metrics["relay.channel.publishes"].Points >= 4);
        Assert.True(collector.Metrics.ContainsKey("dotnet.process.memory.working_set"));
        Assert.Equal("actorrelay", collector.Resource["service.name"]);
        Assert.Equal("node-7", collector.Resource["service.instance.id"]);
        Assert.Contains("secret-header", collector.Headers, StringComparer.Ordinal);
    }

    [Fact]
    public async Task OpenTelemetrys_own_environment_switches_it_on_and_the_last_report_comes_at_the_end()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var process = new NodeProcess(
            ["--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url="],
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url.ToString()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_SERVICE_NAME", "my-relay"));
        await process.LineAsync("ready");
        await process.SignalAsync("TERM");
        Assert.Equal(0, await process.ExitAsync());

        // The usual interval is a minute: this is the one at the end.
        Assert.True(collector.Metrics.ContainsKey("relay.connections.limit"));
        Assert.Equal("my-relay", collector.Resource["service.name"]);
    }

    [Fact]
    public async Task A_collector_that_is_away_holds_nothing_up()
    {
        await using var node = await StreamNode.StartAsync($"Telemetry:Otlp:Endpoint=http://127.0.0.1:{FreePort.Next()}", "Telemetry:Otlp:Interval=1s");
        await node.PublishAsync("topics/a", "1");
        await node.TerminateAsync();
        Assert.Equal(0, await node.ExitAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT=http://x:4318")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://x:4318")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT=")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT=http://x:4318", "OTEL_SDK_DISABLED=true")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT=http://x:4318", "OTEL_METRICS_EXPORTER=none")]
    public void OpenTelemetrys_own_switches_hold(bool sends, params string[] environment)
    {
        var sources = new ConfigurationBuilder().AddInMemoryCollection(environment.Select(static one => KeyValuePair.Create(one.Split('=')[0], (string?)one[(one.IndexOf('=', StringComparison.Ordinal) + 1)..]))).Build();
        Assert.Equal(sends, OtlpSetup.SendsMetrics(new TelemetryOptions(), sources));
    }
}
