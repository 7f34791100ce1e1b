namespace Relay.Kernel;

/// <summary>Waiting with a bound, by the system's clock and without leaving a timer behind.</summary>
internal static class Bounded
{
    /// <summary>True when <paramref name="task"/> ended (in whatever way) within <paramref name="timeout"/>.</summary>
    public static async Task<bool> WaitAsync(Task task, TimeSpan timeout, TimeProvider time, TaskCreationOptions completion)
    {
        if (task.IsCompleted)
        {
            return true;
        }

        var timedOut = new TaskCompletionSource(completion);
        await using var timer = time.CreateTimer(
            static state => ((TaskCompletionSource)state!).TrySetResult(), timedOut, timeout, Timeout.InfiniteTimeSpan);
        return await Task.WhenAny(task, timedOut.Task) == task;
    }
}
