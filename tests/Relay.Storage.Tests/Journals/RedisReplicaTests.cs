using System.Globalization;
using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Storage.Journals.Redis;
using Relay.Storage.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Storage.Tests.Journals;

/// <summary>What is stored counts only once a replica has it. The primary and its replica have a network between them that can be cut.</summary>
public sealed class RedisReplicaTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly RedisJournalOptions Waiting = new() { Prefix = "test:", WaitReplicas = 1, WaitTimeout = TimeSpan.FromMilliseconds(1500) };

    private readonly LogLines _log = new();
    private RedisServerProcess _primary = null!;
    private RedisServerProcess _replica = null!;
    private NetworkProxy _network = null!;
    private RedisClient _redis = null!;

    public async Task InitializeAsync()
    {
        _primary = await RedisServerProcess.StartAsync();
        _network = new NetworkProxy(_primary.Port);
        _replica = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Extra = ["--replicaof", "127.0.0.1", _network.Port.ToString(CultureInfo.InvariantCulture), "--repl-diskless-sync-delay", "0"],
        });
        _redis = await ClientAsync(_primary);
        await Eventually.UntilAsync(async () => (await _redis.InfoAsync("replication"))["slave0"].Contains("state=online", StringComparison.Ordinal), "a replica");
    }

    public async Task DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _network.DisposeAsync();
        await _replica.DisposeAsync();
        await _primary.DisposeAsync();
        _log.Dispose();
    }

    [Fact]
    public async Task What_no_replica_has_is_in_doubt_and_its_repeat_counts_when_one_has_it()
    {
        await using var journal = await ConnectedAsync(Waiting);
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        await journal.AppendAsync(Make.Append("room/1", 1)).DoneAsync();
        _network.Cut();
        var doubtful = await journal.AppendAsync(Make.Append("room/1", 2));
        Assert.Equal(JournalOutcome.Unavailable, doubtful.Outcome);
        Assert.Contains("only 0 of 1 replicas had it within 1.5 s (Relay:Redis:WaitReplicas)", doubtful.Reason, StringComparison.Ordinal);
        Assert.Contains("only 0 of 1", journal.Illness, StringComparison.Ordinal);
        Assert.Equal(JournalOutcome.Unavailable, (await journal.AppendAsync(Make.Append("room/1", 2))).Outcome);
        Assert.Equal(JournalOutcome.Unavailable, (await journal.OpenAsync(Make.Open("room/1"))).Outcome);
        Assert.Equal(JournalOutcome.Unavailable, (await journal.OpenAsync(Make.Open("room/2"))).Outcome);

        // A refusal is one whatever a replica has.
        Assert.Equal(JournalOutcome.Conflict, (await journal.AppendAsync(Make.Append("room/1", 9))).Outcome);
        _network.Heal();
        await Eventually.Until(() => journal.Illness is null);
        Assert.Equal(JournalOutcome.Repeated, (await journal.AppendAsync(Make.Append("room/1", 2))).Outcome);
        Assert.Equal([1L, 2L], (await journal.AllAsync("room/1")).Offsets());
    }

    /// <summary>A new connection has written nothing, so its WAIT would be content with anything.</summary>
    [Fact]
    public async Task The_repeat_over_another_connection_is_as_doubtful_as_what_it_repeats()
    {
        await using var journal = await ConnectedAsync(Waiting);
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        _network.Cut();
        Assert.Equal(JournalOutcome.Unavailable, (await journal.AppendAsync(Make.Append("room/1", 1))).Outcome);
        Assert.Equal(1, (await _redis.SendAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")).AsInteger());
        JournalResult repeat;
        do
        {
            repeat = await journal.AppendAsync(Make.Append("room/1", 1));
            Assert.Equal(JournalOutcome.Unavailable, repeat.Outcome);
        }
        while (!repeat.Reason!.Contains("only 0 of 1", StringComparison.Ordinal));

        // And so is what a new owner would begin from.
        Assert.Equal(JournalOutcome.Unavailable, (await journal.OpenAsync(Make.Open("room/1"))).Outcome);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task A_primary_that_is_cut_off_from_its_replica_confirms_nothing_that_its_successor_lacks(int replicas)
    {
        List<long> confirmed = [];
        await using (var journal = await ConnectedAsync(Waiting with { WaitReplicas = replicas }))
        {
            await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
            for (var offset = 1L; offset <= 200; offset++)
            {
                if (offset == 101)
                    _network.Cut();
                if ((await journal.AppendAsync(Make.Append("room/1", offset))).IsDone)
                    confirmed.Add(offset);
                else if (offset >= 105)
                    break;
            }
        }

        await _primary.KillAsync();
        await using var former = new ReplicaOf(_replica);
        await former.PromoteAsync();
        await using var successor = await ClientAsync(_replica);
        await using var after = new RedisJournal(successor, Waiting with { WaitReplicas = 0 }, _log);
        var stored = (await after.AllAsync("room/1")).Offsets().ToHashSet();
        var lost = confirmed.Count(offset => !stored.Contains(offset));
        output.WriteLine($"WAIT for {replicas}: {confirmed.Count} confirmed, {lost} of them lost");
        Assert.InRange(confirmed.Count, 100, 200);

        // Without WAIT all behind the cut is lost, and what was on its way to the replica before it: that is what it is for.
        Assert.InRange(lost, replicas > 0 ? 0 : 100, replicas > 0 ? 0 : 200);
    }

    [Fact]
    public async Task Writes_of_one_group_are_waited_for_once()
    {
        const int Streams = 500;
        await using var journal = await ConnectedAsync(Waiting with { WaitTimeout = TimeSpan.FromSeconds(30) });
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(i => journal.OpenAsync(Make.Open($"room/{i}")).DoneAsync()));
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(i => journal.AppendAsync(Make.Append($"room/{i}", 1)).DoneAsync()));
        var stats = await _redis.InfoAsync("commandstats");
        var waits = int.Parse(stats["cmdstat_wait"].Split(',', '=')[1], CultureInfo.InvariantCulture);
        output.WriteLine($"{waits} WAITs for {2 * Streams} writes");
        Assert.InRange(waits, 3, Streams / 2);
    }

    // A journal that waits has a connection of its own.
    private async Task<RedisJournal> ConnectedAsync(RedisJournalOptions options)
    {
        var journal = new RedisJournal(_redis, options, _log);
        await Eventually.UntilAsync(async () => (await journal.OpenAsync(Make.Open("room/0"))).IsDone, "connected");
        return journal;
    }

    private static async Task<RedisClient> ClientAsync(RedisServerProcess server)
    {
        var redis = new RedisClient(
            new RedisOptions
            {
                Endpoints = RedisOptionsParser.Parse(server.Endpoint).Endpoints, CommandTimeout = TimeSpan.FromSeconds(30), ConnectTimeout = TimeSpan.FromSeconds(30),
                BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromMilliseconds(200),
            },
            new RedisServices());
        redis.Start();
        await redis.WaitReadyAsync().WaitAsync(Eventually.DefaultBound, TimeProvider.System);
        return redis;
    }

    /// <summary>A plain connection to a replica, which the client of this project refuses to use.</summary>
    private sealed class ReplicaOf(RedisServerProcess server) : IAsyncDisposable
    {
        private readonly System.Net.Sockets.TcpClient _client = new();

        public async Task PromoteAsync()
        {
            await _client.ConnectAsync("127.0.0.1", server.Port);
            await _client.GetStream().WriteAsync("REPLICAOF NO ONE\r\n"u8.ToArray());
            var answer = new byte[5];
            await _client.GetStream().ReadExactlyAsync(answer);
            Assert.Equal("+OK\r\n"u8.ToArray(), answer);
        }

        public ValueTask DisposeAsync()
        {
            _client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
