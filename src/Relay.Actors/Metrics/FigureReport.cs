namespace Relay.Actors.Metrics;

/// <summary>What an event was to the key figures besides an action.</summary>
internal enum FigureKind : byte
{
    TaskCreated = 1,
    TaskUpdated = 2,
    TaskCompleted = 3,
    TaskFailed = 4,
    AgentConnected = 5,
    AgentDisconnected = 6,
}

/// <summary>One task or agent event.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Id">Of the task or agent; null = the task did not say.</param>
/// <param name="Status">Of a task that was updated; may be null.</param>
/// <param name="AtMicros">When it was accepted.</param>
internal readonly record struct FigureNote(FigureKind Kind, string? Id, string? Status, long AtMicros);

/// <summary>How often something happened about some time.</summary>
internal readonly record struct FigureCount(FigureCounter Counter, long AtMicros, long Amount);

/// <summary>The sliding windows of <see cref="KeyFigures"/>.</summary>
internal enum FigureCounter : byte
{
    Actions = 1,
    Messages = 2,
    Completed = 3,
    Durations = 4,
    DurationMilliseconds = 5,
}

/// <summary>What a node tells the others of the events that passed its channels. Immutable once it is told.</summary>
internal sealed record FigureReport(List<FigureCount> Counts, List<FigureNote> Notes)
{
    public bool IsEmpty => Counts.Count == 0 && Notes.Count == 0;
}
