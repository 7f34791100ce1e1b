using Npgsql;
using Relay.Testing;

namespace Relay.Bridges.Tests.Postgres;

internal static class PostgresSetup
{
    /// <summary>Runs statements on a connection of their own. Not pooled, so that a restarted server is met with a fresh one.</summary>
    public static async Task<object?> RunAsync(this PostgresServerProcess server, string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return await RunAsync(connection, sql, values);
    }

    public static async Task<object?> RunAsync(this NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return await command.ExecuteScalarAsync();
    }

    public static Task InsertAsync(this PostgresServerProcess server, string channel, string name, int from, int count) => server.RunAsync(
        "INSERT INTO relay_outbox (channel, event, data) SELECT $1, $2, jsonb_build_object('n', n) FROM generate_series($3, $4) AS n", channel, name, from, from + count - 1);

    /// <summary>Starts the server again and waits until it takes statements, which after a kill is when it has recovered.</summary>
    public static async Task RecoverAsync(this PostgresServerProcess server)
    {
        await server.StartAgainAsync();
        await Eventually.UntilAsync(async () => await server.RunAsync("SELECT 1") is 1, "PostgreSQL takes statements");
    }

    /// <summary>Until the outbox is empty.</summary>
    public static Task DrainedAsync(this PostgresServerProcess server) =>
        Eventually.UntilAsync(async () => await server.RunAsync("SELECT count(*) FROM relay_outbox") is 0L, "the outbox is empty", TimeSpan.FromSeconds(90));

    /// <summary>Ends the relay's own sessions from the server's side.</summary>
    public static Task KillBackendsAsync(this PostgresServerProcess server) =>
        server.RunAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'relay-%'");
}
