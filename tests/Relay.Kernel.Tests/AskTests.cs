using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

public sealed class AskTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task An_ask_completes_with_the_answer()
    {
        await using var kit = TestKitSystem.Deterministic();
        var echo = kit.ActorOf(Echo.Props);
        Assert.Equal(7, kit.Await(echo.Ask<int>(7, Second)));
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task An_ask_works_on_real_threads()
    {
        await using var kit = TestKitSystem.Threaded();
        var echo = kit.ActorOf(Echo.Props);
        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => echo.Ask<int>(i, Second)));
        Assert.Equal(Enumerable.Range(0, 1000), answers);
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task An_unanswered_ask_times_out_by_the_clock_of_the_system_and_leaves_no_timer()
    {
        await using var kit = TestKitSystem.Deterministic();
        var silent = kit.ActorOf(Lambda.Props((_, _) => { }), "silent");
        var ask = silent.Ask<int>("?", Second);
        kit.Advance(Second - TimeSpan.FromTicks(1));
        Assert.False(ask.IsCompleted);
        kit.Advance(TimeSpan.FromTicks(1));
        var exception = Assert.Throws<AskTimeoutException>(() => kit.Await(ask));
        Assert.Contains("actor://test/user/silent", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, kit.Time.ActiveTimers);
    }

    [Fact]
    public async Task An_answer_after_the_time_out_is_a_dead_letter()
    {
        await using var kit = TestKitSystem.Deterministic();
        IActorRef? asker = null;
        var late = kit.ActorOf(Lambda.Props((me, _) => asker = me.From));
        var ask = late.Ask<int>("?", Second);
        kit.Advance(Second);
        Assert.Throws<AskTimeoutException>(() => kit.Await(ask));
        asker!.Tell(1);
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task Only_the_first_answer_counts()
    {
        await using var kit = TestKitSystem.Deterministic();
        var twice = kit.ActorOf(Lambda.Props((me, _) =>
        {
            me.From.Tell(1);
            me.From.Tell(2);
        }));
        Assert.Equal(1, kit.Await(twice.Ask<int>("?", Second)));
        Assert.Equal(1, kit.System.Statistics.DeadLetters);
    }

    [Fact]
    public async Task A_failure_status_throws_its_cause()
    {
        await using var kit = TestKitSystem.Deterministic();
        var failing = kit.ActorOf(Lambda.Props((me, _) => me.From.Tell(new Status.Failure(new Boom("no")))));
        Assert.Equal("no", Assert.Throws<Boom>(() => kit.Await(failing.Ask<int>("?", Second))).Message);
        Assert.IsType<Boom>(kit.Await(failing.Ask<Status.Failure>("?", Second)).Cause);
    }

    [Fact]
    public async Task An_answer_of_another_type_throws()
    {
        await using var kit = TestKitSystem.Deterministic();
        var echo = kit.ActorOf(Echo.Props);
        Assert.Throws<InvalidCastException>(() => kit.Await(echo.Ask<int>("text", Second)));
    }

    [Fact]
    public async Task A_cancelled_ask_ends_and_leaves_no_timer()
    {
        await using var kit = TestKitSystem.Deterministic();
        var silent = kit.ActorOf(Lambda.Props((_, _) => { }));
        using var cancel = new CancellationTokenSource();
        var ask = silent.Ask<int>("?", Second, cancel.Token);
        Assert.Equal(1, kit.Time.ActiveTimers);
        await cancel.CancelAsync();
        Assert.True(ask.IsCanceled);
        Assert.Equal(0, kit.Time.ActiveTimers);
        Assert.True(silent.Ask<int>("?", Second, cancel.Token).IsCanceled);
    }

    [Fact]
    public async Task Asking_nobody_fails_at_once()
    {
        await Assert.ThrowsAsync<AskTimeoutException>(() => ActorRefs.Nobody.Ask<int>("?", Second));
    }

    [Fact]
    public async Task An_infinite_ask_sets_no_timer()
    {
        await using var kit = TestKitSystem.Deterministic();
        var silent = kit.ActorOf(Lambda.Props((_, _) => { }));
        var ask = silent.Ask<int>("?", Timeout.InfiniteTimeSpan);
        Assert.Equal(0, kit.Time.ActiveTimers);
        kit.Advance(TimeSpan.FromDays(365));
        Assert.False(ask.IsCompleted);
    }

    [Fact]
    public async Task Piped_results_failures_and_mappings_arrive_as_messages()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        var from = kit.ActorOf(Echo.Props);
        Task.FromResult(5).PipeTo(probe.Ref, from);
        probe.ExpectMsg(5);
        Assert.Same(from, probe.LastSender);

        var open = new TaskCompletionSource<int>();
        open.Task.PipeTo(probe.Ref, success: value => "got " + value);
        probe.ExpectNoMsg();
        open.SetResult(6);
        probe.ExpectMsg("got 6");

        Task.FromException<int>(new Boom("a")).PipeTo(probe.Ref);
        Assert.Equal("a", probe.ExpectMsg<Status.Failure>().Cause.Message);
        Task.FromException<int>(new Boom("b")).PipeTo(probe.Ref, failure: exception => "mapped " + exception.Message);
        probe.ExpectMsg("mapped b");
        Task.FromResult(1).PipeTo(probe.Ref, success: _ => throw new Boom("c"));
        Assert.Equal("c", probe.ExpectMsg<Status.Failure>().Cause.Message);
        Task.FromResult<string?>(null).PipeTo(probe.Ref);
        probe.ExpectMsg<Status.Failure>();
        Task.FromCanceled<int>(new CancellationToken(true)).PipeTo(probe.Ref);
        Assert.IsType<TaskCanceledException>(probe.ExpectMsg<Status.Failure>().Cause);
        Task.CompletedTask.PipeTo(probe.Ref);
        probe.ExpectMsg<Status.Success>();
        Task.CompletedTask.PipeTo(probe.Ref, success: () => "done");
        probe.ExpectMsg("done");
        new ValueTask<int>(8).PipeTo(probe.Ref);
        probe.ExpectMsg(8);
        new ValueTask<int>(Task.FromException<int>(new Boom("d"))).PipeTo(probe.Ref);
        Assert.Equal("d", probe.ExpectMsg<Status.Failure>().Cause.Message);
        ValueTask.CompletedTask.PipeTo(probe.Ref, success: () => "value");
        probe.ExpectMsg("value");
    }

    [Fact]
    public async Task A_throwing_failure_mapping_still_tells_the_failure()
    {
        await using var kit = TestKitSystem.Deterministic();
        var probe = kit.CreateProbe();
        Task.FromException<int>(new Boom("first")).PipeTo(probe.Ref, failure: _ => throw new Boom("second"));
        var cause = Assert.IsType<AggregateException>(probe.ExpectMsg<Status.Failure>().Cause);
        Assert.Equal(["first", "second"], cause.InnerExceptions.Select(one => one.Message));
    }
}
