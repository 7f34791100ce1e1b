namespace Relay.Kernel.Cells;

/// <summary>
/// What most actors never need, in one object created at first use: an idle actor without children, watchers, timers and stash
/// pays eight bytes for all of it. Owned by the cell's turn, except for a guardian's children (<see cref="Gate"/>).
/// </summary>
internal sealed class CellSide
{
    // Children: an intrusive list through the cells themselves (removal in O(1), no memory per child), names only for the named.
    public ActorCell? FirstChild;
    public ActorCell? LastChild;
    public int ChildCount;
    public int StoppingChildren;
    public Dictionary<string, ActorCell>? Named;

    /// <summary>Set for guardians, whose children are started from any thread; guards the five fields above.</summary>
    public Lock? Gate;

    /// <summary>Not the actor itself, which may be between two instances when a child ends.</summary>
    public IChildObserver? Observer;

    // Supervision.
    public Dictionary<ActorCell, RestartWindow>? Restarts;
    public List<ActorCell>? Escalated;
    public PendingRestart? Pending;

    // Death watch.
    public WatcherSet? Watchers;
    public WatchedSet? Watching;
    public WatchedSet? NoticesQueued;

    // Conveniences.
    public TimerScheduler? Timers;
    public ReceiveTimer? ReceiveTimer;
    public Stash? Stash;
    public Stack<Action<object>>? Behaviors;
}

/// <summary>A restart between the end of the old instance and the creation of the new one.</summary>
internal sealed class PendingRestart(Failure failure, TimeSpan delay)
{
    public readonly Failure Failure = failure;
    public readonly TimeSpan Delay = delay;
    public ITimer? Timer;
}
