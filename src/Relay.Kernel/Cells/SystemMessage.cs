namespace Relay.Kernel.Cells;

/// <summary>
/// What the kernel itself tells a cell: handled before any user message, also while the actor is suspended. Each instance is
/// also the node of the queue, so it is sent once, to one cell.
/// </summary>
internal abstract class SystemMessage
{
    public static readonly SystemMessage Closed = new StopMessage();

    public SystemMessage? Next;
}

internal sealed class StopMessage : SystemMessage;

internal sealed class WatchMessage(ActorCell watcher, IActorRef watched) : SystemMessage
{
    public readonly ActorCell Watcher = watcher;

    /// <summary>The ref the watcher named; it differs from the cell when that ref is a region.</summary>
    public readonly IActorRef Watched = watched;
}

internal sealed class UnwatchMessage(ActorCell watcher, IActorRef watched) : SystemMessage
{
    public readonly ActorCell Watcher = watcher;
    public readonly IActorRef Watched = watched;
}

internal sealed class DeathNotice(IActorRef actor) : SystemMessage
{
    public readonly IActorRef Actor = actor;
}

internal sealed class ChildTerminated(ActorCell child) : SystemMessage
{
    public readonly ActorCell Child = child;
}

/// <summary>A child failed and is suspended until the parent answers with one of the three messages below or a stop.</summary>
internal sealed class Failed(ActorCell child, Failure failure) : SystemMessage
{
    public readonly ActorCell Child = child;
    public readonly Failure Failure = failure;
}

/// <param name="Origin">Path of the actor that threw; differs from the failed child after an escalation.</param>
internal sealed record Failure(ActorPath Origin, Exception Exception, object? Message);

internal sealed class ResumeMessage : SystemMessage;

internal sealed class RestartMessage(Failure failure, TimeSpan delay) : SystemMessage
{
    public readonly Failure Failure = failure;
    public readonly TimeSpan Delay = delay;
}

/// <summary>The back-off of a restart is over.</summary>
internal sealed class RecreateMessage(PendingRestart restart) : SystemMessage
{
    public readonly PendingRestart Restart = restart;
}
