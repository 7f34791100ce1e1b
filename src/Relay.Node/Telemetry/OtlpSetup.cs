using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Relay.Actors.Tracing;
using Relay.Node.Configuration;

namespace Relay.Node.Telemetry;

/// <summary>Brings OTLP into the program: nothing of it is there unless it is switched on.</summary>
public static class OtlpSetup
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    private const string MetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

    /// <summary>Registers the export when <c>Telemetry:Otlp:Endpoint</c> or OpenTelemetry's own environment asks for it.</summary>
    /// <param name="options">The relay's settings.</param>
    /// <param name="sources">All settings, OpenTelemetry's among them; it reads the rest of these itself.</param>
    public static IServiceCollection AddRelayExport(this IServiceCollection services, RelayOptions options, IConfiguration sources)
    {
        var (metrics, traces) = (SendsMetrics(options.Telemetry, sources), SendsTraces(options.Telemetry, sources));
        if (metrics || traces)
        {
            services.AddHostedService(_ => new OtlpExport(options, metrics, traces));
        }

        return services;
    }

    /// <summary>Whether metrics are sent. What is said of OpenTelemetry's own switches holds: <c>OTEL_SDK_DISABLED</c>, <c>OTEL_METRICS_EXPORTER=none</c>.</summary>
    internal static bool SendsMetrics(TelemetryOptions options, IConfiguration sources) => Sends(options, sources, MetricsEndpoint, "OTEL_METRICS_EXPORTER");

    /// <summary>Whether traces are sent; the same for these, with <c>OTEL_TRACES_EXPORTER=none</c>.</summary>
    internal static bool SendsTraces(TelemetryOptions options, IConfiguration sources) => Sends(options, sources, TracesEndpoint, "OTEL_TRACES_EXPORTER");

    private static bool Sends(TelemetryOptions options, IConfiguration sources, string endpoint, string exporter) =>
        (options.OtlpEndpoint.Length > 0 || IsSet(sources, Endpoint) || IsSet(sources, endpoint))
        && !"true".Equals(sources["OTEL_SDK_DISABLED"], StringComparison.OrdinalIgnoreCase)
        && !"none".Equals(sources[exporter], StringComparison.OrdinalIgnoreCase);

    private static bool IsSet(IConfiguration sources, string name) => !string.IsNullOrWhiteSpace(sources[name]);
}

/// <summary>Sends metrics and traces over OTLP while the program runs, and a last time at its end. A collector that is away holds nothing up: what it misses of counters is in the next report.</summary>
internal sealed class OtlpExport(RelayOptions options, bool sendsMetrics, bool sendsTraces) : IHostedService, IDisposable
{
    /// <summary>For the last report; the collector may be gone as well.</summary>
    private const int LastReportMilliseconds = 2000;

    private MeterProvider? _metrics;
    private TracerProvider? _traces;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _metrics = sendsMetrics ? StartMetrics() : null;
        _traces = sendsTraces ? StartTraces() : null;
        return Task.CompletedTask;
    }

    private MeterProvider StartMetrics()
    {
        var builder = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(Resource(options));
        foreach (var meter in MetricsSetup.Described.Select(static group => group.Meter).Concat(MetricStore.Foreign).Distinct(StringComparer.Ordinal))
        {
            builder.AddMeter(meter);
        }

        return builder.AddOtlpExporter((exporter, reader) =>
        {
            if (options.Telemetry.OtlpEndpoint.Length == 0)
            {
                // OTEL_EXPORTER_OTLP_* and OTEL_METRIC_EXPORT_INTERVAL have been read.
                return;
            }

            Configure(exporter, options.Telemetry, "v1/metrics");
            reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)options.Telemetry.OtlpInterval.TotalMilliseconds;
        }).Build();
    }

    // What comes with a trace follows its decision; what comes without one begins one as often as it is set to, else never.
    private TracerProvider StartTraces() => Sdk.CreateTracerProviderBuilder()
        .SetResourceBuilder(Resource(options))
        .AddSource(EventTraces.SourceName)
        .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.Telemetry.TraceShare)))
        .AddOtlpExporter(exporter =>
        {
            if (options.Telemetry.OtlpEndpoint.Length > 0)
            {
                Configure(exporter, options.Telemetry, "v1/traces");
            }
        })
        .Build();

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _metrics?.Shutdown(LastReportMilliseconds), CancellationToken.None),
        Task.Run(() => _traces?.Shutdown(LastReportMilliseconds), CancellationToken.None));

    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }

    // The node's own names; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    private static ResourceBuilder Resource(RelayOptions options) => ResourceBuilder.CreateEmpty()
        .AddTelemetrySdk()
        .AddAttributes(MetricsSetup.Target(options).Select(static one => KeyValuePair.Create(one.Key, (object)one.Value)))
        .AddEnvironmentVariableDetector();

    private static void Configure(OtlpExporterOptions exporter, TelemetryOptions options, string path)
    {
        exporter.Protocol = options.OtlpGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        exporter.Endpoint = options.OtlpGrpc ? new Uri(options.OtlpEndpoint) : new Uri(new Uri(options.OtlpEndpoint.TrimEnd('/') + "/"), path);
        if (!options.OtlpHeaders.IsEmpty)
        {
            exporter.Headers = options.OtlpHeaders.Reveal();
        }
    }
}
