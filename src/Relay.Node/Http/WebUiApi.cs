using System.Text.Json;
using Relay.Actors;
using Relay.Actors.Agents;
using Relay.Actors.Security;
using Relay.Actors.Sessions;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// HTTP of the chat UI's browser client (protocols.md, <c>webui</c>): answers <c>{"status":"success","data":…}</c>, errors
/// <c>{"status":"error","message","code","timestamp"}</c>.
/// </summary>
internal sealed class WebUiApi
{
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(10);

    private readonly RelaySystem _relay;
    private readonly RelayOptions _options;
    private readonly TimeProvider _time;
    private readonly ApiGuard _guard;

    private WebUiApi(IServiceProvider services)
    {
        _relay = services.GetRequiredService<RelaySystem>();
        _options = services.GetRequiredService<RelayOptions>();
        _time = services.GetRequiredService<TimeProvider>();
        _guard = services.GetRequiredService<ApiGuard>();
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        var api = new WebUiApi(routes.ServiceProvider);
        routes.MapGet("/api/health", context => api.GuardAsync(context, null, api.HealthAsync));
        routes.MapGet("/api/config", context => api.GuardAsync(context, null, api.ConfigAsync));
        routes.MapGet("/api/agents", context => api.GuardAsync(context, null, api.AgentsAsync));
        routes.MapPost("/api/chat", context => api.GuardAsync(context, Rights.Publish | Rights.Subscribe, api.ChatAsync));
        routes.MapGet("/api/sessions", context => api.GuardAsync(context, Rights.Subscribe, api.SessionsAsync));
        routes.MapPost("/api/sessions", context => api.GuardAsync(context, Rights.Publish, api.CreateAsync));
        routes.MapGet("/api/sessions/{id}", context => api.GuardAsync(context, Rights.Subscribe, api.SessionAsync));
        routes.MapDelete("/api/sessions/{id}", context => api.GuardAsync(context, Rights.Publish, api.DeleteAsync));
    }

    private async Task GuardAsync(HttpContext context, Rights? right, Func<HttpContext, Task> serve)
    {
        if (!_guard.AllowOrigin(context) || (right is { } needed && !await _guard.AdmitAsync(context, needed)))
        {
            return;
        }

        try
        {
            await serve(context);
        }
        catch (AskTimeoutException)
        {
            await ErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "TIMEOUT", "The session did not answer in time; try again");
        }
        catch (RefusedException refused)
        {
            await ErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "INTERNAL_ERROR", $"The session cannot be stored or read now; try again: {refused.Message}");
        }
    }

    private Task HealthAsync(HttpContext context) => DataAsync(context, StatusCodes.Status200OK, json =>
    {
        json.WriteString("status", "healthy");
        json.WriteNumber("sessions", _relay.SessionCount);
        json.WriteNumber("connections", _relay.CountOf(DialectKind.WebUi));
        json.WriteString("timestamp", ApiAnswers.Rfc3339(_time.NowMicros()));
    });

    private Task ConfigAsync(HttpContext context) => DataAsync(context, StatusCodes.Status200OK, json =>
    {
        var scheme = context.Request.IsHttps ? "wss" : "ws";
        json.WriteString("websocket_url", $"{scheme}://{context.Request.Host}/ws");
        json.WriteNumber("max_message_bytes", _options.Dialects["webui"].MaxMessageBytes);
        json.WriteNumber("session_ttl_seconds", (long)_options.WebUi.SessionTtl.TotalSeconds);
        json.WriteNumber("max_session_messages", _options.WebUi.MaxMessages);
        json.WriteBoolean("auto_create_session", _options.WebUi.AutoCreateSession);
        json.WriteBoolean("auth_required", _options.Auth.Required);
    });

    private Task AgentsAsync(HttpContext context) => DataAsync(context, StatusCodes.Status200OK, json =>
    {
        json.WriteStartArray("agents");
        json.WriteStartObject();
        json.WriteString("name", _options.Agents.Backend == AgentBackend.Echo ? EchoAgent.Name : _options.Agents.Backend + "Agent");
        json.WriteString("backend", _options.Agents.Backend.ToString().ToLowerInvariant());
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private async Task SessionsAsync(HttpContext context)
    {
        // Right after a start the stored ones are still being read. A journal that is ill is no reason to show nothing: what is known is listed then.
        if (!_relay.Sessions.Complete.IsCompleted)
        {
            await _relay.Sessions.Complete.WaitAsync(AskTimeout, _time, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var sessions = await _relay.ListSessionsAsync(ApiGuard.IsOfNode(context), context.RequestAborted);
        await DataAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("sessions");
            foreach (var session in sessions.Where(session => MayUse(context, ChannelRights.Subscribe, session.SessionId)))
            {
                json.WriteStartObject();
                Write(json, session);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private async Task CreateAsync(HttpContext context)
    {
        var id = NewSessionId();
        if (!MayUse(context, ChannelRights.Publish, id))
        {
            await DeniedAsync(context);
            return;
        }

        var joined = (SessionJoined)await AskAsync(id, new CreateSession(), context.RequestAborted);
        await DataAsync(context, StatusCodes.Status201Created, json => Write(json, joined.Summary));
    }

    private async Task SessionAsync(HttpContext context)
    {
        if (!MayUse(context, ChannelRights.History, (string)context.Request.RouteValues["id"]!))
        {
            await DeniedAsync(context);
            return;
        }

        if (await AskAsync(context, new JoinSession()) is not SessionJoined joined)
        {
            await MissingAsync(context);
            return;
        }

        await DataAsync(context, StatusCodes.Status200OK, json =>
        {
            Write(json, joined.Summary);
            json.WriteStartArray("messages");
            foreach (var message in joined.Messages)
            {
                json.WriteStartObject();
                json.WriteString("type", message.Event);
                json.WriteString("timestamp", ApiAnswers.Rfc3339(message.TimestampMicros));
                json.WritePropertyName("data");
                json.WriteRawValue(message.Data.Span, skipInputValidation: true);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private async Task DeleteAsync(HttpContext context)
    {
        if (!MayUse(context, ChannelRights.Publish, (string)context.Request.RouteValues["id"]!))
        {
            await DeniedAsync(context);
            return;
        }

        if (await AskAsync(context, new DeleteSession()) is not SessionDeleted deleted)
        {
            await MissingAsync(context);
            return;
        }

        await DataAsync(context, StatusCodes.Status200OK, json => json.WriteString("session_id", deleted.SessionId));
    }

    private async Task ChatAsync(HttpContext context)
    {
        using var body = await ApiGuard.ReadObjectAsync(context);
        if ((Text(body, "content") ?? Text(body, "message")) is not { Length: > 0 } content)
        {
            await ErrorAsync(context, StatusCodes.Status400BadRequest, "INVALID_CHAT_MESSAGE", "content must be a non-empty string");
            return;
        }

        var given = Text(body, "session_id") is { Length: > 0 } named ? named : null;
        var sessionId = given ?? NewSessionId();
        if (!ChannelName.TryBuild(ChannelName.Sessions, sessionId, out _))
        {
            await MissingAsync(context);
            return;
        }

        if (!MayUse(context, ChannelRights.Publish, sessionId) || !MayUse(context, ChannelRights.Subscribe, sessionId))
        {
            await DeniedAsync(context);
            return;
        }

        if (_guard.GateOf(context).Try(ChannelName.Sessions) is { } limited)
        {
            context.Response.Headers.RetryAfter = limited.RetryAfterSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            await ErrorAsync(context, limited.Status, "RATE_LIMITED", limited.Text);
            return;
        }

        if (given is null)
        {
            await AskAsync(sessionId, new CreateSession(), context.RequestAborted);
        }

        var data = ApiAnswers.Object(json => json.WriteString("content", content));
        if (await AskAsync(sessionId, new SayInSession(0, null, content, data), context.RequestAborted) is not ChatAccepted accepted)
        {
            await MissingAsync(context);
            return;
        }

        var answered = await _relay.SessionAsync(
            sessionId, new AwaitAnswer(accepted.RequestId), _options.Agents.Timeout + AskTimeout, context.RequestAborted) as AgentAnswered;
        if (answered?.Answer is not { Event: "agent_response" } answer)
        {
            await ErrorAsync(context, StatusCodes.Status504GatewayTimeout, "TIMEOUT", "The agent did not answer");
            return;
        }

        await DataAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("session_id", sessionId);
            json.WriteString("message_id", MessageId.Hash(answer).ToString("x16"));
            json.WritePropertyName("response");
            json.WriteRawValue(answer.Data.Span, skipInputValidation: true);
        });
    }

    private static string NewSessionId() => Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));

    // What is no session's id is missing rather than denied.
    private bool MayUse(HttpContext context, ChannelRights right, string sessionId) =>
        !ChannelName.TryBuild(ChannelName.Sessions, sessionId, out var channel) || _guard.May(context, right, channel);

    private Task DeniedAsync(HttpContext context) => ErrorAsync(context, StatusCodes.Status403Forbidden, "UNAUTHORIZED", "These credentials do not allow it");

    private Task<object> AskAsync(HttpContext context, object question)
    {
        var id = (string)context.Request.RouteValues["id"]!;
        return ChannelName.TryBuild(ChannelName.Sessions, id, out _)
            ? AskAsync(id, question, context.RequestAborted)
            : Task.FromResult<object>(new SessionMissing(id));
    }

    private async Task<object> AskAsync(string sessionId, object question, CancellationToken cancellationToken) =>
        await _relay.SessionAsync(sessionId, question, AskTimeout, cancellationToken) switch
        {
            SessionRefused refused => throw new RefusedException(refused.Reason),
            var answer => answer,
        };

    private Task MissingAsync(HttpContext context) => ErrorAsync(context, StatusCodes.Status404NotFound, "SESSION_NOT_FOUND", "Session not found");

    private Task ErrorAsync(HttpContext context, int status, string code, string message) => context.JsonAsync(status, json =>
    {
        json.WriteString("status", "error");
        json.WriteString("message", message);
        json.WriteString("code", code);
        json.WriteString("timestamp", ApiAnswers.Rfc3339(_time.NowMicros()));
    });

    private static Task DataAsync(HttpContext context, int status, Action<Utf8JsonWriter> members) => context.JsonAsync(status, json =>
    {
        json.WriteString("status", "success");
        json.WriteStartObject("data");
        members(json);
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, SessionSummary session)
    {
        json.WriteString("session_id", session.SessionId);
        json.WriteString("status", session.Status);
        json.WriteNumber("message_count", session.MessageCount);
        json.WriteString("created_at", ApiAnswers.Rfc3339(session.CreatedMicros));
        json.WriteString("last_activity", ApiAnswers.Rfc3339(session.LastActivityMicros));
    }

    private static string? Text(JsonDocument? body, string name) =>
        body is not null && body.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? EventText.Of(value) : null;

    private sealed class RefusedException(string reason) : Exception(reason);
}
