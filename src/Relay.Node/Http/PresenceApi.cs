using Relay.Actors;
using Relay.Actors.Security;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary><c>GET /api/v1/presence?channel=</c>: who is present on a channel, with the rights of a native client's <c>presence</c> request.</summary>
internal static class PresenceApi
{
    public static void Map(IEndpointRouteBuilder routes, RelaySystem relay, ApiGuard guard)
    {
        var live = routes.ServiceProvider.GetRequiredService<LiveSettings>();
        routes.MapGet("/api/v1/presence", context => AnswerAsync(context, relay, guard, live));
    }

    private static async Task AnswerAsync(HttpContext context, RelaySystem relay, ApiGuard guard, LiveSettings live)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Subscribe))
        {
            return;
        }

        if (!ChannelName.TryParse(context.Request.Query["channel"].ToString(), out var channel))
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, "channel must be a valid channel name");
            return;
        }

        if (!live.Current.For(channel).Presence)
        {
            await context.RefuseAsync(StatusCodes.Status403Forbidden, ErrorCode.NotAuthorized, NamespaceSettings.PresenceOff(channel));
            return;
        }

        if (!guard.May(context, ChannelRights.Presence, channel))
        {
            await ApiGuard.RefuseAsync(context);
            return;
        }

        var present = await relay.PresenceAsync(channel, context.RequestAborted);
        if (present.Refusal is { } reason)
        {
            await context.UnavailableAsync(reason);
            return;
        }

        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteString("channel", channel);
            json.WriteStartArray("members");
            foreach (var member in present.Members)
            {
                json.WriteStartObject();
                json.WriteString("client_id", member.ClientId);
                json.WriteString("user_id", member.UserId);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("count", present.Count);
            json.WriteNumber("users", present.Users);
        });
    }
}
