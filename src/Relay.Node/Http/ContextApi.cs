using System.Text.Json;
using Relay.Actors;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// HTTP of the context dialect (protocols.md, <c>context</c>): <c>/health</c>, <c>/stats</c>, <c>POST /api/auth/token</c>; and what a listener answers to
/// plain requests where only WebSockets are spoken.
/// </summary>
internal static class ContextApi
{
    private static readonly DialectKind[] Family = [DialectKind.Context, DialectKind.Relay, DialectKind.RelayProtobuf];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var relay = routes.ServiceProvider.GetRequiredService<RelaySystem>();
        var time = routes.ServiceProvider.GetRequiredService<TimeProvider>();
        var authenticator = routes.ServiceProvider.GetRequiredService<Authenticator>();
        var guard = routes.ServiceProvider.GetRequiredService<ApiGuard>();
        routes.MapGet("/health", context => HealthAsync(context, relay, time, guard));
        routes.MapGet("/stats", context => StatsAsync(context, relay, guard));
        routes.MapPost("/api/auth/token", context => TokenAsync(context, authenticator.Issuer, guard));
        routes.Map("/ws", context => context.TextAsync(StatusCodes.Status400BadRequest, "Expected a WebSocket upgrade"));
    }

    private static async Task HealthAsync(HttpContext context, RelaySystem relay, TimeProvider time, ApiGuard guard)
    {
        // A balancer asks this node how it is, so this waits for no other.
        var counts = await relay.CountChannelsAsync(Family, here: true, pending: true, context.RequestAborted);
        context.Response.Headers.AccessControlAllowOrigin = "*";
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteString("status", "healthy");
            json.WriteString("type", "websocket");
            json.WriteNumber("port", context.Connection.LocalPort);
            WriteStats(json, relay.Connections.CountOf(Family), counts, guard);
            json.WriteString("timestamp", time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ"));
        });
    }

    private static async Task StatsAsync(HttpContext context, RelaySystem relay, ApiGuard guard)
    {
        var here = ApiGuard.IsOfNode(context);
        var counts = await relay.CountChannelsAsync(Family, here, pending: true, context.RequestAborted);
        context.Response.Headers.AccessControlAllowOrigin = "*";
        await context.JsonAsync(StatusCodes.Status200OK, json => WriteStats(json, here ? relay.Connections.CountOf(Family) : relay.CountOf(Family), counts, guard));
    }

    // Anybody may ask, but where credentials are needed the name of a channel is not for anybody.
    private static void WriteStats(Utf8JsonWriter json, int clients, ChannelCounts counts, ApiGuard guard)
    {
        json.WriteNumber("connectedClients", clients);
        json.WriteNumber("activeChannels", counts.Subscribers.Count);
        json.WriteStartObject("channelStats");
        foreach (var (channel, subscribers) in counts.Subscribers.Where(_ => guard.ShowsNames))
        {
            json.WriteNumber(channel, subscribers);
        }

        json.WriteEndObject();
        json.WriteNumber("pendingDeliveries", counts.PendingDeliveries);
    }

    // Where nobody enters without credentials, nobody may mint them without credentials either, and none that can do more than their maker: a token may
    // publish and subscribe.
    private static async Task TokenAsync(HttpContext context, TokenIssuer issuer, ApiGuard guard)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Publish | Rights.Subscribe))
        {
            return;
        }

        using var body = await ApiGuard.ReadObjectAsync(context);
        if (Text(body, "agent_id") is not { Length: > 0 and <= 256 } agent)
        {
            await context.JsonAsync(StatusCodes.Status400BadRequest, static json => json.WriteString("error", "Missing agent_id"));
            return;
        }

        if (Text(body, "session_id") is { Length: > 256 })
        {
            await context.JsonAsync(StatusCodes.Status400BadRequest, static json => json.WriteString("error", "session_id is longer than 256 characters"));
            return;
        }

        if (!guard.MayIssueFor(context, agent))
        {
            await context.JsonAsync(StatusCodes.Status403Forbidden, static json => json.WriteString("error", "A token is renewed for its own agent only"));
            return;
        }

        if (!issuer.CanIssue)
        {
            await context.JsonAsync(StatusCodes.Status501NotImplemented, static json => json.WriteString("error", "This node has public keys only; tokens come from their issuer"));
            return;
        }

        var token = issuer.Issue(agent, Text(body, "session_id"), ApiGuard.PrincipalOf(context));
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteString("token", token.Token);
            json.WriteNumber("expires_in", token.ExpiresIn);
        });
    }

    private static string? Text(JsonDocument? body, string name) =>
        body is not null && body.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? EventText.Of(value) : null;
}
