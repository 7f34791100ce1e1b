using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Actors.Bridges;

namespace Relay.Bridges.Tests.Actors;

/// <summary>What one message of a busy Pub/Sub costs before the channels have it: one object that must be kept, and one small batch.</summary>
public sealed class BridgeAllocationTests : IDisposable
{
    // The event with its bytes, names and options is kept until its channel has it.
    private const int ItemBytes = 256;

    private readonly Meter _meter = new("test");
    private readonly List<BridgeBatch> _told = new(4096);
    private readonly BridgeServices _services;

    public BridgeAllocationTests() => _services = new BridgeServices(
        static (_, _) => throw new InvalidOperationException("No task is made for a message that is told."), NullLoggerFactory.Instance, _meter, TimeProvider.System, new Random(1), _told.Add);

    public void Dispose() => _meter.Dispose();

    [Fact]
    public void Reading_a_message_allocates_its_event_and_nothing_else()
    {
        var message = Encoding.UTF8.GetBytes("""{"target_user_id":"u1","type":"agent_update","payload":{"text":"abc"}}""");
        Read(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Read(1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 1000 * ItemBytes);

        void Read(int times)
        {
            for (var i = 0; i < times; i++)
                Assert.True(_services.Envelopes.TryRead("test", message, null, out _, out _));
        }
    }

    [Fact]
    public void Handing_over_a_batch_allocates_the_batch_and_its_answer_and_an_outcome_nothing()
    {
        var (accepted, failed) = (0, 0);
        var window = new BridgeWindow(_services.Tell, 8, count => accepted += count, (count, _) => failed += count);
        BridgeItem[] items = [new(["users/u1"], default), new(["users/u1"], default)];
        Send(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Send(1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 1000 * 80);
        Assert.Equal((2200, 0), (accepted, failed));

        void Send(int times)
        {
            for (var i = 0; i < times; i++)
            {
                var sending = window.SendAsync(items, CancellationToken.None).AsTask();
                Assert.True(sending.IsCompletedSuccessfully);
                _told[^1].Answer!.Accepted(1);
            }
        }
    }

    [Fact]
    public async Task A_full_window_waits_for_an_answer_and_drains_when_all_have_come()
    {
        var outcomes = new List<string>();
        var window = new BridgeWindow(_services.Tell, 1, count => outcomes.Add("accepted " + count), (count, error) => outcomes.Add($"failed {count} {error.Message}"));
        BridgeItem[] items = [new(["users/u1"], default)];
        await window.SendAsync(items, CancellationToken.None);
        using var stopping = new CancellationTokenSource();
        var given = window.SendAsync(items, stopping.Token).AsTask();
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        var waiting = window.SendAsync(items, CancellationToken.None).AsTask();
        Assert.Single(_told);
        _told[0].Answer!.Failed(new TimeoutException("late"));
        await waiting;
        Assert.Equal(2, _told.Count);
        var drained = window.DrainAsync();
        Assert.False(drained.IsCompleted);
        _told[1].Answer!.Accepted(0);
        await drained;
        Assert.Equal(["failed 1 late", "accepted 1"], outcomes);
    }
}
