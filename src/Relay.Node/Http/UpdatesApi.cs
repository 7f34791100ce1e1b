using System.Globalization;
using Relay.Actors;
using Relay.Actors.Bridges;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary><c>POST /publish</c> of the updates dialect: a worker's envelope over HTTP (protocols.md, <c>updates</c>).</summary>
internal static class UpdatesApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var relay = routes.ServiceProvider.GetRequiredService<RelaySystem>();
        var bridges = routes.ServiceProvider.GetRequiredService<BridgeServices>();
        var guard = routes.ServiceProvider.GetRequiredService<ApiGuard>();
        routes.Map("/publish", context => PublishAsync(context, relay, bridges, guard));
    }

    private static async Task PublishAsync(HttpContext context, RelaySystem relay, BridgeServices bridges, ApiGuard guard)
    {
        if (!guard.AllowOrigin(context))
        {
            return;
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            await context.TextAsync(StatusCodes.Status405MethodNotAllowed, "Method not allowed");
            return;
        }

        if (!await guard.AdmitAsync(context, Rights.Publish))
        {
            return;
        }

        if (!bridges.Envelopes.TryRead("http", await ApiGuard.ReadBodyAsync(context), null, out var item, out var fault))
        {
            await context.TextAsync(StatusCodes.Status400BadRequest, BridgeFaults.Explain(fault));
            return;
        }

        if (item.Channels.Select(channel => guard.WhyNotPublish(context, channel)).FirstOrDefault(static reason => reason is not null) is { } denied)
        {
            await context.TextAsync(StatusCodes.Status403Forbidden, denied);
            return;
        }

        var gate = guard.GateOf(context);
        if (item.Channels.Select(channel => gate.Try(channel)).FirstOrDefault(static refusal => refusal is not null) is { } limited)
        {
            context.Response.Headers.RetryAfter = limited.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
            await context.TextAsync(limited.Status, limited.Text);
            return;
        }

        if (item.Item.Trace is null && TraceParent.Parse(context.Request.Headers.TraceParent.ToString()) is { } trace)
        {
            item = item with { Item = item.Item with { Trace = trace } };
        }

        try
        {
            await relay.BridgeAsync([item], context.RequestAborted);
            await context.TextAsync(StatusCodes.Status200OK, "Message published");
        }
        catch (AskTimeoutException)
        {
            await TryAgainAsync(context, "The channel did not answer in time; try again");
        }
        catch (BridgeRefusedException refused)
        {
            await TryAgainAsync(context, refused.Message);
        }
    }

    private static Task TryAgainAsync(HttpContext context, string text)
    {
        context.Response.Headers.RetryAfter = "1";
        return context.TextAsync(StatusCodes.Status503ServiceUnavailable, text);
    }
}
