using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Http;

namespace Relay.Node.EventStreams;

/// <summary>
/// <c>POST /api/v1/publish/stream</c> (protocols.md, <c>relay</c>): publishes line by line in a request without an end, and answers line by line while it comes.
/// </summary>
internal sealed class PublishStreamEndpoint(RelaySystem relay, ApiGuard guard, RelayOptions options, TimeProvider time, IHostApplicationLifetime lifetime)
{
    /// <summary>Time for a client to read why its stream ended.</summary>
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(1);

    private readonly PublishStreamLimits _limits = new(
        options.Dialects["relay"].MaxMessageBytes, options.Limits.MaxInFlightPublishes, options.Limits.MessageDeadline);

    /// <summary>Serves one publisher to its end.</summary>
    public async Task ServeAsync(HttpContext context)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Publish))
        {
            return;
        }

        Lift(context);
        var native = options.Dialects["relay"];
        DeadPeers.Watch(context, native.PingInterval, native.IdleTimeout);
        context.Response.ContentType = "application/x-ndjson";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        var lines = new PublishLines(context.Request.BodyReader, _limits, time);
        await using (lines)
        {
            await using var leaving = lifetime.ApplicationStopping.UnsafeRegister(static state => ((PublishLines)state!).Stop(), lines);
            await using var gone = context.RequestAborted.UnsafeRegister(static state => ((PublishLines)state!).Stop(), lines);
            await new PublishStream(context, relay, lines, channel => guard.WhyNotPublish(context, channel), guard.GateOf(context), _limits).RunAsync();
            if (lines.End != LinesEnd.Complete)
            {
                await EndAsync(context, lines);
            }
        }
    }

    // The response ends before the request. Left to itself the server would wait five seconds for the rest of a body that may have no end.
    private static async Task EndAsync(HttpContext context, PublishLines lines)
    {
        await context.Response.CompleteAsync();
        if (!await lines.DrainAsync(Goodbye))
        {
            context.Abort();
        }
    }

    // A stream is no request of some kilobytes: the limits of bodies and their speed do not apply. A publisher may be silent for hours; one that is dead is found
    // by DeadPeers, one that stops inside a line by the line's deadline.
    private static void Lift(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }
}

/// <summary>Bounds of one stream; what happens at each stands in protocols.md.</summary>
/// <param name="LineBytes">Longest line without its end.</param>
/// <param name="InFlight">Publishes whose result was not written yet.</param>
/// <param name="LineDeadline">A line must be complete so long after its first byte.</param>
internal sealed record PublishStreamLimits(int LineBytes, int InFlight, TimeSpan LineDeadline);
