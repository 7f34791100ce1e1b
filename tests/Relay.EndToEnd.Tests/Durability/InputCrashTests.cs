using System.Globalization;
using Npgsql;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// Stream entries and outbox rows into durable channels under <c>kill -9</c> of the node: each is in the channel exactly once and in its place (guarantees.md 1, 2, 3, 5).
/// The channel is compared whole, over all lives of the node.
/// </summary>
public sealed class InputCrashTests
{
    private const string Stream = "updates:stream";
    private const string Channel = "topics/in";
    private const int PerLife = 4000;
    private const int Kills = 5;

    private static readonly (string, string)[] Durable =
    [
        ("Namespaces:topics:Durability", "sql"), ("Namespaces:topics:HistoryLength", "1000000"), ("Namespaces:topics:HistoryAge", "24h"), ("Cluster:NodeId", "n1"),
    ];

    [Fact]
    public async Task Stream_entries_are_there_once_and_in_order_when_the_node_is_killed_while_it_drains()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        using var folder = new TempFolder();
        var start = Start(folder, ("Redis:Endpoints", redis.Endpoint), ("Redis:Updates:Streams", Stream));
        await DrainUnderKillsAsync(start, count => AddAsync(redis, count), () => IsAcknowledgedAsync(redis));
    }

    [Fact]
    public async Task Outbox_rows_are_there_once_and_in_order_when_the_node_is_killed_while_it_drains()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        using var folder = new TempFolder();
        var start = StartWithOutbox(folder, postgres);
        await MakeOutboxAsync(start);
        await DrainUnderKillsAsync(start, count => InsertAsync(postgres, count), () => IsEmptyAsync(postgres));
    }

    [Theory]
    [InlineData(10_000, 1)]
    [InlineData(0, 2)]
    public async Task Entries_that_were_accepted_and_not_acknowledged_at_the_kill_are_known_by_their_ids_alone(int ids, int times)
    {
        await using var redis = await RedisServerProcess.StartAsync();
        using var folder = new TempFolder();
        var start = Start(folder, ("Redis:Endpoints", redis.Endpoint), ("Redis:Updates:Streams", Stream), ("Namespaces:topics:DedupeIds", ids.ToString(CultureInfo.InvariantCulture)));
        // The node may read and not acknowledge: it stands between acceptance and acknowledgement until it is killed.
        await redis.RunAsync("ACL", "SETUSER", "default", "-xack");
        await AddAsync(redis, 100);
        await using (var node = await NodeProcess.StartAsync(start))
        {
            await node.SaysAsync("permissions to run the 'xack' command");
            Assert.Equal(100, (await ReadAsync(node)).Distinct(StringComparer.Ordinal).Count());
            await node.KillAsync();
        }

        await redis.RunAsync("ACL", "SETUSER", "default", "+xack");
        await using var next = await NodeProcess.StartAsync(start);
        await Eventually.UntilAsync(() => IsAcknowledgedAsync(redis), "all is acknowledged");
        var read = await ReadAsync(next);

        // Without known ids the same entries come again: the negative control.
        if (times == 1)
        {
            Assert.Equal(Numbers(100), read, StringComparer.Ordinal);
        }
        else
        {
            Assert.True(read.Count >= 200, $"{read.Count} events");
        }
    }

    [Theory]
    [InlineData(10_000, 1)]
    [InlineData(0, 2)]
    public async Task Rows_that_were_accepted_and_not_deleted_at_the_kill_are_known_by_their_ids_alone(int ids, int times)
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        using var folder = new TempFolder();
        var start = StartWithOutbox(folder, postgres, ("Namespaces:topics:DedupeIds", ids.ToString(CultureInfo.InvariantCulture)));
        await MakeOutboxAsync(start);
        await InsertAsync(postgres, 100);
        await using (var connection = await OpenAsync(postgres))
        {
            // Whoever reads goes on; whoever deletes waits.
            await using var transaction = await connection.BeginTransactionAsync();
            await ExecuteAsync(connection, "LOCK TABLE relay_outbox IN SHARE MODE");
            await using var node = await NodeProcess.StartAsync(start);
            await Eventually.UntilAsync(async () => (await ReadAsync(node)).Count >= 100, "all is in the channel");
            await node.KillAsync();
        }

        await using var next = await NodeProcess.StartAsync(start);
        await Eventually.UntilAsync(() => IsEmptyAsync(postgres), "all is deleted");
        Assert.Equal(Enumerable.Repeat(Numbers(100), times).SelectMany(static one => one), await ReadAsync(next), StringComparer.Ordinal);
    }

    private static NodeStart Start(TempFolder folder, params (string, string)[] settings) => NodeStart.With([.. Durable, ("Storage:Path", folder.Path), .. settings]);

    // A node that knows a PostgreSQL has its journal there as well.
    private static NodeStart StartWithOutbox(TempFolder folder, PostgresServerProcess postgres, params (string, string)[] settings) =>
        Start(folder, [("Postgres:Connection", postgres.ConnectionString), .. settings]);

    private static async Task DrainUnderKillsAsync(NodeStart start, Func<int, Task> addAsync, Func<Task<bool>> isDrainedAsync)
    {
        var random = new Random(7);
        var seen = 0L;
        for (var kill = 0; kill < Kills; kill++)
        {
            await addAsync(PerLife);
            await using var node = await NodeProcess.StartAsync(start);
            var further = 1 + random.Next(1000);
            await Eventually.UntilAsync(async () => await HeadAsync(node) >= seen + further, "the node drains");
            for (var turns = random.Next(1000); turns > 0; turns--)
            {
                await Task.Yield();
            }

            await node.KillAsync();
            node.AssertNoFailuresInLog();
            seen += further;
        }

        await using var last = await NodeProcess.StartAsync(start);
        await Eventually.UntilAsync(isDrainedAsync, "all is drained");
        Assert.Equal(Numbers(PerLife * Kills), await ReadAsync(last), StringComparer.Ordinal);
        last.AssertNoFailuresInLog();
    }

    private static IEnumerable<string> Numbers(int count) => Enumerable.Range(1, count).Select(static n => n.ToString(CultureInfo.InvariantCulture));

    private static async Task<long> HeadAsync(NodeProcess node) => (await node.GetAsync($"/api/v1/history?channel={Channel}&limit=1")).Json.Number("offset");

    /// <summary>All events of the channel in their order, from its first.</summary>
    private static async Task<List<string>> ReadAsync(NodeProcess node)
    {
        var read = new List<string>();
        var head = (await node.GetAsync($"/api/v1/history?channel={Channel}&limit=1")).Json;
        for (var more = true; more;)
        {
            var page = (await node.GetAsync($"/api/v1/history?channel={Channel}&limit=1000&since={head.Text("epoch")}:{read.Count}")).Json.GetProperty("events").EnumerateArray().ToList();
            read.AddRange(page.Select(static one => one.Raw("data")));
            more = page.Count > 0;
        }

        return read;
    }

    // The numbers go on from what the stream holds already, since nothing is trimmed.
    private static async Task AddAsync(RedisServerProcess redis, int count)
    {
        const string Script = """
            local from = redis.call('XLEN', KEYS[1])
            for n = from + 1, from + tonumber(ARGV[1]) do
              redis.call('XADD', KEYS[1], '*', 'json', '{"channel":"topics/in","type":"in","payload":' .. n .. '}')
            end
            return redis.call('XLEN', KEYS[1])
            """;
        Assert.True(int.Parse(await redis.RunAsync("EVAL", Script, "1", Stream, count.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture) >= count);
    }

    private static async Task<bool> IsAcknowledgedAsync(RedisServerProcess redis)
    {
        var groups = (await redis.RunAsync("XINFO", "GROUPS", Stream)).Split('\n');
        return After("pending") == "0" && After("lag") == "0";

        string After(string name) => groups[Array.IndexOf(groups, name) + 1];
    }

    /// <summary>The first node makes the table and its trigger.</summary>
    private static async Task MakeOutboxAsync(NodeStart start)
    {
        await using var node = await NodeProcess.StartAsync(start);
        await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");
    }

    private static async Task InsertAsync(PostgresServerProcess postgres, int count)
    {
        await using var connection = await OpenAsync(postgres);
        await ExecuteAsync(
            connection,
            $"WITH ids AS (SELECT nextval('relay_outbox_id_seq') AS id FROM generate_series(1, {count})) " +
            $"INSERT INTO relay_outbox (id, channel, event, data) SELECT id, '{Channel}', 'in', to_jsonb(id) FROM ids");
    }

    private static async Task<bool> IsEmptyAsync(PostgresServerProcess postgres)
    {
        await using var connection = await OpenAsync(postgres);
        await using var command = new NpgsqlCommand("SELECT NOT EXISTS (SELECT 1 FROM relay_outbox)", connection);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<NpgsqlConnection> OpenAsync(PostgresServerProcess postgres)
    {
        var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}
