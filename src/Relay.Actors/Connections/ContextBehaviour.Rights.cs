using Relay.Actors.Explain;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <content>What the client may do, and a token that changes while its connection lives (docs/security.md).</content>
internal sealed partial class ContextBehaviour
{
    private const string AgentPrefix = "agents/";
    private const string NoHistory = "Not authorized to read this channel's history: subscribe without since, since_time, last and last_per_key";
    private const string AnothersToken = "The token is another one's: connect anew with it";

    /// <summary>Why the client may not have a subscription, for people; null when it may.</summary>
    internal string? WhyNot(SubscribeCommand command)
    {
        if (command.IsPattern)
        {
            return IsNobody || !core.Principal.MaySubscribe ? "Not authorized to subscribe to patterns"
                : !core.MayPattern(ChannelRights.Subscribe, command.Channel) ? "Not authorized to subscribe to all channels of this pattern"
                : WantsHistory(command) && !core.MayPattern(ChannelRights.History, command.Channel) ? NoHistory
                : null;
        }

        if (core.May(ChannelRights.Subscribe, command.Channel))
        {
            return WantsHistory(command) && !core.May(ChannelRights.History, command.Channel) ? NoHistory
                : command.Presence == PresenceWish.None ? null
                : !core.HasPresence(command.Channel) ? ConnectionCore.PresenceOff(command.Channel)
                : core.May(ChannelRights.Presence, command.Channel) ? null
                : "Not authorized to be present on this channel";
        }

        return !core.Principal.MaySubscribe ? "Not authorized to subscribe"
            : IsNobody && !IsAgent(command.Channel) ? "Not authorized to subscribe before authentication"
            : IsAgent(command.Channel) ? "Not authorized to subscribe to this agent channel"
            : "Not authorized to subscribe to this channel";
    }

    private static bool WantsHistory(SubscribeCommand command) =>
        command.Since is not null || command.Last > 0 || command.LastPerKey || command.FromMicros is not null;

    private static bool IsAgent(string channel) => channel.StartsWith(AgentPrefix, StringComparison.Ordinal);

    // Asked for every item of a batch.
    private string? WhyNotPublish(PublishCommand command)
    {
        var reason = Objection(command);
        if (reason is not null)
        {
            core.Services.Deliveries.NotAccepted(
                command.Channel, BatchPublishes.ItemOf(command).IdempotencyKey, NotAccepted.NotAuthorized, default, reason, core.Client.Subject ?? "", core.Now);
        }

        return reason;
    }

    private string? Objection(PublishCommand command) =>
        IsNobody ? "Not authorized to publish before authentication"
        : !core.Principal.MayPublish ? "Not authorized to publish"
        : core.May(ChannelRights.Publish, command.Channel) ? null
        : "Not authorized to publish to this channel";

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
