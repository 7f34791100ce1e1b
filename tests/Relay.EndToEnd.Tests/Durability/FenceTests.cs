using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>guarantees.md 6 where nothing but the journal's fence upholds it: two nodes that do not know of each other own the same channels.</summary>
public sealed class FenceTests(ITestOutputHelper output)
{
    private const int Seed = 22;
    private const int Acks = 400;

    [Fact]
    public async Task Two_nodes_that_take_the_same_channels_from_each_other_never_accept_two_events_at_one_place()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var run = await DurabilityRun.StartAsync(
            nodes: 2, Seed, ("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString));
        await run.FurtherAcksAsync(Acks);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);

        // Had neither been refused, neither would have tried to write as a stale owner.
        Assert.True(report.Refusals > 0, report.ToString());
    }
}
