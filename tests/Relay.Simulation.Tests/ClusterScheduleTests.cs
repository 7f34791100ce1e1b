using System.Collections.Concurrent;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Simulation.Tests;

/// <summary>Random lives of whole clusters. A schedule that breaks a rule is run again, and what happened in it is written to a file that the failure names.</summary>
public sealed class ClusterScheduleTests(ITestOutputHelper output)
{
    [Fact]
    public void Whatever_happens_nothing_is_lost_repeated_or_out_of_order_and_in_the_end_nobody_waits()
    {
        var (published, acknowledged, deliveries, resumes, gaps) = (0L, 0L, 0L, 0L, 0L);
        RunAll(TestLength.Of(2000, 200_000), seed =>
        {
            var report = ClusterSchedule.Run(seed).Report!;
            Interlocked.Add(ref published, report.Published);
            Interlocked.Add(ref acknowledged, report.Acknowledged);
            Interlocked.Add(ref deliveries, report.Deliveries);
            Interlocked.Add(ref resumes, report.Resumes);
            Interlocked.Add(ref gaps, report.ToldGaps);
        }, static (seed, log) => ClusterSchedule.Run(seed, log: log));
        output.WriteLine($"{published} published, {acknowledged} acknowledged, {deliveries} deliveries, {resumes} resumes, {gaps} gaps told");
        Assert.True(acknowledged > 0 && deliveries > 0 && resumes > 0);
    }

    [Fact]
    public void Where_nodes_come_and_leave_as_planned_nobody_is_refused_and_no_channel_begins_anew() =>
        RunAll(TestLength.Of(300, 30_000), static seed => ClusterSchedule.RunPlanned(seed), static (seed, log) => ClusterSchedule.RunPlanned(seed, log));

    [Fact]
    public void A_seed_gives_the_same_run_again()
    {
        foreach (var seed in (int[])[3, 77, 1234])
        {
            var (one, other) = (new List<string>(), new List<string>());
            ClusterSchedule.Run(seed, log: one);
            ClusterSchedule.Run(seed, log: other);
            Assert.NotEmpty(one);
            Assert.Equal(one, other);
        }
    }

    [Fact]
    public void A_journal_that_takes_writes_of_former_owners_is_found_out() => AssertFound(FindingKind.Conflicting, new Controls { JournalIgnoresOwners = true });

    [Fact]
    public void A_journal_that_acknowledges_before_it_stores_is_found_out() => AssertFound(FindingKind.Lost, new Controls { JournalAnswersBeforeItStores = true });

    [Fact]
    public void A_move_that_does_not_wait_for_the_answers_of_the_old_owner_is_found_out() => AssertFound(FindingKind.Repeated, new Controls { AnswersAreLost = true });

    private static void AssertFound(FindingKind kind, Controls controls)
    {
        for (var seed = 0; seed < 500; seed++)
        {
            try
            {
                ClusterSchedule.Run(seed, controls);
            }
            catch (BrokenRuleException broken) when (broken.Report?.Count(kind) > 0)
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

    private static void RunAll(int count, Action<int> run, Action<int, List<string>> repeat)
    {
        var broken = new ConcurrentQueue<(int Seed, string Message)>();
        Parallel.For(0, count, (seed, state) =>
        {
            try
            {
                run(seed);
            }
            catch (BrokenRuleException error)
            {
                broken.Enqueue((seed, error.Message));
                state.Stop();
            }
        });
        if (broken.TryDequeue(out var first))
        {
            Assert.Fail($"{first.Message}\nWhat happened: {Tell(first.Seed, repeat)}");
        }
    }

    private static string Tell(int seed, Action<int, List<string>> repeat)
    {
        var log = new List<string>();
        try
        {
            repeat(seed, log);
        }
        catch (BrokenRuleException)
        {
            // As before.
        }

        var path = Path.Combine(Path.GetTempPath(), $"relay-simulation-{seed}.log");
        File.WriteAllLines(path, log);
        return path;
    }
}
