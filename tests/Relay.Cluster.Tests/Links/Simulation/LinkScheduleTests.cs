using Relay.Cluster.Tests.Simulation;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Cluster.Tests.Links.Simulation;

public sealed class LinkScheduleTests(ITestOutputHelper output)
{
    [Fact]
    public void Whatever_happens_messages_of_a_session_arrive_once_and_in_order_and_in_the_end_all_of_them()
    {
        var delivered = 0L;
        var frames = 0L;
        var sessions = 0L;
        Parallel.For(0, TestLength.Of(2_000, 200_000), seed =>
        {
            var world = LinkSchedule.Run(seed);
            Interlocked.Add(ref delivered, world.Delivered);
            Interlocked.Add(ref frames, world.Frames);
            Interlocked.Add(ref sessions, world.Sessions);
        });
        output.WriteLine($"{delivered} messages, {frames} frames, {sessions} sessions");
        Assert.True(delivered > 0);
    }

    [Fact]
    public void A_seed_gives_the_same_run_again()
    {
        foreach (var seed in (int[])[3, 77, 1234])
        {
            var (one, other) = (new List<string>(), new List<string>());
            LinkSchedule.Run(seed, log: one);
            LinkSchedule.Run(seed, log: other);
            Assert.NotEmpty(one);
            Assert.Equal(one, other);
        }
    }

    [Fact]
    public void A_link_that_takes_repeated_messages_for_new_ones_is_found_out() =>
        AssertFound("got message", static (in frame, receiver) =>
            frame.Count > 0 && frame.First + frame.Count - 1 <= receiver.Received ? frame with { First = receiver.Received + 1 } : frame);

    [Fact]
    public void A_link_that_takes_messages_behind_a_gap_is_found_out() =>
        AssertFound("got message", static (in frame, receiver) => frame.First > receiver.Received + 1 ? frame with { First = receiver.Received + 1 } : frame);

    [Fact]
    public void A_link_that_takes_frames_of_another_session_is_found_out() =>
        AssertFound("got message", static (in frame, receiver) =>
            receiver.IsOpen ? frame with { From = receiver.Pair.Theirs, To = receiver.Pair.Mine, Ack = 0 } : frame);

    private static void AssertFound(string rule, Tamper tamper)
    {
        for (var seed = 0; seed < 500; seed++)
        {
            try
            {
                LinkSchedule.Run(seed, tamper);
            }
            catch (BrokenRuleException broken) when (broken.Message.Contains(rule, StringComparison.Ordinal))
            {
                return;
            }
            catch (BrokenRuleException)
            {
                // Another consequence of the same mistake.
            }
        }

        Assert.Fail("nothing was found");
    }
}
