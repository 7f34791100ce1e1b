namespace Relay.Kernel.TestKit;

/// <summary>
/// An actor system for tests, in one of two kinds. Deterministic: one thread, virtual time, schedule chosen by the seed. Threaded: the real
/// thread pool; its time is virtual too unless the test passes another.
/// </summary>
public sealed class TestKitSystem : IAsyncDisposable
{
    // Only a watchdog: a test that passes never waits for it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private int _probes;

    private TestKitSystem(ActorSystem system, ManualTime time, DeterministicDispatcher? dispatcher)
    {
        System = system;
        Time = time;
        Dispatcher = dispatcher;
    }

    public ActorSystem System { get; }

    public ManualTime Time { get; }

    /// <summary>Null for the threaded kind.</summary>
    public DeterministicDispatcher? Dispatcher { get; }

    public bool IsDeterministic => Dispatcher is not null;

    /// <summary>
    /// A system of its own clock and dispatcher. A small throughput lets the seed interleave actors message by message; raise it to test batches.
    /// </summary>
    /// <param name="configure">Changes other options; time, randomness and dispatcher stay those of the kit.</param>
    public static TestKitSystem Deterministic(int seed = 1, int throughput = 4, Func<ActorSystemOptions, ActorSystemOptions>? configure = null)
    {
        var dispatcher = new DeterministicDispatcher(seed);
        var time = new ManualTime { Settle = () => dispatcher.RunUntilIdle() };
        return Join("test", time, dispatcher, seed, throughput, configure);
    }

    /// <summary>One of several systems (nodes of a simulated cluster) on a common clock and dispatcher.</summary>
    public static TestKitSystem Join(
        string name,
        ManualTime time,
        DeterministicDispatcher dispatcher,
        int seed = 1,
        int throughput = 4,
        Func<ActorSystemOptions, ActorSystemOptions>? configure = null)
    {
        var options = new ActorSystemOptions { Throughput = throughput };
        options = (configure?.Invoke(options) ?? options) with { Time = time, Dispatcher = dispatcher, Random = new Random(seed) };
        return new TestKitSystem(ActorSystem.Create(name, options), time, dispatcher);
    }

    /// <summary>Real threads, virtual time.</summary>
    public static TestKitSystem Threaded(Func<ActorSystemOptions, ActorSystemOptions>? configure = null)
    {
        var time = new ManualTime();
        var options = new ActorSystemOptions();
        options = (configure?.Invoke(options) ?? options) with { Time = time };
        return new TestKitSystem(ActorSystem.Create("test", options), time, null);
    }

    public IActorRef ActorOf(Props props, string? name = null) => System.ActorOf(props, name);

    public TestProbe CreateProbe(string? name = null) => new(this, name ?? "probe-" + Interlocked.Increment(ref _probes));

    /// <summary>Runs all that is runnable. Deterministic kind only.</summary>
    public void RunUntilIdle() => RequireDispatcher().RunUntilIdle();

    /// <summary>Lets virtual time pass; what wakes runs in between (deterministic kind) or on its own threads.</summary>
    public void Advance(TimeSpan time) => Time.Advance(time);

    /// <summary>The result of a task that the system completes, run to its end or waited for.</summary>
    public T Await<T>(Task<T> task)
    {
        Await((Task)task);
        return task.Result;
    }

    /// <summary>Runs or waits until the task has ended; throws its exception.</summary>
    public void Await(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        Dispatcher?.RunUntilIdle();
        if (Dispatcher is not null && !task.IsCompleted)
        {
            throw new ExpectationFailedException("The system is idle and the task has not ended; let time pass first");
        }

        try
        {
            if (!task.Wait(Patience))
            {
                throw new ExpectationFailedException($"The task did not end within {Patience} of real time");
            }
        }
        catch (AggregateException exception) when (exception.InnerExceptions.Count == 1)
        {
            global::System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        var terminated = System.TerminateAsync(Timeout.InfiniteTimeSpan);
        Dispatcher?.RunUntilIdle();
        await terminated.WaitAsync(Patience);
    }

    internal DeterministicDispatcher RequireDispatcher() =>
        Dispatcher ?? throw new InvalidOperationException("Only a deterministic system knows when it is idle");
}

/// <summary>An expectation of a test was not met.</summary>
public sealed class ExpectationFailedException(string message) : Exception(message);
