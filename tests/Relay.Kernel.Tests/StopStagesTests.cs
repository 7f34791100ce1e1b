using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class StopStagesTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Stages_run_in_order_and_neither_failure_nor_lateness_skips_the_later_ones()
    {
        var time = new ManualTime();
        var log = new List<string>();
        var entered = new TaskCompletionSource();
        var token = CancellationToken.None;
        var stages = new StopStages(time)
            .Add("refuse new", Second, Log("refuse new", Task.CompletedTask))
            .Add("fails", Second, _ => throw new Boom("sync"))
            .Add("fails later", Second, Log("fails later", Task.FromException(new Boom("async"))))
            .Add("hangs", 5 * Second, cancellation =>
            {
                token = cancellation;
                log.Add("hangs");
                entered.SetResult();
                return new TaskCompletionSource().Task;
            })
            .Add("last", Second, Log("last", Task.CompletedTask));
        var run = stages.RunAsync();
        await entered.Task;
        Assert.Same(run, stages.RunAsync());
        time.Advance(5 * Second);
        var outcomes = await run;
        Assert.Equal(["refuse new", "fails later", "hangs", "last"], log);
        Assert.Equal(
            [
                ("refuse new", StopStageResult.Completed, TimeSpan.Zero, null),
                ("fails", StopStageResult.Failed, TimeSpan.Zero, "sync"),
                ("fails later", StopStageResult.Failed, TimeSpan.Zero, "async"),
                ("hangs", StopStageResult.TimedOut, 5 * Second, null),
                ("last", StopStageResult.Completed, TimeSpan.Zero, (string?)null),
            ],
            outcomes.Select(one => (one.Name, one.Result, one.Elapsed, one.Exception?.Message)));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(0, time.ActiveTimers);

        Func<CancellationToken, Task> Log(string name, Task outcome) => _ =>
        {
            log.Add(name);
            return outcome;
        };
    }

    [Fact]
    public async Task A_stage_that_obeys_its_cancellation_counts_as_late()
    {
        var time = new ManualTime();
        var entered = new TaskCompletionSource();
        var stages = new StopStages(time).Add("obeys", Second, cancellation =>
        {
            entered.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation);
        });
        var run = stages.RunAsync();
        await entered.Task;
        time.Advance(Second);
        Assert.Equal(StopStageResult.TimedOut, Assert.Single(await run).Result);
    }

    [Fact]
    public async Task Names_are_unique_and_nothing_is_added_after_the_start()
    {
        var stages = new StopStages(new ManualTime()).Add("a", Second, _ => Task.CompletedTask);
        Assert.Throws<ArgumentException>(() => stages.Add("a", Second, _ => Task.CompletedTask));
        await stages.RunAsync();
        Assert.Throws<InvalidOperationException>(() => stages.Add("b", Second, _ => Task.CompletedTask));
    }
}
