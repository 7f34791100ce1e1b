using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Admin;

/// <summary>Which connections an operator asks for; what is null or empty does not matter.</summary>
public sealed record ConnectionQuery
{
    /// <summary>The user, or the subject of the credentials.</summary>
    public string? User { get; init; }

    /// <summary>The agent it speaks for.</summary>
    public string? Agent { get; init; }

    /// <summary>Beginning of the peer's address, e.g. <c>10.1.</c> or <c>10.1.2.3:</c>.</summary>
    public string? Address { get; init; }

    /// <summary>Name of the dialect.</summary>
    public string? Dialect { get; init; }

    /// <summary>A channel it is subscribed to, or a pattern, as it subscribed.</summary>
    public string? Channel { get; init; }

    /// <summary>Only those with a higher number: the page behind one.</summary>
    public long After { get; init; }

    /// <summary>Most of one page.</summary>
    public int Limit { get; init; } = 100;

    /// <summary>Everything but the channel and the page. Asked of every connection: nothing is made for it.</summary>
    internal bool Matches(ClientConnection connection) =>
        (User is null || connection.Subject == User)
        && (Agent is null || (connection.Agent ?? connection.Request.AgentId) == Agent)
        && (Address is null || connection.Request.RemoteAddress.StartsWith(Address, StringComparison.OrdinalIgnoreCase))
        && (Dialect is null || connection.Dialect.Profile.Name == Dialect);
}

/// <summary>One connection, at the moment of asking. Immutable.</summary>
/// <param name="Number">Unique in the cluster; grows with the time of connecting on each node.</param>
/// <param name="ClientId">As clients see it.</param>
/// <param name="Dialect">Name of the dialect.</param>
/// <param name="Address">The peer's, or as a trusted proxy said.</param>
public sealed record ConnectionFacts(long Number, string ClientId, string Dialect, string Listener, string Address)
{
    /// <summary>Empty when anonymous.</summary>
    public string User { get; init; } = "";

    /// <summary>Empty when none.</summary>
    public string Agent { get; init; } = "";

    public bool IsAuthenticated { get; init; }

    /// <summary>Speaks for a service, by an API key.</summary>
    public bool IsService { get; init; }

    /// <summary>Microseconds since 1970-01-01 UTC.</summary>
    public long OpenedMicros { get; init; }

    /// <summary>Nothing was received for so long.</summary>
    public TimeSpan Silent { get; init; }

    /// <summary>Bytes that wait for the client to read.</summary>
    public long UnsentBytes { get; init; }

    /// <summary>Events left out because it was too slow.</summary>
    public long DroppedEvents { get; init; }

    /// <summary>The last frame is queued or sent.</summary>
    public bool IsClosing { get; init; }

    /// <summary>When its token ends; null = it does not, or there is none.</summary>
    public DateTimeOffset? TokenEnds { get; init; }
}

/// <summary>A page of connections, by their numbers.</summary>
/// <param name="Total">All that match, on all pages.</param>
public sealed record ConnectionPage(int Total, IReadOnlyList<ConnectionFacts> Connections);

/// <summary>What one connection is subscribed to.</summary>
/// <param name="LiveMicros">Since when it gets live events, microseconds since 1970-01-01 UTC; 0 = it still catches up, or waits for the channel.</param>
/// <param name="Events">Names and prefixes that its filter lets pass; null = all.</param>
public sealed record SubscriptionFacts(string Channel, bool IsPattern, PresenceWish Presence, long LiveMicros, IReadOnlyList<string>? Events);

/// <summary>One connection in detail.</summary>
public sealed record ConnectionDetail(ConnectionFacts Facts, IReadOnlyList<SubscriptionFacts> Subscriptions);

/// <summary>To a connection's actor: say what you are subscribed to; answered with <see cref="SubscriptionsTold"/>.</summary>
internal sealed class TellSubscriptions
{
    private TellSubscriptions()
    {
    }

    public static TellSubscriptions Instance { get; } = new();
}

/// <summary>Answer to <see cref="TellSubscriptions"/>.</summary>
internal sealed record SubscriptionsTold(IReadOnlyList<SubscriptionFacts> Subscriptions);

/// <summary>To a connection's actor: an operator ends its subscription to a channel or pattern; answered with <see cref="TakenOut"/>.</summary>
internal sealed record TakeOut(string Channel);

/// <param name="Was">False when it was not subscribed.</param>
internal sealed record TakenOut(bool Was);
