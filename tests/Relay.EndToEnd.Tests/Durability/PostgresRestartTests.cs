using Npgsql;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>A PostgreSQL that goes away under a node that stays: publishes are refused in a way that can be retried, or late; it heals by itself.</summary>
public sealed class PostgresRestartTests(ITestOutputHelper output)
{
    private const int Seed = 21;

    /// <summary>Traffic before and after each fault.</summary>
    private const int Acks = 200;

    [Fact]
    public async Task Sessions_cut_by_the_database_its_shutdown_and_its_death_cost_nothing_acknowledged()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var run = await StartAsync(postgres);
        await run.FurtherAcksAsync(Acks);
        await EndSessionsAsync(postgres);
        await run.FurtherAcksAsync(Acks);
        await postgres.RestartAsync();
        await run.FurtherAcksAsync(Acks);
        await postgres.KillAsync();
        await postgres.StartAgainAsync();
        await run.FurtherAcksAsync(Acks);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
    }

    [Fact]
    public async Task A_node_that_is_killed_and_started_while_the_database_is_away_works_once_it_is_back()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await using var run = await StartAsync(postgres);
        await run.FurtherAcksAsync(Acks);
        await postgres.StopAsync();
        await run.KillAndRestartAsync();
        await postgres.StartAgainAsync();
        await run.FurtherAcksAsync(Acks);
        var report = await run.EndAsync();
        output.WriteLine(report.ToString());
        run.AssertPerfect(report);
    }

    private static Task<DurabilityRun> StartAsync(PostgresServerProcess postgres) => DurabilityRun.StartAsync(
        1, Seed,
        NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString)) with { ExpectedTrouble = "cannot be written" });

    private static async Task EndSessionsAsync(PostgresServerProcess postgres)
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var command = source.CreateCommand(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
        Assert.True((long)(await command.ExecuteScalarAsync())! > 0);
    }
}
