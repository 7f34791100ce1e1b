using Microsoft.AspNetCore.Connections;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// What becomes of a request whose handler threw. A failure of ours is logged once, here, and answered 500 in the API's words. Kestrel would log it as well, but
/// its lines of that category also hold failed starts, with their stack traces, and are turned off (see <c>ConfigurationSetup</c>).
/// </summary>
public static partial class FailureAnswers
{
    /// <summary>Answers for everything behind it: comes first.</summary>
    public static WebApplication UseRelayFailureAnswers(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Http");
        app.Use((context, next) => ServeAsync(context, next, logger));
        return app;
    }

    private static async Task ServeAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context);
        }
        catch (BadHttpRequestException mistake)
        {
            // A body that is too large or cut off is the client's mistake.
            await AnswerAsync(context, () => context.TextAsync(mistake.StatusCode, mistake.Message));
        }
        catch (Exception gone) when (gone is IOException or ConnectionAbortedException || (gone is OperationCanceledException && context.RequestAborted.IsCancellationRequested))
        {
            // Nobody is there any more to be answered: all that handlers read and write is their own connection.
            context.Abort();
        }
        catch (AskTimeoutException)
        {
            await AnswerAsync(context, () => context.UnavailableAsync(ApiAnswers.NoAnswer));
        }
        catch (Exception failure)
        {
            // The route, not the URL: a page that cannot set headers brings its token in the query.
            LogFailed(logger, failure, context.Request.Method, (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "no endpoint");
            await AnswerAsync(context, () => context.RefuseAsync(
                StatusCodes.Status500InternalServerError, ErrorCode.InternalError, "The request failed; the node's log says why"));
        }
    }

    // What has begun cannot become another answer: cut off, it is at least not taken for a whole one.
    private static async Task AnswerAsync(HttpContext context, Func<Task> answer)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        await answer();
    }

    [LoggerMessage(EventId = 140, Level = LogLevel.Error, Message = "A request failed: {Method} {Route}")]
    private static partial void LogFailed(ILogger logger, Exception failure, string method, string route);
}
