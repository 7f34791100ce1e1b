namespace Relay.History;

/// <summary>What can be wrong with a history.</summary>
public enum FindingKind
{
    /// <summary>Acknowledged, and not in the final content, or not seen by a subscriber that was told of no gap there.</summary>
    Lost,

    /// <summary>The same event twice in one subscription, or one publish id at two places.</summary>
    Repeated,

    /// <summary>Seen behind a later one, or placed before an event whose ack came before it was invoked.</summary>
    Reordered,

    /// <summary>Acknowledged, seen or stored, and never invoked, or refused for good.</summary>
    Phantom,

    /// <summary>Two different events at one place, or a body that is not the one published.</summary>
    Conflicting,

    /// <summary>An offset jump or a new epoch of which the subscriber was not told; a hole in the final content.</summary>
    SilentGap,
}

/// <summary>One thing that is wrong.</summary>
/// <param name="Kind">What kind.</param>
/// <param name="Channel">Where.</param>
/// <param name="Who">The publisher or subscriber that shows it; <c>journal</c> for the final content.</param>
/// <param name="Text">What was expected and found.</param>
public sealed record Finding(FindingKind Kind, string Channel, string Who, string Text)
{
    public override string ToString() => $"{Kind} {Channel} {Who}: {Text}";
}

/// <summary>What a checker found, and on how much it looked: no finding in an empty history means nothing.</summary>
public sealed record CheckReport
{
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Different publish ids.</summary>
    public required int Published { get; init; }

    /// <summary>Ids with at least one success ack.</summary>
    public required int Acknowledged { get; init; }

    /// <summary>Acks that said <c>duplicate</c>.</summary>
    public required int Duplicates { get; init; }

    /// <summary>Refusals.</summary>
    public required int Refusals { get; init; }

    /// <summary>Ids never acknowledged that were stored or seen, which is allowed.</summary>
    public required int UnacknowledgedKept { get; init; }

    /// <summary>Events read by subscribers.</summary>
    public required long Deliveries { get; init; }

    /// <summary>Subscriptions that asked to resume.</summary>
    public required int Resumes { get; init; }

    /// <summary>Gap notices and resumes answered with <c>recovered:false</c>.</summary>
    public required int ToldGaps { get; init; }

    /// <summary>Events in the final content.</summary>
    public required int Stored { get; init; }

    public int Count(FindingKind kind) => Findings.Count(finding => finding.Kind == kind);

    /// <summary>Figures in one line, then at most 40 findings.</summary>
    public override string ToString() => string.Join(
        '\n',
        Findings.Take(40).Select(static finding => finding.ToString()).Prepend(
            $"published {Published}, acknowledged {Acknowledged}, duplicates {Duplicates}, refusals {Refusals}, kept without ack {UnacknowledgedKept}, "
            + $"stored {Stored}, deliveries {Deliveries}, resumes {Resumes}, told gaps {ToldGaps}; "
            + string.Join(", ", Enum.GetValues<FindingKind>().Select(kind => $"{kind} {Count(kind)}"))));
}
