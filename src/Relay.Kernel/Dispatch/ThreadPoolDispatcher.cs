namespace Relay.Kernel;

/// <summary>
/// Runs turns on the .NET thread pool without allocating: the actor itself is the work item.
/// </summary>
/// <remarks>
/// Always through the pool's global queue, first in first out. The local queues (<c>preferLocal</c>) were measured and gave nothing, neither for
/// pipelines nor for ping-pong, spawning or asking (bench/Relay.Kernel.Bench, 2 cores), and they cost fairness: the pool serves a thread's
/// local queue first and last in first out, so a few actors that keep waking each other could keep that thread from sockets and timers.
/// </remarks>
public sealed class ThreadPoolDispatcher : IDispatcher
{
    private ThreadPoolDispatcher()
    {
    }

    public static ThreadPoolDispatcher Instance { get; } = new();

    public void Schedule(IActorTurn turn) => ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
}
