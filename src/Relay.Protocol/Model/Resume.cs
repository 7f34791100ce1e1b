namespace Relay.Protocol;

/// <summary>Native: take up an earlier connection's session (protocols.md, <c>relay</c>, "Sessions").</summary>
public sealed class ResumeCommand : ClientCommand
{
    /// <summary>The token of the session's <c>connected</c> frame, as the client wrote it. A secret: never logged.</summary>
    public required string Session { get; init; }

    /// <summary>The last position the client has of each channel; channels it does not name come back live.</summary>
    public required IReadOnlyDictionary<string, StreamPosition> Positions { get; init; }
}

/// <summary>Native: positive answer to <c>resume</c>. What was missed follows it, channel by channel in order.</summary>
public sealed class ResumedMessage : AckMessage
{
    /// <summary>The token to use the next time.</summary>
    public required string Session { get; init; }

    /// <summary>The session's client id, which is this connection's from now on.</summary>
    public required string ClientId { get; init; }

    /// <summary>Every subscription the session had.</summary>
    public required IReadOnlyList<ResumedChannel> Channels { get; init; }
}

/// <summary>What became of one subscription of a resumed session.</summary>
/// <param name="Channel">Channel or pattern.</param>
/// <param name="Position">Where the channel stood; none for a pattern and for one that was refused.</param>
/// <param name="Recovered">True when everything after the client's position follows; null for a pattern and for one that was refused.</param>
/// <param name="Error">Why it did not come back; null when it did.</param>
public sealed record ResumedChannel(string Channel, StreamPosition Position = default, bool? Recovered = null, ErrorCode? Error = null);
