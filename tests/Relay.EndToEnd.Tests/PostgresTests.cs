using Npgsql;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests;

/// <summary>The database bridge on a real PostgreSQL (protocols.md, <c>context</c>, database bridge).</summary>
public sealed class PostgresTests : IAsyncLifetime
{
    private PostgresServerProcess _postgres = null!;

    private NodeStart Settings => NodeStart.With(("Postgres:Connection", _postgres.ConnectionString));

    public async Task InitializeAsync() => _postgres = await PostgresServerProcess.StartAsync();

    public async Task DisposeAsync() => await _postgres.DisposeAsync();

    [Fact]
    public async Task A_notification_arrives_at_its_channel_and_at_global()
    {
        await using var node = await NodeProcess.StartAsync(Settings);
        await ReadyAsync(node);
        await using var client = await node.ContextAsync();
        await client.SubscribeAsync("projects/p1");
        await ExecuteAsync("""NOTIFY dcm_events, '{"channel":"projects/p1","event":"project.renamed","data":{"id":1.0},"timestamp":5}'""");
        var heard = new[] { await client.NextJsonAsync(), await client.NextJsonAsync() };
        Assert.Equal(["global", "projects/p1"], heard.Select(static one => one.Text("channel")!).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.All(heard, static one => Assert.Equal("project.renamed", one.Text("event")));
        Assert.All(heard, static one => Assert.Equal("""{"id":1.0}""", one.Raw("data")));
        await ExecuteAsync("""NOTIFY dcm_events, '{"channel":"global","event":"once","data":1}'""");
        await ExecuteAsync("""NOTIFY dcm_events, '{"channel":"global","event":"last","data":2}'""");
        Assert.Equal("once", (await client.NextJsonAsync()).Text("event"));
        Assert.Equal("last", (await client.NextJsonAsync()).Text("event"));
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Outbox_rows_written_while_the_node_was_down_arrive_once_and_in_order()
    {
        await using (var first = await NodeProcess.StartAsync(Settings))
        {
            await ReadyAsync(first);
            Assert.Equal(0, await first.StopAsync());
        }

        await InsertAsync(1, 1200);
        await using var node = await NodeProcess.StartAsync(Settings);
        await EmptyAsync();
        Assert.Equal(Numbers(201, 1000), await HistoryAsync(node), StringComparer.Ordinal);
        Assert.Equal(1200, (await node.GetAsync("/api/v1/history?channel=topics/orders&limit=1")).Json.Number("offset"));
        await using var client = await node.ContextAsync();
        await client.SubscribeAsync("topics/orders");
        await InsertAsync(1201, 300);
        for (var n = 1201; n <= 1500; n++)
        {
            Assert.Equal(n, (await client.NextJsonAsync()).Number("data"));
        }

        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_restart_of_PostgreSQL_is_told_and_heals_and_no_row_is_lost_or_doubled()
    {
        await using var node = await NodeProcess.StartAsync(Settings);
        await ReadyAsync(node);
        await using var client = await node.NativeAsync();
        await client.SubscribeAsync("topics/orders");
        await InsertAsync(1, 100);
        await AssertNextAsync(client, 1, 100);
        await InsertAsync(101, 2000);
        await _postgres.KillAsync();
        await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 503, "the node says that PostgreSQL is missing");
        Assert.Contains("postgres", (await node.GetAsync("/ready")).Body, StringComparison.Ordinal);
        Assert.Equal(200, (await node.GetAsync("/live")).Status);
        await client.AssertAnswersAsync();
        await _postgres.StartAgainAsync();
        await ReadyAsync(node);
        await InsertAsync(2101, 100);
        await EmptyAsync();
        Assert.Equal(Numbers(1201, 1000), await HistoryAsync(node), StringComparer.Ordinal);
        Assert.Equal(2200, (await node.GetAsync("/api/v1/history?channel=topics/orders&limit=1")).Json.Number("offset"));
        await ExecuteAsync("""NOTIFY dcm_events, '{"channel":"topics/orders","event":"after","data":0}'""");
        await client.NextJsonAsync("event", "after");
    }

    private static IEnumerable<string> Numbers(int from, int count) => Enumerable.Range(from, count).Select(static n => n.ToString());

    private static async Task AssertNextAsync(WsClient client, int from, int count)
    {
        for (var n = from; n < from + count; n++)
        {
            Assert.Equal(n, (await client.NextJsonAsync()).Number("data"));
        }
    }

    private static async Task<List<string>> HistoryAsync(NodeProcess node) =>
        [.. (await node.GetAsync("/api/v1/history?channel=topics/orders&limit=1000")).Json.GetProperty("events").EnumerateArray().Select(static one => one.Raw("data"))];

    private static Task ReadyAsync(NodeProcess node) =>
        Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

    private Task InsertAsync(int from, int count) => ExecuteAsync(
        $"INSERT INTO relay_outbox (channel, event, data) SELECT 'topics/orders', 'order.placed', to_jsonb(n) FROM generate_series({from}, {from + count - 1}) n");

    private Task EmptyAsync() => Eventually.UntilAsync(async () => await ScalarAsync("SELECT count(*) FROM relay_outbox") == 0, "the outbox is empty");

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> ScalarAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    // Without a pool: a pooled connection would not survive the restart.
    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(_postgres.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}
