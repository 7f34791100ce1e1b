using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Relay.Node.Tests.Telemetry;

/// <summary>A metric as it came over OTLP.</summary>
/// <param name="Points">Data points.</param>
internal sealed record ReceivedMetric(string Scope, string Name, string Unit, int Points);

/// <summary>A span as it came over OTLP; without a parent its id is empty.</summary>
internal sealed record ReceivedSpan(string TraceId, string Id, string ParentId, string Name, IReadOnlyDictionary<string, string> Attributes);

/// <summary>A collector that takes OTLP over HTTP in protobuf, by opentelemetry-proto's field numbers.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, ReceivedMetric> _metrics = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _resource = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<string> _headers = [];
    private readonly ConcurrentBag<ReceivedSpan> _spans = [];

    private OtlpCollector(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.Single());

    /// <summary>By name; the latest.</summary>
    public IReadOnlyDictionary<string, ReceivedMetric> Metrics => _metrics;

    public IReadOnlyDictionary<string, string> Resource => _resource;

    /// <summary>Values of the header <c>x-key</c>.</summary>
    public IReadOnlyCollection<string> Headers => _headers;

    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var collector = new OtlpCollector(app);
        app.MapPost("/v1/metrics", collector.TakeAsync);
        app.MapPost("/v1/traces", collector.TakeSpansAsync);
        await app.StartAsync();
        return collector;
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    private async Task TakeAsync(HttpContext context)
    {
        Assert.Equal("application/x-protobuf", context.Request.ContentType);
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        _headers.Add(context.Request.Headers["x-key"].ToString());

        // ExportMetricsServiceRequest { ResourceMetrics resource_metrics = 1 }
        foreach (var resource in Field(body.ToArray(), 1))
        {
            foreach (var pair in Field(resource, 1).SelectMany(static one => Field(one, 1)))
            {
                _resource[Text(Field(pair, 1))] = Text(Field(pair, 2).SelectMany(static value => Field(value, 1)));
            }

            foreach (var scope in Field(resource, 2))
            {
                var name = Text(Field(scope, 1).SelectMany(static one => Field(one, 1)));
                foreach (var metric in Field(scope, 2))
                {
                    // gauge = 5, sum = 7, histogram = 9; each { data_points = 1 }
                    var points = new[] { 5, 7, 9 }.SelectMany(kind => Field(metric, kind)).SelectMany(static data => Field(data, 1)).Count();
                    var received = new ReceivedMetric(name, Text(Field(metric, 1)), Text(Field(metric, 3)), points);
                    _metrics[received.Name] = received;
                }
            }
        }

        context.Response.ContentType = "application/x-protobuf";
    }

    // ExportTraceServiceRequest { ResourceSpans resource_spans = 1 { ScopeSpans scope_spans = 2 { Span spans = 2 } } }
    private async Task TakeSpansAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        foreach (var span in Field(body.ToArray(), 1).SelectMany(static resource => Field(resource, 2)).SelectMany(static scope => Field(scope, 2)))
        {
            var attributes = Field(span, 9).ToDictionary(static pair => Text(Field(pair, 1)), static pair => Value(Field(pair, 2).Single()), StringComparer.Ordinal);
            _spans.Add(new ReceivedSpan(Hex(span, 1), Hex(span, 2), Hex(span, 4), Text(Field(span, 5)), attributes));
        }

        context.Response.ContentType = "application/x-protobuf";
    }

    private static string Hex(byte[] message, int number) => string.Concat(Field(message, number).Select(Convert.ToHexStringLower));

    // AnyValue { string string_value = 1; int64 int_value = 3 }
    private static string Value(byte[] value)
    {
        var at = 1;
        return value[0] == (3 << 3) ? Varint(value, ref at).ToString(System.Globalization.CultureInfo.InvariantCulture) : Text(Field(value, 1));
    }

    private static string Text(IEnumerable<byte[]> values) => string.Concat(values.Select(static value => Encoding.UTF8.GetString(value)));

    /// <summary>The length-delimited values of one field of a message.</summary>
    private static IEnumerable<byte[]> Field(byte[] message, int number)
    {
        var at = 0;
        while (at < message.Length)
        {
            var key = Varint(message, ref at);
            switch (key & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    var length = (int)Varint(message, ref at);
                    if (key >> 3 == (ulong)number)
                    {
                        yield return message[at..(at + length)];
                    }

                    at += length;
                    break;
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = message[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
