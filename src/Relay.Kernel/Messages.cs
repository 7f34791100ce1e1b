namespace Relay.Kernel;

/// <summary>Base of the messages that the kernel itself looks at before (or instead of) the actor's own handler.</summary>
public abstract class AutoReceivedMessage
{
    private protected AutoReceivedMessage()
    {
    }

    /// <summary>What the actor's handler sees, and what a failure report names.</summary>
    internal virtual object UserMessage => this;
}

/// <summary>Stops the receiver when its turn in the mailbox comes: everything told before it is handled first.</summary>
public sealed class PoisonPill : AutoReceivedMessage
{
    private PoisonPill()
    {
    }

    public static PoisonPill Instance { get; } = new();
}

/// <summary>Makes the receiver fail with <see cref="ActorKilledException"/>; its supervisor decides (by default: stop).</summary>
public sealed class Kill : AutoReceivedMessage
{
    private Kill()
    {
    }

    public static Kill Instance { get; } = new();
}

/// <summary>
/// Tells a watcher that <see cref="ActorRef"/> has stopped, once per <see cref="IActorContext.Watch"/>. Comes after everything the
/// watched actor told the watcher. An actor that leaves it unhandled fails with <see cref="DeathPactException"/>.
/// </summary>
public sealed class Terminated : AutoReceivedMessage
{
    internal Terminated(IActorRef actorRef) => ActorRef = actorRef;

    public IActorRef ActorRef { get; }
}

/// <summary>Delivered when no message came for the time set with <see cref="IActorContext.SetReceiveTimeout"/>; repeats until switched off.</summary>
public sealed class ReceiveTimeout
{
    private ReceiveTimeout()
    {
    }

    public static ReceiveTimeout Instance { get; } = new();
}

/// <summary>Plain answers for requests that have no type of their own.</summary>
public abstract record Status
{
    private Status()
    {
    }

    /// <summary>The request succeeded. <paramref name="Value"/> is null when there is nothing to say.</summary>
    public sealed record Success(object? Value) : Status
    {
        public static Success Empty { get; } = new((object?)null);
    }

    /// <summary>The request failed; an <c>Ask</c> that gets it throws <paramref name="Cause"/>.</summary>
    public sealed record Failure(Exception Cause) : Status;
}

/// <summary>A message nobody received: its recipient had stopped, never existed, or a bounded buffer was full.</summary>
public sealed record DeadLetter(object Message, IActorRef? Sender, IActorRef Recipient);

/// <summary>
/// <paramref name="Count"/> events of type <paramref name="EventType"/> were counted but not published, because more than the
/// allowed number came within one window. Published once at the end of that window.
/// </summary>
public sealed record EventsSuppressed(Type EventType, long Count);

/// <summary>A message no handler of the actor wanted.</summary>
public sealed record UnhandledMessage(object Message, IActorRef? Sender, IActorRef Recipient);

/// <summary>
/// Published once for every failure of an actor, after its supervisor decided. With escalation <paramref name="Path"/> is the
/// actor that threw and <paramref name="Directive"/> what was finally done at the level that decided.
/// </summary>
public sealed record ActorFailed(ActorPath Path, Exception Exception, Directive Directive);

/// <summary>A delegate subscribed to the event stream threw while handling <paramref name="Event"/>. It stays subscribed.</summary>
public sealed record SubscriberFailed(object Event, Exception Exception);
