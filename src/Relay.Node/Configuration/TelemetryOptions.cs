namespace Relay.Node.Configuration;

/// <summary>What is sent over OTLP.</summary>
public sealed record TelemetryOptions
{
    /// <summary>Where to; empty = what <c>OTEL_EXPORTER_OTLP_*</c> says, else nowhere.</summary>
    public string OtlpEndpoint { get; init; } = "";

    /// <summary>gRPC in place of protobuf over HTTP/1.1.</summary>
    public bool OtlpGrpc { get; init; }

    /// <summary>Header fields, <c>name=value</c>, separated by commas.</summary>
    public Secret OtlpHeaders { get; init; } = Secret.None;

    /// <summary>Between two reports of the metrics.</summary>
    public TimeSpan OtlpInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Of the publishes that bring no trace, those that begin one.</summary>
    public double TraceShare { get; init; }

    internal static TelemetryOptions Read(SettingReader reader)
    {
        var usual = new TelemetryOptions();
        return new TelemetryOptions
        {
            OtlpEndpoint = reader.Read("Telemetry:Otlp:Endpoint", Kinds.HttpUrl with { Example = "http://otel-collector:4318" }, usual.OtlpEndpoint, "OpenTelemetry collector that metrics and traces are sent to; empty = what OTEL_EXPORTER_OTLP_ENDPOINT and its like for metrics and traces say, and without these nowhere."),
            OtlpGrpc = reader.Read("Telemetry:Otlp:Protocol", Kinds.Choice([("http/protobuf", false), ("grpc", true)]), usual.OtlpGrpc, "How, with an endpoint of Telemetry:Otlp: http/protobuf goes to the endpoint's /v1/metrics and /v1/traces (port 4318 by custom), grpc to the endpoint itself (4317)."),
            OtlpHeaders = reader.Read("Telemetry:Otlp:Headers", (Kinds.Secret with { Example = "authorization=…" }).Unless(HeadersProblem), usual.OtlpHeaders, "Header fields sent along, name=value separated by commas, as in OTEL_EXPORTER_OTLP_HEADERS."),
            OtlpInterval = reader.Read("Telemetry:Otlp:Interval", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)), usual.OtlpInterval, "Between two reports of the metrics, with an endpoint of Telemetry:Otlp."),
            TraceShare = reader.Read("Telemetry:Traces:Share", Kinds.Share, usual.TraceShare, "Share of the publishes without a traceparent that begin a trace, 0 to 1. Those with one are traced when it says that it is sampled. Needs OTLP."),
        };
    }

    private static string? HeadersProblem(Secret headers) =>
        headers.IsEmpty || headers.Reveal().Split(',').All(static field => field.IndexOf('=', StringComparison.Ordinal) > 0) ? null : "not name=value,name=value";
}
