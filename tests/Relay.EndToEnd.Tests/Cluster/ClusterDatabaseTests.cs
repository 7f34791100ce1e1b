using Npgsql;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>The database bridge of several nodes: every node hears a notification, and one row of the outbox is every node's business.</summary>
public sealed class ClusterDatabaseTests : IAsyncLifetime
{
    private const int Topics = 8;
    private const int Batch = 20;

    private readonly CancellationTokenSource _ending = new();
    private PostgresServerProcess _postgres = null!;
    private int _sent;

    public async Task InitializeAsync() => _postgres = await PostgresServerProcess.StartAsync();

    public async Task DisposeAsync()
    {
        _ending.Dispose();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task Notifications_arrive_once_and_in_order_while_nodes_come_and_go_as_planned()
    {
        await using var group = await NodeGroup.StartAsync(2, ("Postgres:Connection", _postgres.ConnectionString));
        await using var client = await ListenAsync(group[0]);
        var sending = RunAsync($$"""SELECT pg_notify('dcm_events', json_build_object('channel', 'topics/t' || n % {{Topics}}, 'event', 'e', 'data', n)::text)""");
        await FurtherAsync(200);
        await group.AddAsync();
        await FurtherAsync(1000);
        Assert.Equal(0, await group[1].StopAsync());
        await FurtherAsync(1000);
        await _ending.CancelAsync();
        await sending;
        await AssertAsync(client, "global");
        group[0].AssertNoFailuresInLog();
        group[2].AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Rows_of_the_outbox_arrive_once_and_in_order_though_a_node_that_drains_is_killed()
    {
        await using var group = await NodeGroup.StartAsync(3, ("Postgres:Connection", _postgres.ConnectionString), ("Namespaces:topics:Durability", "redis"));
        await using var client = await ListenAsync(group[0]);
        var sending = RunAsync($"INSERT INTO relay_outbox (channel, event, data) SELECT 'topics/t' || n % {Topics}, 'e', to_jsonb(n)");
        await FurtherAsync(300);
        await group[1].KillAsync();
        await FurtherAsync(500);
        await group[2].KillAsync();
        await FurtherAsync(500);
        await _ending.CancelAsync();
        await sending;
        await AssertAsync(client);
    }

    private static async Task<WsClient> ListenAsync(NodeProcess node)
    {
        var client = await node.NativeAsync();
        for (var topic = 0; topic < Topics; topic++)
        {
            await client.SubscribeAsync($"topics/t{topic}");
        }

        return client;
    }

    // Each channel has exactly its numbers, in their order; also the one that has a copy of all.
    private async Task AssertAsync(WsClient client, string? ofAll = null)
    {
        var missing = Enumerable.Range(0, Topics).ToDictionary(static topic => $"topics/t{topic}", topic => Numbers(topic), StringComparer.Ordinal);
        if (ofAll is not null)
        {
            missing.Add(ofAll, new Queue<int>(Enumerable.Range(0, _sent)));
        }

        while (missing.Values.Any(static numbers => numbers.Count > 0))
        {
            var heard = await client.NextJsonAsync("event", "e");
            Assert.True(missing[heard.Text("channel")!].TryDequeue(out var expected), $"once more: {heard.GetRawText()}");
            Assert.True(expected == heard.Number("data"), $"{expected} expected: {heard.GetRawText()}");
        }
    }

    private Queue<int> Numbers(int topic) => new(Enumerable.Range(0, _sent).Where(number => number % Topics == topic));

    private async Task RunAsync(string insert)
    {
        await using var connection = new NpgsqlConnection(_postgres.ConnectionString);
        await connection.OpenAsync();
        while (!_ending.IsCancellationRequested)
        {
            await using var command = new NpgsqlCommand($"{insert} FROM generate_series({_sent}, {_sent + Batch - 1}) n", connection);
            await command.ExecuteNonQueryAsync();
            Interlocked.Add(ref _sent, Batch);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task FurtherAsync(int messages)
    {
        var until = Volatile.Read(ref _sent) + messages;
        return Eventually.UntilAsync(() => Task.FromResult(Volatile.Read(ref _sent) >= until), $"{until} are sent");
    }
}
