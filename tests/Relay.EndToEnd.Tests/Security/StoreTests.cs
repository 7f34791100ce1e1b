using System.Diagnostics;
using Npgsql;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S33, and TLS to the stores: a node of a cluster whose Redis and PostgreSQL speak nothing but TLS, as a Redis user who may do no harm.</summary>
public sealed class StoreTests
{
    /// <summary>docs/security.md names these rights.</summary>
    private const string User = "user relay on >redis-secret ~* &* +@all -@dangerous -@admin +info +role";

    [Fact]
    public async Task S33_A_node_works_over_TLS_with_a_Redis_user_who_may_do_no_harm()
    {
        using var folder = new TempFolder("relay-stores-");
        var certificates = TestCertificates.Create(folder);
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true, Acl = ["user default off", User] });
        await using var postgres = await PostgresServerProcess.StartTlsAsync(certificates);
        var connection = $"Host=127.0.0.1;Port={postgres.Port};Username=postgres;Database=postgres;SSL Mode=VerifyFull;Root Certificate={certificates.CaFile}";
        var start = NodeStart.With(
            ("Redis:Endpoints", $"rediss://127.0.0.1:{redis.Port}"),
            ("Redis:TlsCaFile", redis.Certificates!.CaFile),
            ("Redis:User", "relay"),
            ("Redis:Password", "redis-secret"),
            ("Redis:ConnectTimeout", "30s"),
            ("Drain:Seconds", "1"),
            ("Redis:Updates:Streams", "updates-stream"),
            ("Postgres:Connection", connection),
            ("Cluster:Enabled", "true"),
            ("Namespaces:topics:Durability", "redis"),
            ("Namespaces:projects:Durability", "sql"));
        await using (var node = await NodeProcess.StartAsync(start with { ExpectedTrouble = "not connected to" }))
        {
            await node.BecomesReadyAsync();
            await using var client = await node.NativeAsync();
            foreach (var channel in new[] { "topics/a", "projects/a" })
            {
                await client.SubscribeAsync(channel);
                await client.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"e","data":1,"id":"{{channel}}"}""");
                Assert.Equal(1, (await client.NextJsonAsync("event", "e")).Number("offset"));
            }

            // Every connection of the node to PostgreSQL is encrypted.
            await using var asked = new NpgsqlConnection(connection);
            await asked.OpenAsync();
            await using var command = new NpgsqlCommand("SELECT count(*) FILTER (WHERE NOT ssl), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL", asked);
            await using var reader = await command.ExecuteReaderAsync();
            Assert.True(await reader.ReadAsync());
            Assert.Equal(0, reader.GetInt64(0));
            Assert.True(reader.GetInt64(1) > 1);
            Assert.DoesNotContain("NOPERM", node.Log, StringComparison.Ordinal);
            Assert.DoesNotContain("redis-secret", node.Log, StringComparison.Ordinal);
            node.AssertNoFailuresInLog();
        }

        // What the user may not do.
        foreach (var command in new[] { "FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "SHUTDOWN NOSAVE", "MONITOR" })
        {
            string[] client = ["-p", redis.Port.ToString(), "--tls", "--cacert", redis.Certificates!.CaFile, "--user", "relay", "--pass", "redis-secret", "--no-auth-warning"];
            using var refused = Process.Start(new ProcessStartInfo("redis-cli", [.. client, .. command.Split(' ')]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
            Assert.StartsWith("NOPERM", await refused.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
            await refused.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task S33_A_node_that_does_not_know_the_password_or_the_authority_takes_part_in_nothing()
    {
        using var folder = new TempFolder("relay-stores-");
        var foreign = TestCertificates.Create(folder);
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Tls = true, Acl = ["user default off", User] });
        foreach (var (ca, password, reason) in new[] { (redis.Certificates!.CaFile, "guessed-secret", "WRONGPASS"), (foreign.CaFile, "redis-secret", "TLS with") })
        {
            await using var node = await NodeProcess.StartAsync(NodeStart.With(
                ("Redis:Endpoints", $"rediss://127.0.0.1:{redis.Port}"), ("Redis:TlsCaFile", ca), ("Redis:User", "relay"), ("Redis:Password", password), ("Cluster:Enabled", "true")));
            await node.SaysAsync(reason);
            Assert.Equal(503, (await node.GetAsync("/ready")).Status);
            Assert.DoesNotContain(password, node.Log, StringComparison.Ordinal);
        }
    }
}
