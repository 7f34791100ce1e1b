using System.Runtime.InteropServices;
using System.Text.Json;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// The server API (protocols.md, <c>relay</c>): <c>POST /api/v1/publish</c>, <c>broadcast</c> and <c>batch</c>, <c>GET /api/v1/channels</c>,
/// <c>history</c> and <c>presence</c>. An answer comes after the channel accepted; one that may help when tried again says <c>retry_after_ms</c>.
/// </summary>
internal static class NativeApi
{
    /// <summary>Items of one batch and channels of one broadcast.</summary>
    private const int MaxItems = 1000;

    /// <summary>Longest id or key, as on the WebSocket.</summary>
    private const int MaxKeyBytes = 256;

    private static readonly DialectKind[] Everyone = Enum.GetValues<DialectKind>();

    public static void Map(IEndpointRouteBuilder routes)
    {
        var relay = routes.ServiceProvider.GetRequiredService<RelaySystem>();
        var guard = routes.ServiceProvider.GetRequiredService<ApiGuard>();
        routes.MapPost("/api/v1/publish", context => PublishAsync(context, relay, guard));
        routes.MapPost("/api/v1/broadcast", context => BroadcastAsync(context, relay, guard));
        routes.MapPost("/api/v1/batch", context => BatchAsync(context, relay, guard));
        routes.MapGet("/api/v1/channels", context => ChannelsAsync(context, relay, guard));
        routes.MapGet("/api/v1/history", context => HistoryAsync(context, relay, guard));
        PresenceApi.Map(routes, relay, guard);
    }

    private static async Task PublishAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        if (await OpenAsync(context, guard, Rights.Publish) is not { } body)
        {
            return;
        }

        using (body)
        {
            if (!TryRead(body.RootElement, out var channel, out var item, out var problem))
            {
                await RefuseAsync(context, problem);
                return;
            }

            var result = await TryPublishAsync(context, relay, guard, channel, item);
            await (result.Limit is { } limit
                ? context.LimitedAsync(limit)
                : result.Status == StatusCodes.Status503ServiceUnavailable
                ? context.UnavailableAsync(result.Error)
                : context.JsonAsync(result.Status, json => Write(json, channel, result)));
        }
    }

    private static async Task BroadcastAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        if (await OpenAsync(context, guard, Rights.Publish) is not { } body)
        {
            return;
        }

        using (body)
        {
            if (!body.RootElement.TryGetProperty("channels", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MaxItems)
            {
                await RefuseAsync(context, $"channels must be a list of 1 to {MaxItems} channel names");
                return;
            }

            var channels = new List<string>();
            foreach (var name in list.EnumerateArray())
            {
                if (name.ValueKind != JsonValueKind.String || !ChannelName.TryParse(EventText.Of(name), out var channel))
                {
                    await RefuseAsync(context, "Invalid channel format: " + name.GetRawText());
                    return;
                }

                channels.Add(channel);
            }

            if (!TryReadItem(body.RootElement, out var item, out var problem))
            {
                await RefuseAsync(context, problem);
                return;
            }

            var results = await Task.WhenAll(channels.Select(channel => TryPublishAsync(context, relay, guard, channel, item)));
            await ResultsAsync(context, channels, results);
        }
    }

    private static async Task BatchAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        if (await OpenAsync(context, guard, Rights.Publish) is not { } body)
        {
            return;
        }

        using (body)
        {
            if (!body.RootElement.TryGetProperty("items", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MaxItems)
            {
                await RefuseAsync(context, $"items must be a list of 1 to {MaxItems} objects with channel, event and data");
                return;
            }

            // One after the other: items to the same channel keep their order, and each has its own outcome.
            var channels = new List<string>();
            var results = new List<Result>();
            foreach (var entry in list.EnumerateArray())
            {
                var valid = TryRead(entry, out var channel, out var item, out var problem);
                channels.Add(channel);
                results.Add(valid ? await TryPublishAsync(context, relay, guard, channel, item) : Result.Refused(problem));
            }

            await ResultsAsync(context, channels, results);
        }
    }

    private static async Task ChannelsAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Subscribe))
        {
            return;
        }

        var counts = await relay.CountChannelsAsync(Everyone, ApiGuard.IsOfNode(context), pending: false, context.RequestAborted);
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("channels");
            foreach (var (channel, subscribers) in counts.Subscribers.Where(one => guard.May(context, ChannelRights.Subscribe, one.Key)))
            {
                json.WriteStartObject();
                json.WriteString("channel", channel);
                json.WriteNumber("subscribers", subscribers);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private static async Task HistoryAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Subscribe))
        {
            return;
        }

        if (!ChannelName.TryParse(context.Request.Query["channel"].ToString(), out var channel))
        {
            await RefuseAsync(context, "channel must be a valid channel name");
            return;
        }

        if (!guard.May(context, ChannelRights.History, channel))
        {
            await ApiGuard.RefuseAsync(context);
            return;
        }

        if (HistoryQuestion.Read(context.Request.Query, out var problem) is not { } query)
        {
            await RefuseAsync(context, problem);
            return;
        }

        var reply = await relay.HistoryAsync(channel, query, context.RequestAborted);
        if (reply.Refusal is { } reason)
        {
            await context.UnavailableAsync(reason);
            return;
        }

        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteString("channel", channel);
            json.WriteString("epoch", reply.Position.Epoch.ToString());
            json.WriteNumber("offset", reply.Position.Offset);
            if (HistoryQuestion.SaysRecovered(query))
            {
                json.WriteBoolean("recovered", reply.Complete);
            }

            json.WriteStartArray("events");
            var frames = new System.Buffers.ArrayBufferWriter<byte>();
            foreach (var publication in reply.Events)
            {
                frames.ResetWrittenCount();
                Dialects.ByKind(DialectKind.Relay).EncodeEvent(publication, frames);
                json.WriteRawValue(frames.WrittenSpan, skipInputValidation: true);
            }

            json.WriteEndArray();
        });
    }

    private static async Task<JsonDocument?> OpenAsync(HttpContext context, ApiGuard guard, Rights right)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, right))
        {
            return null;
        }

        var body = await ApiGuard.ReadObjectAsync(context);
        if (body is null)
        {
            await RefuseAsync(context, "The body must be one JSON object in UTF-8");
        }

        return body;
    }

    /// <summary>Reads one publish: channel, event, data, id, key, ttl.</summary>
    internal static bool TryRead(JsonElement entry, out string channel, out PublishItem item, out string problem)
    {
        channel = "";
        item = default;
        if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("channel", out var name) || name.ValueKind != JsonValueKind.String)
        {
            problem = "channel is missing";
            return false;
        }

        if (!ChannelName.TryParse(EventText.Of(name), out var valid))
        {
            problem = "Invalid channel format: " + EventText.Of(name);
            return false;
        }

        channel = valid;
        return TryReadItem(entry, out item, out problem);
    }

    private static bool TryReadItem(JsonElement entry, out PublishItem item, out string problem)
    {
        item = default;
        problem = "";
        if (!entry.TryGetProperty("event", out var name) || name.ValueKind != JsonValueKind.String
            || EventText.Of(name) is not { } text || !EventName.TryParse(System.Text.Encoding.UTF8.GetBytes(text), out var eventName))
        {
            problem = $"event must be a name of 1 to {EventName.MaxBytes} bytes";
            return false;
        }

        if (!TryReadText(entry, "id", out var id, ref problem) || !TryReadText(entry, "key", out var key, ref problem))
        {
            return false;
        }

        if (!IfVersion.TryRead(entry, key, out var ifVersion, ref problem))
        {
            return false;
        }

        long ttl = 0;
        if (entry.TryGetProperty("ttl", out var ttlValue) && (ttlValue.ValueKind != JsonValueKind.Number || !ttlValue.TryGetInt64(out ttl) || ttl is < 0 or > 31_536_000_000))
        {
            problem = "ttl must be milliseconds, 0 to one year";
            return false;
        }

        item = new PublishItem
        {
            Event = eventName,
            Data = entry.TryGetProperty("data", out var data) ? JsonMarshal.GetRawUtf8Value(data).ToArray() : default,
            IdempotencyKey = id,
            Key = key,
            TtlMilliseconds = ttl,
            IfVersion = ifVersion,
            Trace = entry.TryGetProperty("traceparent", out var trace) && trace.ValueKind == JsonValueKind.String ? TraceParent.Parse(EventText.Of(trace)) : null,
        };
        return true;
    }

    private static bool TryReadText(JsonElement entry, string name, out string? text, ref string problem)
    {
        text = null;
        if (!entry.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        text = value.ValueKind == JsonValueKind.String ? EventText.Of(value) : null;
        if (text is not null && text.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(text) <= MaxKeyBytes)
        {
            return true;
        }

        problem = $"{name} must be a string of 1 to {MaxKeyBytes} bytes";
        return false;
    }

    private static async Task<Result> TryPublishAsync(HttpContext context, RelaySystem relay, ApiGuard guard, string channel, PublishItem item) =>
        guard.WhyNotPublish(context, channel) is { } reason ? Forbidden(context, relay, channel, item, reason)
        : guard.GateOf(context).Try(channel) is { } limit ? Result.Limited(limit)
        : await Result.OfAsync(
            relay.PublishAsync(
                channel,
                [item.Trace is null ? item with { Trace = TraceParent.Parse(context.Request.Headers.TraceParent.ToString()) } : item],
                ApiGuard.ScopeOf(context),
                context.RequestAborted),
            0);

    private static Result Forbidden(HttpContext context, RelaySystem relay, string channel, PublishItem item, string reason)
    {
        relay.NoteRefused(channel, item.IdempotencyKey, reason, ApiGuard.ScopeOf(context));
        return Result.Forbidden(reason);
    }

    private static Task RefuseAsync(HttpContext context, string problem) =>
        context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, problem);

    private static Task ResultsAsync(HttpContext context, List<string> channels, IReadOnlyList<Result> results) =>
        context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteBoolean("success", results.All(static result => result.Status == StatusCodes.Status200OK));
            json.WriteStartArray("results");
            foreach (var (channel, result) in channels.Zip(results))
            {
                json.WriteStartObject();
                Write(json, channel, result);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });

    /// <summary>Writes the members of one outcome.</summary>
    internal static void Write(Utf8JsonWriter json, string channel, Result result)
    {
        if (result.Status != StatusCodes.Status200OK)
        {
            WriteError(json, result);
            return;
        }

        json.WriteBoolean("success", true);
        json.WriteString("channel", channel);
        json.WriteString("epoch", result.Outcome.Position.Epoch.ToString());
        json.WriteNumber("offset", result.Outcome.Position.Offset);
        json.WriteBoolean("duplicate", result.Outcome.Duplicate);
        json.WriteNumber("subscribers", result.Subscribers);
    }

    private static void WriteError(Utf8JsonWriter json, Result result)
    {
        if (result.Limit is { } limit)
        {
            ApiGuard.Limited(json, limit);
            return;
        }

        switch (result.Status)
        {
            case StatusCodes.Status503ServiceUnavailable:
                ApiGuard.Unavailable(json, result.Error);
                break;
            case StatusCodes.Status403Forbidden:
                ApiGuard.Error(json, ErrorCode.NotAuthorized, result.Error);
                break;
            case StatusCodes.Status409Conflict:
                ApiGuard.Error(json, ErrorCode.VersionMismatch, result.Error);
                IfVersion.WriteCurrent(json, result.Outcome.Position);
                break;
            default:
                ApiGuard.Error(json, ErrorCode.InvalidMessage, result.Error);
                break;
        }
    }

    /// <summary>What became of one publish, with its HTTP status.</summary>
    internal sealed record Result(int Status, PublishOutcome Outcome, int Subscribers, string Error)
    {
        private static readonly Result NoAnswer = new(StatusCodes.Status503ServiceUnavailable, default, 0, ApiAnswers.NoAnswer);

        /// <summary>Waits for a reply. One that does not come is a result as well: other publishes of the same request have theirs.</summary>
        public static async ValueTask<Result> OfAsync(Task<PublishReply> reply, int index)
        {
            try
            {
                return Of(await reply, index);
            }
            catch (AskTimeoutException)
            {
                return NoAnswer;
            }
        }

        private static Result Of(PublishReply reply, int index)
        {
            if (reply.Refusal is { } reason)
            {
                return new Result(StatusCodes.Status503ServiceUnavailable, default, 0, reason);
            }

            ref readonly var outcome = ref reply.Outcomes[index];
            var status = outcome.Error switch
            {
                null => StatusCodes.Status200OK,
                ErrorCode.VersionMismatch => StatusCodes.Status409Conflict,
                _ => StatusCodes.Status400BadRequest,
            };
            return new Result(status, outcome, reply.Subscribers, outcome.ErrorText);
        }

        /// <summary>The limit that refused it; null = none did.</summary>
        public LimitRefusal? Limit { get; private init; }

        public static Result Limited(LimitRefusal limit) => new(limit.Status, default, 0, limit.Text) { Limit = limit };

        public static Result Forbidden(string reason) => new(StatusCodes.Status403Forbidden, default, 0, reason);

        public static Result Refused(string problem) => new(StatusCodes.Status400BadRequest, default, 0, problem);
    }
}
