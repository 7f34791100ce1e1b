namespace Relay.Actors.Tests;

/// <summary>Keeps what async code posts (the pump of a slow client) on the test's thread and in its schedule.</summary>
internal sealed class TurnContext : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();

    public bool IsIdle => _posted.Count == 0;

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    public bool RunOne()
    {
        if (!_posted.TryDequeue(out var next))
        {
            return false;
        }

        Inline(() => next.Callback(next.State));
        return true;
    }

    /// <summary>
    /// Runs <paramref name="action"/> without a context: what it completes goes on here and now. With one, the runtime would hand continuations of
    /// <c>ConfigureAwait(false)</c> to the thread pool and the schedule would no longer be the test's.
    /// </summary>
    public static void Inline(Action action)
    {
        var context = Current;
        SetSynchronizationContext(null);
        try
        {
            action();
        }
        finally
        {
            SetSynchronizationContext(context);
        }
    }
}
