using System.Net.Mime;
using System.Text;
using Microsoft.Net.Http.Headers;
using Relay.Actors.Metrics;
using Relay.Kernel.Measuring;
using Relay.Node.Configuration;
using Relay.Node.Configuration.Live;
using Relay.Node.Http;
using Relay.Node.Listeners.Tls;
using Relay.Node.WebSockets;
using Relay.Redis;

namespace Relay.Node.Telemetry;

/// <summary>Brings <c>/metrics</c> into the program.</summary>
public static class MetricsSetup
{
    /// <summary>Everything the relay itself measures, in the order of docs/metrics.md.</summary>
    public static IReadOnlyList<MetricGroup> Described { get; } = [ServerMetrics.Described, TlsMetrics.Described, ReloadMetrics.Described, .. RelayMetrics.Described, RedisMetrics.Described];

    /// <summary>Registers what the endpoint needs.</summary>
    public static IServiceCollection AddRelayMetrics(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<MetricStore>();
        services.AddSingleton(static provider => new MetricsDoor(provider.GetRequiredService<RelayOptions>().Metrics, provider.GetRequiredService<Auth.Authenticator>(), provider.GetRequiredService<Auth.CertificateHolders>()));
        return services;
    }

    /// <summary><c>GET /metrics</c>: Prometheus' text format 0.0.4, or OpenMetrics 1.0 for who asks for it first.</summary>
    public static WebApplication MapRelayMetrics(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<RelayOptions>();
        if (!options.Metrics.Enabled)
        {
            return app;
        }

        // From now on, so that nothing is missing from the counters.
        var store = app.Services.GetRequiredService<MetricStore>();
        store.Start();
        var door = app.Services.GetRequiredService<MetricsDoor>();
        var target = Target(options);
        app.MapGet("/metrics", context => AnswerAsync(context, door, store, target));
        return app;
    }

    /// <summary>What says which node it is, in OpenTelemetry's names.</summary>
    internal static IReadOnlyList<KeyValuePair<string, string>> Target(RelayOptions options) =>
    [
        new("service.name", "actorrelay"),
        new("service.version", NodeInvocation.Version),
        new("service.instance.id", options.Cluster.NodeId.Length > 0 ? options.Cluster.NodeId : Environment.MachineName),
    ];

    internal static bool PrefersOpenMetrics(IEnumerable<string?> accept)
    {
        if (!MediaTypeHeaderValue.TryParseList([.. accept.OfType<string>()], out var wanted))
        {
            return false;
        }

        var best = wanted.Where(static one => Knows(one)).OrderByDescending(static one => one.Quality ?? 1).FirstOrDefault();
        return best is { Quality: not 0 } && IsOpenMetrics(best);
    }

    private static bool Knows(MediaTypeHeaderValue one) => IsOpenMetrics(one) || one.MatchesAllTypes || one.MediaType.Equals(MediaTypeNames.Text.Plain, StringComparison.OrdinalIgnoreCase);

    private static bool IsOpenMetrics(MediaTypeHeaderValue one) =>
        one.MediaType.Equals("application/openmetrics-text", StringComparison.OrdinalIgnoreCase)
        && (one.Parameters.FirstOrDefault(static parameter => parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))?.Value.Value is null or "1.0.0" or "1.0");

    private static async Task AnswerAsync(HttpContext context, MetricsDoor door, MetricStore store, IReadOnlyList<KeyValuePair<string, string>> target)
    {
        var status = door.Decide(context.Request, context.Connection.RemoteIpAddress);
        if (status != StatusCodes.Status200OK)
        {
            if (status == StatusCodes.Status401Unauthorized)
            {
                context.Response.Headers.WWWAuthenticate = "Bearer";
            }

            await context.JsonAsync(status, static json => ApiGuard.Error(json, "UNAUTHORIZED", "Metrics are for this machine, for Metrics:Networks, and for API keys with the right 'metrics': Authorization: Bearer …"));
            return;
        }

        var openMetrics = PrefersOpenMetrics(context.Request.Headers.Accept);
        var labels = target.Select(static one => KeyValuePair.Create(PrometheusName.Label(one.Key), one.Value)).ToArray();
        var body = Encoding.UTF8.GetBytes(PrometheusText.Write(store.Collect(), openMetrics, labels));
        context.Response.ContentType = openMetrics ? PrometheusText.OpenMetricsContentType : PrometheusText.ContentType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Vary = HeaderNames.Accept;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
