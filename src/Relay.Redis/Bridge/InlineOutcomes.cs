using Relay.Actors.Bridges;

namespace Relay.Redis.Bridge;

/// <summary>
/// The relay's outcomes without a hop through the thread pool. The relay completes its answers so that whatever follows runs on the pool, since most callers
/// may do anything then. A source that only counts them need not pay a thread's wake-up for each.
/// </summary>
internal static class InlineOutcomes
{
    /// <summary>As <paramref name="publish"/>, but what awaits the task runs at once where the outcome is told: it must be short and must not block.</summary>
    public static BridgePublisher Of(BridgePublisher publish) => (items, cancellationToken) =>
    {
        var outcome = new TaskCompletionSource<BridgeAccepted>();
        publish(items, cancellationToken).ContinueWith(
            static (published, state) => ((TaskCompletionSource<BridgeAccepted>)state!).SetFromTask(published),
            outcome,
            CancellationToken.None,

            // Without it, what awaits the outcome would take this scheduler for one of its own and go back to the pool.
            TaskContinuationOptions.HideScheduler,
            AtOnce.Instance);
        return outcome.Task;
    };

    private sealed class AtOnce : TaskScheduler
    {
        public static AtOnce Instance { get; } = new();

        protected override void QueueTask(Task task) => TryExecuteTask(task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => TryExecuteTask(task);

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}
