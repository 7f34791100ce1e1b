using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What a native connection leaves to the one that takes up its session. Plain data, immutable.</summary>
internal sealed record SessionRecord
{
    /// <summary>Number of the session: that of its first connection.</summary>
    public required long Session { get; init; }

    /// <summary>Its token where another process gave it; null = made from the number with this one's key.</summary>
    public string? Token { get; init; }

    /// <summary>The id others know it by.</summary>
    public required string ClientId { get; init; }

    /// <summary>Whose credentials made it; empty when nobody's were shown.</summary>
    public required string Subject { get; init; }

    /// <summary>Those credentials were a service's, which may have a user's name.</summary>
    public bool IsService { get; init; }

    /// <summary>The agent it speaks for, null when none.</summary>
    public string? AgentId { get; init; }

    /// <summary>The agent had authenticated, by token or by name.</summary>
    public bool IsAgent { get; init; }

    /// <summary><c>agent.connected</c> was told of it.</summary>
    public bool WasAnnounced { get; init; }

    /// <summary>The chat session it named when it authenticated.</summary>
    public string? ChatSession { get; init; }

    /// <summary>All it was subscribed to.</summary>
    public required IReadOnlyList<SessionSubscription> Subscriptions { get; init; }

    /// <summary>About how much memory it takes.</summary>
    public int Weight => 200 + (2 * (Token?.Length ?? 0)) + Subscriptions.Sum(static one => one.Weight);

    /// <summary>
    /// A session belongs to the credentials that made it, an anonymous one to whoever holds its token. A connection that speaks for an agent already takes up
    /// no other agent's.
    /// </summary>
    public bool MayBeTakenBy(Principal principal, string? agentId) =>
        Subject == principal.Subject && IsService == principal.IsService && (agentId is null || agentId == AgentId || (Subject.Length > 0 && agentId == Subject));
}

/// <summary>One subscription of a session.</summary>
internal sealed record SessionSubscription(string Channel, bool IsPattern, PresenceWish Presence, EventFilter? Filter)
{
    public int Weight => 100 + (2 * Channel.Length) + (Filter?.Patterns.Sum(static pattern => 40 + (4 * pattern.Length)) ?? 0);

    public static SessionSubscription Of(Subscription subscription) =>
        new(subscription.Channel, subscription.IsPattern, subscription.Presence, subscription.Filter);
}

/// <summary>To the connection whose session another one wants: hand it over, if those credentials may have it.</summary>
internal sealed record TakeOver(long Session, string Token, ClientConnection Taker, Principal Principal, string? AgentId);

/// <summary>To the connection whose session another node wants for one of its own: end, and say what there was.</summary>
/// <param name="OpenedMicros">When the taker's connection was accepted over there.</param>
internal sealed record GiveUp(long Session, string Token, Principal Principal, string? AgentId, long OpenedMicros);

/// <summary>Answer to <see cref="GiveUp"/>, unless it is <see cref="TakeOverRefused"/>: the session ended here.</summary>
internal sealed record SessionGivenUp(SessionRecord Record);

/// <summary>Answer to <see cref="TakeOver"/>: not now, or not for you.</summary>
internal sealed record TakeOverRefused(ErrorCode Reason);

/// <summary>
/// Answer to <see cref="TakeOver"/>: here it is, with the subscriptions that still run. They go on until the taker's own have taken their places, so that
/// others see its presence go on; then it says <see cref="SessionTaken"/>.
/// </summary>
internal sealed record SessionOffered(SessionRecord Record, IReadOnlyList<Subscription> Running);

/// <summary>The taker has the session: nothing is left to do for the old connection.</summary>
internal sealed class SessionTaken
{
    private SessionTaken()
    {
    }

    public static SessionTaken Instance { get; } = new();
}

/// <summary>The other end of a hand-over: what the old connection remembers while the taker has not answered, and after.</summary>
internal sealed class Handover(ClientConnection? taker)
{
    /// <summary>Who takes it; null when that is on another node.</summary>
    public ClientConnection? Taker { get; } = taker;

    /// <summary>The session is the taker's.</summary>
    public bool IsTaken { get; set; }

    /// <summary>The old socket is gone already.</summary>
    public bool IsDisconnected { get; set; }
}
