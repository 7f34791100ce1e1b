using System.Text.Json;
using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.Http;
using Relay.Node.Listeners;
using Relay.Node.WebSockets;

namespace Relay.Node.Page;

/// <summary>
/// The page for a person who opens the main listener in a browser: whether the node runs, where to connect, and one channel live. Only on listeners of
/// dialect <c>auto</c>; the others belong to one client family, whose original had no such page.
/// </summary>
public static class PageSetup
{
    private const string Resource = "Page/index.html";

    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>
    /// <c>GET</c> and <c>HEAD /</c>: the page, the same bytes for everybody. <c>GET /page/status</c>: what it shows, as JSON; with
    /// <c>Auth:Required</c> only for those who may subscribe (401 and 403 otherwise).
    /// </summary>
    public static WebApplication MapRelayPage(this WebApplication app)
    {
        var document = PageDocument.Load(Resource);
        var guard = app.Services.GetRequiredService<ApiGuard>();
        app.MapMethods("/", Reading, context => OnMain(context) ? DocumentAsync(context, document) : MissingAsync(context));
        app.MapGet("/page/status", context => OnMain(context) ? StatusAsync(context, guard, app.Services) : MissingAsync(context));
        return app;
    }

    private static bool OnMain(HttpContext context) => context.Features.Get<ListenerIdentity>() is not { Dialect: not null };

    private static Task MissingAsync(HttpContext context) => context.TextAsync(StatusCodes.Status404NotFound, "Not found");

    private static Task DocumentAsync(HttpContext context, PageDocument document)
    {
        var response = context.Response;
        var headers = response.Headers;

        // Kept by the browser, but asked for again each time: after an upgrade of the node nobody sees the old page.
        headers.CacheControl = "no-cache";
        headers.ETag = document.ETag;
        headers.ContentSecurityPolicy = document.ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (Knows(context.Request, document.ETag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = document.Body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(document.Body, 0, document.Body.Length, context.RequestAborted);
    }

    // RFC 9110, 13.1.2: a list, compared weakly, so that a proxy that compressed the page (and weakened the tag) still gets its 304.
    private static bool Knows(HttpRequest request, string tag)
    {
        foreach (var known in request.Headers.IfNoneMatch.ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            if (known is "*" || known.AsSpan().SequenceEqual(tag) || (known.StartsWith("W/", StringComparison.Ordinal) && known.AsSpan(2).SequenceEqual(tag)))
            {
                return true;
            }
        }

        return false;
    }

    private static async Task StatusAsync(HttpContext context, ApiGuard guard, IServiceProvider services)
    {
        if (!await guard.AdmitAsync(context, Rights.Subscribe))
        {
            return;
        }

        await context.JsonAsync(StatusCodes.Status200OK, json => Write(json, services));
    }

    private static void Write(Utf8JsonWriter json, IServiceProvider services)
    {
        var relay = services.GetRequiredService<RelaySystem>();
        var readiness = HealthEndpoints.Describe(services.GetRequiredService<HealthState>());
        json.WriteString("version", NodeInvocation.Version);
        json.WriteString("status", readiness.Status);
        json.WriteStartObject("reasons");
        foreach (var (part, reason) in readiness.Reasons)
        {
            json.WriteString(part, reason);
        }

        json.WriteEndObject();
        json.WriteNumber("connections", relay.Connections.Count);
        json.WriteStartArray("listeners");
        foreach (var listener in services.GetRequiredService<ListenerSetup>().Bound)
        {
            json.WriteStartObject();
            json.WriteString("name", listener.Name);
            json.WriteString("url", listener.Url);
            json.WriteString("dialect", listener.Dialect?.ToString().ToLowerInvariant() ?? "auto");
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
