namespace Relay.History.Tests;

/// <summary>
/// A checker that finds nothing is worth what it finds in a history that is wrong: random histories of a right relay pass, and each flaw is caught, as what
/// it is, whatever happens around it.
/// </summary>
public sealed class NegativeControlTests
{
    private const int Seeds = 150;

    [Fact]
    public void Random_histories_of_a_right_relay_have_no_findings()
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var report = HistoryChecker.Check(ModelRelay.Run(seed, Flaw.None));
            Expect(report.Findings.Count == 0, $"seed {seed}:", report);
            Expect(report is { Acknowledged: > 50, Resumes: > 5, ToldGaps: > 0, Stored: > 50 }, $"seed {seed} shows too little:", report);
        }
    }

    [Theory]
    [InlineData(Flaw.Drop, FindingKind.Lost, FindingKind.SilentGap)]
    [InlineData(Flaw.Duplicate, FindingKind.Repeated)]
    [InlineData(Flaw.Swap, FindingKind.Reordered)]
    [InlineData(Flaw.AckBeforeWrite, FindingKind.Lost)]
    [InlineData(Flaw.IgnoredFence, FindingKind.Conflicting, FindingKind.Lost)]
    [InlineData(Flaw.ForgottenId, FindingKind.Repeated)]
    [InlineData(Flaw.SilentEpoch, FindingKind.Lost, FindingKind.SilentGap)]
    public void A_flaw_is_caught_as_what_it_is_in_every_history(Flaw flaw, params FindingKind[] kinds)
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var report = HistoryChecker.Check(ModelRelay.Run(seed, flaw));
            Expect(Array.TrueForAll(kinds, kind => report.Count(kind) > 0), $"seed {seed}:", report);
        }
    }

    [Theory]
    [InlineData(Flaw.Drop, FindingKind.Lost, FindingKind.SilentGap)]
    [InlineData(Flaw.Duplicate, FindingKind.Repeated)]
    [InlineData(Flaw.Swap, FindingKind.Reordered)]
    public void A_flaw_in_delivery_is_not_taken_for_another(Flaw flaw, params FindingKind[] kinds)
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var report = HistoryChecker.Check(ModelRelay.Run(seed, flaw));
            Expect(report.Findings.All(finding => kinds.Contains(finding.Kind)), $"seed {seed}:", report);
        }
    }

    // The report is put into words only when it is needed: these run thousands of times.
    private static void Expect(bool holds, string what, CheckReport report)
    {
        if (!holds)
        {
            Assert.Fail($"{what} {report}");
        }
    }
}
