using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>What one can do with any ref.</summary>
public static class ActorRefExtensions
{
    /// <summary>Passes a message on as if the original sender had told it to <paramref name="target"/> itself.</summary>
    public static void Forward(this IActorRef target, object message, IActorContext context)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(context);
        target.Tell(message, context.Sender);
    }

    /// <summary>Tells <paramref name="message"/> and completes with the first answer. Leaves nothing behind, whatever the outcome.</summary>
    /// <param name="timeout">By the clock of the target's system; <see cref="Timeout.InfiniteTimeSpan"/> waits for ever.</param>
    /// <exception cref="AskTimeoutException">No answer in time, or the target is <see cref="ActorRefs.Nobody"/>.</exception>
    /// <exception cref="InvalidCastException">The answer is no <typeparamref name="T"/>.</exception>
    /// <remarks>An answer of <see cref="Status.Failure"/> throws its cause. From within an actor use <c>PipeTo</c>, never wait.</remarks>
    public static Task<T> Ask<T>(this IActorRef target, object message, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(cancellationToken);
        }

        if (target.System is not { } system)
        {
            return Task.FromException<T>(new AskTimeoutException($"{target} never answers {message.GetType()}"));
        }

        var ask = new AskOperation<T>(system, target, message, timeout, cancellationToken);
        target.Tell(message, ask);
        return ask.Task;
    }

    /// <summary>
    /// Tells <paramref name="stopMessage"/> (default: <see cref="PoisonPill"/>) and completes when the actor has stopped.
    /// </summary>
    /// <returns>False when it did not stop within <paramref name="timeout"/>.</returns>
    public static async Task<bool> GracefulStop(this IActorRef target, TimeSpan timeout, object? stopMessage = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (ActorRefs.CellOf(target) is not { } cell)
        {
            return true;
        }

        var system = cell.System;
        var stopped = new TaskCompletionSource(system.CompletionOptions);
        if (TryStartWatcher(system, target, stopped) is not { } watcher)
        {
            // The kernel's own actors are ending already, which they do only after all others.
            return await Bounded.WaitAsync(system.WhenTerminated, timeout, system.Time, system.CompletionOptions);
        }

        target.Tell(stopMessage ?? PoisonPill.Instance);
        var inTime = await Bounded.WaitAsync(stopped.Task, timeout, system.Time, system.CompletionOptions);
        system.Stop(watcher);
        return inTime;
    }

    private static ActorCell? TryStartWatcher(ActorSystem system, IActorRef target, TaskCompletionSource stopped)
    {
        try
        {
            return system.SystemGuardian.StartChild(Props.Create(() => new StopWatcher(target, stopped)), null);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private sealed class StopWatcher(IActorRef target, TaskCompletionSource stopped) : ActorBase
    {
        protected override void PreStart() => Context.Watch(target);

        protected override void OnReceive(object message)
        {
            if (message is Terminated)
            {
                stopped.TrySetResult();
            }
        }

        // The system ends before the target: nothing is left to wait for.
        protected override void PostStop() => stopped.TrySetResult();
    }
}
