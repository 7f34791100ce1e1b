using Relay.Actors.Bridges;
using Relay.Redis.Bridge;

namespace Relay.Redis.Tests.Bridge;

public sealed class InlineOutcomesTests
{
    [Fact]
    public void What_awaits_an_outcome_runs_where_the_outcome_is_told()
    {
        var told = new TaskCompletionSource<BridgeAccepted>(TaskCreationOptions.RunContinuationsAsynchronously);
        var publish = InlineOutcomes.Of((_, _) => told.Task);
        var thread = 0;
        var waiting = CountAsync();
        told.SetResult(new BridgeAccepted(7));
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.Equal(Environment.CurrentManagedThreadId, thread);

        async Task CountAsync()
        {
            var accepted = await publish([], CancellationToken.None);
            thread = Environment.CurrentManagedThreadId;
            Assert.Equal(7, accepted.Subscribers);
        }
    }

    [Fact]
    public async Task Failures_and_cancellations_come_through()
    {
        var failing = InlineOutcomes.Of(static (_, _) => Task.FromException<BridgeAccepted>(new BridgeOverloadedException(5)));
        await Assert.ThrowsAsync<BridgeOverloadedException>(() => failing([], CancellationToken.None));
        var cancelled = InlineOutcomes.Of(static (_, token) => Task.FromCanceled<BridgeAccepted>(token));
        await Assert.ThrowsAsync<TaskCanceledException>(() => cancelled([], new CancellationToken(canceled: true)));
    }
}
