using Microsoft.Net.Http.Headers;
using Relay.Node.EventStreams;
using Relay.Node.WebSockets;

namespace Relay.Node.Http;

/// <summary>Brings the HTTP of the dialects into the program.</summary>
public static class ApiSetup
{
    /// <summary>Registers what the endpoints share.</summary>
    public static IServiceCollection AddRelayApi(this IServiceCollection services) =>
        services.AddRoutingCore().AddSingleton<ApiGuard>().AddSingleton<EventStreamEndpoint>().AddSingleton<PublishStreamEndpoint>();

    /// <summary>Maps every endpoint; on listeners of one dialect only what that dialect has.</summary>
    public static WebApplication MapRelayApi(this WebApplication app)
    {
        app.Use(AnswerPlainRequestsAsync);
        app.Use(AnswerPreflightsAsync);
        ContextApi.Map(app);
        UpdatesApi.Map(app);
        WebUiApi.Map(app);
        NativeApi.Map(app);
        RevocationApi.Map(app);
        app.MapPost("/api/v1/publish/stream", app.Services.GetRequiredService<PublishStreamEndpoint>().ServeAsync);
        app.MapGet("/sse", app.Services.GetRequiredService<EventStreamEndpoint>().ServeAsync);
        return app;
    }

    // A browser asks before it lets a page of another origin call the API.
    private static Task AnswerPreflightsAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsOptions(context.Request.Method) || !context.Request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod))
        {
            return next(context);
        }

        if (context.RequestServices.GetRequiredService<ApiGuard>().AllowOrigin(context))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
        }

        return Task.CompletedTask;
    }

    // The context listener speaks WebSocket on / and /ws, and answers anything else there as its original did.
    private static Task AnswerPlainRequestsAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<ListenerIdentity>() is { Dialect: not null } && context.Request.Path.Value is "/" or "/ws")
        {
            return context.TextAsync(StatusCodes.Status400BadRequest, "Expected a WebSocket upgrade");
        }

        return next(context);
    }
}
