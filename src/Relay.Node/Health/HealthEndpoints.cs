using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Node.Page;

namespace Relay.Node.Health;

/// <summary>What <c>/ready</c> answers.</summary>
/// <param name="Status"><c>ready</c> or <c>unready</c>.</param>
/// <param name="Reasons">By part, why it is not well; empty when ready.</param>
/// <param name="Parts">All parts that were asked.</param>
/// <param name="Impaired">By part, what is missing on this node as on every other; no reason to be unready.</param>
public sealed record Readiness(string Status, IReadOnlyDictionary<string, string> Reasons, IReadOnlyList<string> Parts, IReadOnlyDictionary<string, string> Impaired);

/// <summary><c>/live</c> and <c>/ready</c>, for orchestrators and people. Neither tells anything a stranger must not know.</summary>
public static class HealthEndpoints
{
    /// <summary>Registers <see cref="HealthState"/>, with the node itself still starting.</summary>
    public static IServiceCollection AddRelayHealth(this IServiceCollection services)
    {
        var health = new HealthState();
        health.Fail(HealthState.Node, "starting");
        return services.AddSingleton(health);
    }

    /// <summary>
    /// <c>GET /live</c>: 200 as long as the process answers at all; to browsers that open it, the dashboard's page of this name. <c>GET /ready</c>: 200 when every part is well, else 503; both times a
    /// <see cref="Readiness"/> as JSON.
    /// </summary>
    public static IEndpointRouteBuilder MapRelayHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.ServiceProvider.GetRequiredService<HealthState>();
        var dashboard = routes.ServiceProvider.GetService<Dashboard>();
        routes.MapGet("/live", context => dashboard?.IsAskedForPage(context) is true
            ? dashboard.PageAsync(context)
            : AnswerAsync(context, StatusCodes.Status200OK, """{"status":"live"}"""u8.ToArray()));
        routes.MapGet("/ready", context =>
        {
            var readiness = Describe(health);
            var status = readiness.Reasons.Count == 0 && readiness.Parts.Count > 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            return AnswerAsync(context, status, JsonSerializer.SerializeToUtf8Bytes(readiness, HealthJson.Default.Readiness));
        });
        return routes;
    }

    internal static Readiness Describe(HealthState health)
    {
        var parts = health.Parts;
        var reasons = parts.Where(part => part.Value is not null).ToDictionary(part => part.Key, part => part.Value!, StringComparer.Ordinal);
        return new Readiness(reasons.Count == 0 && parts.Count > 0 ? "ready" : "unready", reasons, [.. parts.Keys], health.Impairments);
    }

    private static Task AnswerAsync(HttpContext context, int status, byte[] json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.Body.WriteAsync(json, 0, json.Length, context.RequestAborted);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Readiness))]
internal sealed partial class HealthJson : JsonSerializerContext;
