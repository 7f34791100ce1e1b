using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Security;

/// <summary>Who asks, by whichever door.</summary>
/// <param name="Principal">What its credentials say.</param>
/// <param name="IsAuthenticated">True once a credential was accepted or, where none is needed, a name was given.</param>
/// <param name="AgentId">The agent it says it is; believed only where no credentials are needed.</param>
/// <param name="UserId">The user it says it is; as <paramref name="AgentId"/>.</param>
public readonly record struct Asker(Principal Principal, bool IsAuthenticated, string? AgentId = null, string? UserId = null)
{
    /// <summary>Who came over HTTP: known by its credentials alone.</summary>
    public static Asker Of(Principal principal) => new(principal, principal.IsAuthenticated);
}

/// <summary>
/// Who may do what with which channel (guarantees.md 9): the one place every door asks. In this order: where credentials are needed, nobody without; what the credential
/// may do at all; the channels it names, if it names any; else the rules of the channel's namespace. Pure but for <see cref="IAuthenticator.IsRequired"/>; thread-safe.
/// </summary>
/// <param name="settings">The settings of a channel's namespace.</param>
/// <param name="authenticator">Whether credentials are needed.</param>
public sealed class AccessRules(Func<string, NamespaceSettings> settings, IAuthenticator authenticator)
{
    /// <summary>Whether a right is held on one channel.</summary>
    public bool May(ChannelRights right, in Asker asker, string channel)
    {
        if (!MayAtAll(right, asker))
        {
            return false;
        }

        if (right == ChannelRights.Subscribe && asker.Principal.Forced.Contains(channel, StringComparer.Ordinal))
        {
            return true;
        }

        if (asker.Principal.Grants is { } grants)
        {
            return grants.Allow(right, channel) || (right != ChannelRights.Publish && IsOwn(right, asker, channel));
        }

        return LevelOf(right, channel) switch
        {
            Access.Anyone => true,
            Access.Authenticated => asker.IsAuthenticated || IsOwn(right, asker, channel),
            Access.Own => asker.Principal.IsService || IsOwn(right, asker, channel),
            _ => asker.Principal.IsService,
        };
    }

    /// <summary>
    /// Whether a right is held on every channel of a pattern, those included that do not exist yet: a pattern that reaches beyond the rights is refused as a whole,
    /// since its events would tell of channels that must not be known.
    /// </summary>
    public bool May(ChannelRights right, in Asker asker, ChannelPattern pattern)
    {
        if (!MayAtAll(right, asker))
        {
            return false;
        }

        if (asker.Principal.Grants is { } grants)
        {
            return grants.Allow(right, pattern);
        }

        // Where everyone is who they say, everyone may say to be each of them.
        return !authenticator.IsRequired && settings(pattern.Text).Subscribe is null
            ? true
            : LevelOf(right, pattern.Text) switch
            {
                Access.Anyone => true,
                Access.Authenticated => asker.IsAuthenticated,
                _ => asker.Principal.IsService,
            };
    }

    /// <summary>True for who must show a credential first.</summary>
    public bool IsNobody(in Asker asker) => authenticator.IsRequired && !asker.IsAuthenticated;

    private bool MayAtAll(ChannelRights right, in Asker asker) =>
        !IsNobody(asker) && (right == ChannelRights.Publish ? asker.Principal.MayPublish : asker.Principal.MaySubscribe);

    // A service has a name as well, but it is nobody's user or agent.
    private bool IsOwn(ChannelRights right, in Asker asker, string channel)
    {
        if (asker.Principal.IsService)
        {
            return false;
        }

        if (channel is ChannelName.Users)
        {
            // What is said to every user belongs to each of them.
            return right != ChannelRights.Publish && asker.IsAuthenticated;
        }

        var id = ChannelName.Id(channel);
        if (ChannelName.IsIn(channel, ChannelName.Sessions))
        {
            return Is(id, asker.Principal.SessionId);
        }

        return (ChannelName.IsIn(channel, ChannelName.Users) && (Is(id, asker.Principal.Subject) || Claims(id, asker.UserId)))
            || (ChannelName.IsIn(channel, ChannelName.Agents) && (Is(id, asker.Principal.Subject) || Claims(id, asker.AgentId)));
    }

    private bool Claims(ReadOnlySpan<char> id, string? name) => !authenticator.IsRequired && Is(id, name);

    private static bool Is(ReadOnlySpan<char> id, string? name) => name is { Length: > 0 } && id.SequenceEqual(name);

    private Access LevelOf(ChannelRights right, string channel)
    {
        var configured = settings(channel);
        return right switch
        {
            ChannelRights.Publish => configured.Publish ?? UsualToPublish(channel),
            ChannelRights.Presence => configured.SeePresence ?? configured.Subscribe ?? UsualToHear(channel),
            ChannelRights.History => configured.ReadHistory ?? configured.Subscribe ?? UsualToHear(channel),
            _ => configured.Subscribe ?? UsualToHear(channel),
        };
    }

    // Without credentials everyone is who they say, so there the rule of the relays replaced is kept: an agent's channel is for who says a name at all.
    private Access UsualToHear(string channel) => ChannelName.Namespace(channel) switch
    {
        ChannelName.Users => authenticator.IsRequired ? Access.Own : Access.Anyone,
        ChannelName.Agents => authenticator.IsRequired ? Access.Own : Access.Authenticated,
        _ => Access.Anyone,
    };

    // Agents write to each other; nobody writes to a user in the name of the services but they.
    private Access UsualToPublish(string channel) =>
        authenticator.IsRequired && ChannelName.Namespace(channel) == ChannelName.Users ? Access.Own : Access.Anyone;
}
