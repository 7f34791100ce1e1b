namespace Relay.Kernel;

/// <summary>The constructor, <c>PreStart</c> or <c>PostRestart</c> of an actor threw. Default directive: stop.</summary>
public sealed class ActorInitializationException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The actor received <see cref="Kill"/>. Default directive: stop.</summary>
public sealed class ActorKilledException(string message) : Exception(message);

/// <summary>The actor did not handle a <see cref="Terminated"/> of an actor it watches. Default directive: stop.</summary>
public sealed class DeathPactException(IActorRef deadActor)
    : Exception($"Monitored actor {deadActor.Path} terminated and its watcher did not handle Terminated")
{
    public IActorRef DeadActor { get; } = deadActor;
}

/// <summary>The name is empty, too long or in use among the parent's children.</summary>
public sealed class InvalidActorNameException(string message) : Exception(message);

/// <summary>The stash is full (<see cref="Props.WithStashCapacity"/>), or the current message is already in it.</summary>
public sealed class StashException(string message) : Exception(message);

/// <summary>No answer came in time.</summary>
public sealed class AskTimeoutException(string message) : TimeoutException(message);
