using System.Diagnostics.CodeAnalysis;
using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>
/// Marks actors whose <see cref="ActorBase.OnBatchCompleted"/> is to be called: they collect in <c>OnReceive</c> and flush once per
/// turn. A marker, so that all others do not pay for the hook.
/// </summary>
[SuppressMessage("Design", "CA1040:Avoid empty interfaces", Justification = "A marker read once per instance, when it is created.")]
public interface IBatchReceiver;

/// <summary>
/// Base of all actors. One message at a time, never two turns at once, so its fields need no locks. Handlers are synchronous:
/// I/O is started and its result comes back as a message (<c>PipeTo</c>).
/// </summary>
public abstract class ActorBase
{
    private readonly ActorCell _cell;

    /// <exception cref="ActorInitializationException">The instance was not created through <see cref="Props"/>.</exception>
    protected ActorBase() => _cell = ActorCell.TakeCreating(GetType());

    protected IActorContext Context => _cell;

    protected IActorRef Self => _cell;

    /// <summary>Who told the current message; <see cref="ActorSystem.DeadLetters"/> when nobody said.</summary>
    protected IActorRef Sender => _cell.CurrentSender;

    protected abstract void OnReceive(object message);

    /// <summary>Runs before the first message.</summary>
    protected virtual void PreStart()
    {
    }

    /// <summary>Runs after the last message, when all children have stopped.</summary>
    protected virtual void PostStop()
    {
    }

    /// <summary>Runs on the failed instance before it is replaced. Default: stops all children, then <see cref="PostStop"/>.</summary>
    protected virtual void PreRestart(Exception reason, object? message)
    {
        foreach (var child in Context.Children)
        {
            Context.Unwatch(child);
            Context.Stop(child);
        }

        PostStop();
    }

    /// <summary>Runs on the new instance. Default: <see cref="PreStart"/>.</summary>
    protected virtual void PostRestart(Exception reason) => PreStart();

    /// <summary>
    /// Runs after the messages drained in this turn (mailbox empty or throughput bound reached), for actors that implement
    /// <see cref="IBatchReceiver"/>; also before <see cref="PostStop"/> when a stop cuts a turn short, not on a failed instance.
    /// </summary>
    protected virtual void OnBatchCompleted()
    {
    }

    /// <summary>For messages no handler wants: published (bounded) as <see cref="UnhandledMessage"/>.</summary>
    /// <exception cref="DeathPactException">The message is a <see cref="Terminated"/>.</exception>
    protected virtual void Unhandled(object message)
    {
        if (message is Terminated terminated)
        {
            throw new DeathPactException(terminated.ActorRef);
        }

        _cell.PublishUnhandled(message);
    }

    /// <summary>How failures of the children are answered. Asked at each failure.</summary>
    protected virtual SupervisorStrategy SupervisorStrategy() => Kernel.SupervisorStrategy.Default;

    protected void Become(Action<object> receive) => Context.Become(receive);

    protected void BecomeStacked(Action<object> receive) => Context.BecomeStacked(receive);

    protected void UnbecomeStacked() => Context.UnbecomeStacked();

    internal ActorCell Cell => _cell;

    internal void Deliver(object message) => OnReceive(message);

    internal void Start() => PreStart();

    internal void Stopped() => PostStop();

    internal void BeforeRestart(Exception reason, object? message) => PreRestart(reason, message);

    internal void AfterRestart(Exception reason) => PostRestart(reason);

    internal void BatchCompleted() => OnBatchCompleted();

    internal SupervisorStrategy Strategy() => SupervisorStrategy();
}
