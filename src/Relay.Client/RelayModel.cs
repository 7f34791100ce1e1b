using System.Text.Json;

namespace Relay.Client;

/// <summary>A place in a channel's sequence.</summary>
/// <param name="Epoch">The sequence's life.</param>
/// <param name="Offset">1 for the first event accepted in it; 0 = before it.</param>
public readonly record struct RelayPlace(string Epoch, long Offset);

/// <summary>What a subscription brings: a <see cref="RelayEvent"/>, or a <see cref="RelayGap"/> in place of events that will not come.</summary>
/// <param name="Channel">Where it stands.</param>
public abstract record RelayItem(string Channel);

/// <summary>One event.</summary>
/// <param name="Channel">Its channel.</param>
/// <param name="Name">Such as <c>task.created</c>.</param>
/// <param name="Data">The payload; <see cref="JsonValueKind.Undefined"/> where the publisher sent none. Outlives the connection.</param>
public sealed record RelayEvent(string Channel, string Name, JsonElement Data) : RelayItem(Channel)
{
    /// <summary>The publish id or the relay's own.</summary>
    public string? Id { get; init; }

    /// <summary>The publisher's key.</summary>
    public string? Key { get; init; }

    /// <summary>When it was accepted.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>Null for transient events, which no resume brings again.</summary>
    public RelayPlace? Place { get; init; }

    /// <summary>The payload as <typeparamref name="T"/>, with the conventions of the web.</summary>
    public T? As<T>() => Data.ValueKind == JsonValueKind.Undefined ? default : Data.Deserialize<T>(JsonSerializerOptions.Web);
}

/// <summary>Events that are missing and will not come.</summary>
/// <param name="Channel">The channel, or the pattern, which cannot say what it missed.</param>
/// <param name="Epoch">Of which life; null for a pattern.</param>
/// <param name="First">First missing offset; 0 where unknown.</param>
/// <param name="Last">Last missing offset; below <paramref name="First"/> where another life began and nothing of it is missing.</param>
public sealed record RelayGap(string Channel, string? Epoch, long First, long Last) : RelayItem(Channel);

/// <summary>The relay has accepted a publish.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Place">Null for transient events.</param>
/// <param name="Duplicate">True when the id was known: this is where it stands since the first time.</param>
/// <param name="Subscribers">Of the channel, at that moment.</param>
public sealed record RelayPublished(string Id, RelayPlace? Place, bool Duplicate, long Subscribers);

/// <summary>One connection that is present.</summary>
public sealed record RelayMember(string ClientId, string? UserId);

/// <summary>Who is on a channel.</summary>
/// <param name="Members">At most 1,000.</param>
/// <param name="Count">Connections in all.</param>
/// <param name="Users">Distinct users in all.</param>
public sealed record RelayPresence(IReadOnlyList<RelayMember> Members, long Count, long Users);

/// <summary>The relay refused something, for good.</summary>
public sealed class RelayRefusedException : Exception
{
    /// <summary>A refusal.</summary>
    public RelayRefusedException(string code, string message)
        : base($"{code}: {message}") => Code = code;

    /// <summary>As in docs/protocols.md: <c>NOT_AUTHORIZED</c>, <c>VERSION_MISMATCH</c>, …; of the client itself: <c>QUEUE_FULL</c>, <c>UNAUTHORIZED</c>.</summary>
    public string Code { get; }
}
