namespace Relay.Kernel;

/// <summary>
/// The only handle on an actor. Refs may be kept, compared (by reference) and used from any thread, also after the actor
/// has stopped: what is told to a stopped actor becomes a dead letter.
/// </summary>
public interface IActorRef
{
    /// <summary>Where the actor stands in the tree. Built on demand; not meant for hot paths.</summary>
    ActorPath Path { get; }

    /// <summary>The system the actor lives in; <c>null</c> only for <see cref="ActorRefs.Nobody"/>.</summary>
    ActorSystem? System { get; }

    /// <summary>
    /// Puts <paramref name="message"/> into the actor's mailbox and returns. Two messages from one thread to one actor arrive in
    /// the order in which they were told. Never blocks, never throws except for a null message.
    /// </summary>
    /// <param name="message">Any object; immutable by convention, since both sides then hold it.</param>
    /// <param name="sender">Whom to answer. Explicit: there is no ambient "current actor" as in Akka.NET.</param>
    void Tell(object message, IActorRef? sender = null);
}

/// <summary>A turn of one actor, ready to run. Dispatchers run it exactly once per call of <see cref="IDispatcher.Schedule"/>.</summary>
public interface IActorTurn : IThreadPoolWorkItem
{
    /// <summary>Number of the actor within its system, in order of creation: the same in every run of the same seed.</summary>
    long Id { get; }

    /// <summary>Path of the actor, for traces.</summary>
    ActorPath Path { get; }
}

/// <summary>Decides where and when turns run. Must not run a turn inside <see cref="Schedule"/>.</summary>
public interface IDispatcher
{
    /// <summary>
    /// Whether continuations of tasks that the kernel completes (ask, termination) run inline on the completing thread. True for
    /// single-threaded dispatchers only: there an asynchronous continuation would leave the deterministic schedule.
    /// </summary>
    bool InlineContinuations => false;

    /// <summary>Queues one turn at the back. Called from any thread.</summary>
    void Schedule(IActorTurn turn);
}
