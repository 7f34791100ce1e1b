using Microsoft.Extensions.Logging;
using Relay.Node.Loops;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.Loops;

public sealed class EventLoopsTests : IDisposable
{
    private readonly ErrorLog _errors = new();
    private readonly ILoggerFactory _loggers;

    public EventLoopsTests() => _loggers = LoggerFactory.Create(logging => logging.AddProvider(_errors));

    public void Dispose() => _loggers.Dispose();

    [Fact]
    public async Task Turns_of_one_loop_run_in_the_order_in_which_they_were_posted()
    {
        using var loops = Start(1);
        var ran = new List<int>();
        var done = new TaskCompletionSource();
        loops.Post(new Turn(() =>
        {
            // From the loop itself, so that nothing runs before all are there.
            for (var i = 0; i < 1000; i++)
            {
                var number = i;
                loops.Post(new Turn(() => ran.Add(number)));
            }

            loops.Post(new Turn(done.SetResult));
        }));
        await done.Task;
        Assert.Equal(Enumerable.Range(0, 1000), ran);
    }

    [Fact]
    public async Task A_loop_that_sleeps_is_woken_by_a_turn_from_outside()
    {
        using var loops = Start(1);
        for (var i = 0; i < 1000; i++)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            loops.Post(new Turn(done.SetResult));
            await done.Task;
        }
    }

    [Fact]
    public async Task Nothing_that_many_threads_post_is_lost()
    {
        using var loops = Start(3);
        const int Threads = 4;
        const int Turns = 20_000;
        var left = Threads * Turns;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var turn = new Turn(() =>
        {
            if (Interlocked.Decrement(ref left) == 0)
            {
                done.SetResult();
            }
        });
        var threads = Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < Turns; i++)
            {
                loops.Post(turn);
            }
        })).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        await done.Task;
    }

    [Fact]
    public async Task While_one_loop_is_held_up_another_takes_its_turns()
    {
        using var loops = Start(2);
        using var release = new ManualResetEventSlim();
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loops.Post(new Turn(() =>
        {
            // Two, because for one the other loop is not woken: this thread would run it next.
            loops.Post(new Turn(() => taken.TrySetResult()));
            loops.Post(new Turn(() => taken.TrySetResult()));
            release.Wait();
            held.SetResult();
        }));
        await taken.Task;
        release.Set();
        await held.Task;
    }

    [Fact]
    public async Task A_turn_that_throws_is_logged_and_ends_nothing()
    {
        using var loops = Start(1);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loops.Post(new Turn(() => throw new InvalidOperationException("a bug")));
        loops.Post(new Turn(done.SetResult));
        await done.Task;
        Assert.Contains("a bug", Assert.Single(_errors.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_posted_after_the_end_runs_on_the_thread_pool()
    {
        var loops = Start(2);
        loops.Dispose();
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        loops.Post(new Turn(() => done.SetResult(Thread.CurrentThread.IsThreadPoolThread)));
        Assert.True(await done.Task);
    }

    private EventLoops Start(int count) => new(count, TimeProvider.System, _loggers.CreateLogger<EventLoops>());

    private sealed class Turn(Action action) : IThreadPoolWorkItem
    {
        public void Execute() => action();
    }
}
