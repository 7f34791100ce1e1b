namespace Relay.Kernel;

public enum StopStageResult
{
    Completed,

    /// <summary>The stage threw; see <see cref="StopStageOutcome.Exception"/>.</summary>
    Failed,

    /// <summary>The stage did not end within its bound. Its token is cancelled, it is not waited for any more.</summary>
    TimedOut,
}

/// <summary>What became of one stage.</summary>
public sealed record StopStageOutcome(string Name, StopStageResult Result, TimeSpan Elapsed, Exception? Exception);

/// <summary>
/// A stop in named stages that run in the order of their declaration (Akka's CoordinatedShutdown, reduced to a list). Each stage has
/// a bound; one that fails or is late never keeps the later ones from running. Stages are declared by one thread, at start.
/// </summary>
public sealed class StopStages(TimeProvider time)
{
    private readonly List<Stage> _stages = [];
    private readonly Lock _lock = new();
    private Task<IReadOnlyList<StopStageOutcome>>? _run;

    /// <summary>Appends a stage.</summary>
    /// <param name="name">Unique; appears in the outcome.</param>
    /// <param name="bound">The longest the later stages wait for this one.</param>
    /// <param name="stop">The work; its token is cancelled when the bound is reached.</param>
    /// <exception cref="InvalidOperationException">The stop has begun.</exception>
    public StopStages Add(string name, TimeSpan bound, Func<CancellationToken, Task> stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(bound, TimeSpan.Zero);
        ArgumentNullException.ThrowIfNull(stop);
        lock (_lock)
        {
            if (_run is not null)
            {
                throw new InvalidOperationException($"Stage '{name}' comes too late: the stop has begun");
            }

            if (_stages.Exists(stage => string.Equals(stage.Name, name, StringComparison.Ordinal)))
            {
                throw new ArgumentException($"There is already a stage '{name}'", nameof(name));
            }

            _stages.Add(new Stage(name, bound, stop));
        }

        return this;
    }

    /// <summary>Runs all stages, once: later calls get the same task. Never faults.</summary>
    public Task<IReadOnlyList<StopStageOutcome>> RunAsync()
    {
        var promise = new TaskCompletionSource<IReadOnlyList<StopStageOutcome>>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_run is not null)
            {
                return _run;
            }

            _run = promise.Task;
        }

        _ = RunAllAsync(promise);
        return promise.Task;
    }

    private async Task RunAllAsync(TaskCompletionSource<IReadOnlyList<StopStageOutcome>> promise)
    {
        var outcomes = new List<StopStageOutcome>(_stages.Count);
        foreach (var stage in _stages)
        {
            outcomes.Add(await RunAsync(stage));
        }

        promise.SetResult(outcomes);
    }

    private async Task<StopStageOutcome> RunAsync(Stage stage)
    {
        var startedAt = time.GetTimestamp();
        using var late = new CancellationTokenSource(stage.Bound, time);
        try
        {
            var work = stage.Stop(late.Token);
            if (!await Bounded.WaitAsync(work, stage.Bound, time, TaskCreationOptions.None))
            {
                // Nobody waits for it any more; its exception counts as seen.
                _ = work.ContinueWith(
                    static done => done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                return Outcome(StopStageResult.TimedOut, null);
            }

            await work;
            return Outcome(StopStageResult.Completed, null);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return Outcome(StopStageResult.TimedOut, null);
        }
        catch (Exception exception)
        {
            return Outcome(StopStageResult.Failed, exception);
        }

        StopStageOutcome Outcome(StopStageResult result, Exception? exception) =>
            new(stage.Name, result, time.GetElapsedTime(startedAt), exception);
    }

    private sealed record Stage(string Name, TimeSpan Bound, Func<CancellationToken, Task> Stop);
}
