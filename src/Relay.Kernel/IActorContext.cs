namespace Relay.Kernel;

/// <summary>
/// What an actor may do with itself and its surroundings. Owned by the actor's turn: never call it from another thread or from
/// the continuation of a task (use <c>PipeTo</c>).
/// </summary>
public interface IActorContext
{
    IActorRef Self { get; }

    /// <summary>Who told the current message; <see cref="ActorSystem.DeadLetters"/> when nobody said.</summary>
    IActorRef Sender { get; }

    /// <summary>The supervisor; <see cref="ActorRefs.Nobody"/> for the guardians.</summary>
    IActorRef Parent { get; }

    ActorSystem System { get; }

    /// <summary>A snapshot of the living children, oldest first; children that are stopping are in it.</summary>
    IReadOnlyCollection<IActorRef> Children { get; }

    int ChildCount { get; }

    /// <summary>Timers that speak to this actor; cancelled at restart and stop.</summary>
    ITimerScheduler Timers { get; }

    /// <summary>Messages put aside; they survive a restart and become dead letters at stop.</summary>
    IStash Stash { get; }

    /// <summary>The time set with <see cref="SetReceiveTimeout"/>, or null.</summary>
    TimeSpan? ReceiveTimeout { get; }

    /// <summary>The child with this name, or null.</summary>
    IActorRef? Child(string name);

    /// <summary>Starts a child. Its constructor and <c>PreStart</c> run on its own first turn.</summary>
    /// <exception cref="InvalidActorNameException">The name is empty or taken.</exception>
    /// <exception cref="InvalidOperationException">This actor is stopping.</exception>
    IActorRef ActorOf(Props props, string? name = null);

    /// <summary>Stops this actor or any other after its current message; what is left in its mailbox becomes dead letters.</summary>
    void Stop(IActorRef actor);

    /// <summary>Asks for one <see cref="Terminated"/> when <paramref name="actor"/> stops, at once if it already has. Repeating it changes nothing.</summary>
    IActorRef Watch(IActorRef actor);

    /// <summary>As <see cref="Watch"/>, but <paramref name="message"/> is delivered in place of <see cref="Terminated"/>.</summary>
    IActorRef WatchWith(IActorRef actor, object message);

    /// <summary>Ends a watch; a notice that is already in the mailbox is not delivered any more.</summary>
    IActorRef Unwatch(IActorRef actor);

    /// <summary>
    /// Delivers <see cref="Kernel.ReceiveTimeout"/> when no message was handled for <paramref name="timeout"/>; null switches it off.
    /// Counted from the end of the turn that handled the last message.
    /// </summary>
    void SetReceiveTimeout(TimeSpan? timeout);

    /// <summary>Replaces the current behaviour.</summary>
    void Become(Action<object> receive);

    /// <summary>Puts a behaviour on top of the current one.</summary>
    void BecomeStacked(Action<object> receive);

    /// <summary>Back to the behaviour below; at the bottom stands the actor's own <c>OnReceive</c>, which stays.</summary>
    void UnbecomeStacked();
}

/// <summary>
/// Timers of one actor, by key. A timer that was cancelled or replaced never delivers, not even when its message is already in
/// the mailbox: the message carries the incarnation of its timer and is dropped when that is not the current one.
/// </summary>
public interface ITimerScheduler
{
    /// <summary>Delivers <paramref name="message"/> once after <paramref name="delay"/>, replacing a timer of the same key.</summary>
    void StartSingle(object key, object message, TimeSpan delay);

    /// <summary>
    /// Delivers <paramref name="message"/> every <paramref name="interval"/>. At most one tick of a timer waits in the mailbox:
    /// an actor that is late skips ticks instead of collecting them.
    /// </summary>
    void StartPeriodic(object key, object message, TimeSpan interval);

    void Cancel(object key);

    void CancelAll();

    bool IsActive(object key);
}

/// <summary>Messages an actor has put aside for later. Bounded.</summary>
public interface IStash
{
    int Count { get; }

    int Capacity { get; }

    /// <summary>Puts the current message aside.</summary>
    /// <exception cref="StashException">The stash is full, or the current message is already in it.</exception>
    void Stash();

    /// <summary>Puts the oldest stashed message in front of the mailbox.</summary>
    void Unstash();

    /// <summary>Puts all stashed messages in front of the mailbox, in the order in which they came.</summary>
    void UnstashAll();
}
