using System.Text.Json;
using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.Http;
using Relay.Node.Listeners;

namespace Relay.Node.Page;

/// <summary>
/// What a person sees who opens the main listener in a browser: the dashboard, or, where none was built, a single page that tells whether the node runs and where to connect, and
/// shows one channel live. Only on listeners of dialect <c>auto</c>; the others belong to one client family, whose original had no such page.
/// </summary>
public static class PageSetup
{
    private const string Resource = "Page/index.html";

    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Registers the dashboard, where it was built.</summary>
    public static IServiceCollection AddRelayPage(this IServiceCollection services, RelayOptions options) =>
        services.AddSingleton(provider => Dashboard.Load(options.Dashboard, provider.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Dashboard")));

    /// <summary>
    /// <c>GET</c> and <c>HEAD /</c>: the page, the same bytes for everybody. With the dashboard also its paths and files. <c>GET /page/status</c>: what it shows, as JSON; with
    /// <c>Auth:Required</c> only for those who may subscribe (401 and 403 otherwise).
    /// </summary>
    public static WebApplication MapRelayPage(this WebApplication app)
    {
        var document = PageDocument.Load(Resource);
        var guard = app.Services.GetRequiredService<ApiGuard>();
        var dashboard = app.Services.GetRequiredService<Dashboard>();
        app.MapMethods("/", Reading, context => !Dashboard.IsOnMain(context) ? MissingAsync(context) : dashboard.IsThere ? dashboard.PageAsync(context) : DocumentAsync(context, document));
        if (dashboard.IsThere)
        {
            foreach (var page in Dashboard.Pages)
            {
                app.MapMethods(page, Reading, context => Dashboard.IsOnMain(context) ? dashboard.PageAsync(context) : MissingAsync(context));
            }

            app.MapMethods("/icon.svg", Reading, context => FileAsync(context, dashboard));
            app.MapMethods("/assets/{name}", Reading, context => FileAsync(context, dashboard));
        }

        app.MapGet("/page/status", context => Dashboard.IsOnMain(context) ? StatusAsync(context, guard, app.Services) : MissingAsync(context));
        return app;
    }

    private static Task MissingAsync(HttpContext context) => context.TextAsync(StatusCodes.Status404NotFound, "Not found");

    private static async Task FileAsync(HttpContext context, Dashboard dashboard)
    {
        if (!Dashboard.IsOnMain(context) || !await dashboard.TryFileAsync(context, context.Request.Path.Value!.TrimStart('/')))
        {
            await MissingAsync(context);
        }
    }

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
    internal static bool Knows(HttpRequest request, string tag)
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
