using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <content>A connection whose token changes while it lives (docs/security.md).</content>
internal sealed partial class ContextBehaviour
{
    // Otherwise one user's connection, with what it was sent so far, would become another's.
    private bool IsOthers(Principal principal) =>
        core.Principal.IsAuthenticated && (principal.Subject != core.Principal.Subject || principal.IsService != core.Principal.IsService);

    private void Refresh(RefreshCommand command)
    {
        if (core.Services.Authenticator.Verify(command.Token) is not { } principal)
        {
            core.Refuse(command.RequestId, ErrorCode.InvalidToken, "Invalid or expired token");
        }
        else if (!core.Principal.IsAuthenticated)
        {
            core.Refuse(command.RequestId, ErrorCode.NotAuthorized, "This connection has no token yet: use auth");
        }
        else if (IsOthers(principal))
        {
            core.Refuse(command.RequestId, ErrorCode.NotAuthorized, AnothersToken);
        }
        else
        {
            core.Principal = principal;
            LeaveForbidden();
            HearForced();
            core.Ack(command.RequestId);
        }
    }

    // What the new token does not allow any more. Its client is told, or it would wait for events.
    private void LeaveForbidden()
    {
        foreach (var subscription in core.Subscriptions.ToArray())
        {
            var allowed = subscription.IsPattern
                ? core.MayPattern(ChannelRights.Subscribe, subscription.Channel)
                : core.May(ChannelRights.Subscribe, subscription.Channel)
                    && (subscription.Presence == PresenceWish.None || core.May(ChannelRights.Presence, subscription.Channel));
            if (!allowed)
            {
                core.Unsubscribe(subscription.Channel, RequestId.None);
                core.Error(ErrorCode.NotAuthorized, "No longer subscribed, the token does not allow it: " + subscription.Channel);
            }
        }
    }

    private void HearForced()
    {
        foreach (var channel in core.Principal.Forced)
        {
            Hear(channel);
        }
    }
}
