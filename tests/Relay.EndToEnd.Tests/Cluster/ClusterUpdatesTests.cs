using System.Globalization;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>protocols.md, <c>updates</c>: what workers publish reaches every user once and in order, on whichever node, while channels change their owners.</summary>
public sealed class ClusterUpdatesTests
{
    private const int Users = 12;

    private static readonly (string Key, string Value)[] Durable = [("Namespaces:users:Durability", "redis")];

    [Fact]
    public async Task Updates_of_Redis_arrive_once_and_in_order_at_clients_of_every_node()
    {
        await using var group = await NodeGroup.StartAsync(3);
        await using var worker = new Worker(group.Redis);
        await using var listeners = await Listeners.OpenAsync(group, Users, copies: 3);
        await worker.SendAsync(2000);
        await listeners.AssertAsync(worker);
        Assert.All(group.Nodes, static node => node.AssertNoFailuresInLog());
    }

    [Fact]
    public async Task Updates_arrive_once_and_in_order_while_nodes_come_and_go_as_planned()
    {
        await using var group = await NodeGroup.StartAsync(2);
        await using var worker = new Worker(group.Redis);
        await using var listeners = await Listeners.OpenAsync(group, Users, copies: 1, node: 0);
        var sending = worker.RunAsync();
        await worker.FurtherAsync(300);
        await group.AddAsync();
        await worker.FurtherAsync(1500);
        Assert.Equal(0, await group[1].StopAsync());
        await worker.FurtherAsync(1500);
        await worker.EndAsync(sending);
        await listeners.AssertAsync(worker);
        group[0].AssertNoFailuresInLog();
        group[2].AssertNoFailuresInLog();
    }

    [Fact]
    public async Task Updates_of_durable_channels_arrive_once_and_in_order_though_their_owner_is_killed()
    {
        await using var group = await NodeGroup.StartAsync(3, Durable);
        await using var worker = new Worker(group.Redis);
        await using var listeners = await Listeners.OpenAsync(group, Users, copies: 1, node: 0);
        var sending = worker.RunAsync();
        await worker.FurtherAsync(500);
        await group[1].KillAsync();
        await worker.FurtherAsync(1500);
        await worker.EndAsync(sending);
        await listeners.AssertAsync(worker);
    }

    [Fact]
    public async Task Of_channels_in_memory_whose_owner_is_killed_nothing_is_missing_and_only_the_last_moment_may_come_again()
    {
        await using var group = await NodeGroup.StartAsync(3);
        await using var worker = new Worker(group.Redis, isNumbered: true);
        await using var listeners = await Listeners.OpenAsync(group, Users, copies: 1, node: 0);
        var sending = worker.RunAsync();
        await worker.FurtherAsync(1000);
        await group[1].KillAsync();
        await worker.FurtherAsync(1500);
        await worker.EndAsync(sending);
        await listeners.AssertAgainAsync(worker);
    }

    [Fact]
    public async Task Entries_of_a_stream_arrive_once_and_in_order_though_their_reader_is_killed()
    {
        const string Stream = "updates:stream";
        await using var group = await NodeGroup.StartAsync(3, [.. Durable, ("Redis:Updates:Streams", Stream)]);
        await using var worker = new Worker(group.Redis, Stream);
        await using var listeners = await Listeners.OpenAsync(group, Users, copies: 1, node: 0);
        var sending = worker.RunAsync();
        await worker.FurtherAsync(300);
        var reader = await ReaderAsync(group, Stream);
        if (reader == 1)
        {
            // Its clients would end with it.
            reader = 2;
        }

        await group[reader - 1].KillAsync();
        await worker.FurtherAsync(300);
        await worker.EndAsync(sending);
        await listeners.AssertAsync(worker);
        await Eventually.UntilAsync(async () => (await group.Redis.RunAsync("XPENDING", Stream, "relay")).StartsWith('0'), "nothing is pending");
    }

    // The number of the node that holds the consumer with the least idle time.
    private static async Task<int> ReaderAsync(NodeGroup group, string stream)
    {
        var lines = (await group.Redis.RunAsync("XINFO", "CONSUMERS", stream, "relay")).Split('\n', StringSplitOptions.TrimEntries);
        return int.Parse(lines[Array.IndexOf(lines, "name") + 1][1..], CultureInfo.InvariantCulture);
    }

    /// <summary>Publishes numbered updates to the users in turn, at some hundred a second, with nothing that names a message.</summary>
    private sealed class Worker(RedisServerProcess redis, string? stream = null, bool isNumbered = false) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ending = new();
        private int _sent;

        public int Sent => Volatile.Read(ref _sent);

        // A hundred messages in a row are alike, unless a test must tell them apart.
        public string Text(int number) => $$"""{"target_user_id":"u{{number % Users}}","type":"report_chunk","payload":{"n":{{(isNumbered ? number : number / 100)}}} }""";

        public async Task SendAsync(int count)
        {
            var messages = Enumerable.Range(Sent, count).Select(Text).ToList();
            if (stream is null)
            {
                await redis.PublishAllAsync("updates", messages);
            }
            else
            {
                foreach (var message in messages)
                {
                    await redis.RunAsync("XADD", stream, "*", "json", message);
                }
            }

            Interlocked.Add(ref _sent, count);
        }

        public async Task RunAsync()
        {
            while (!_ending.IsCancellationRequested)
            {
                await SendAsync(stream is null ? 20 : 1);
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        public Task FurtherAsync(int messages)
        {
            var until = Sent + messages;
            return Eventually.UntilAsync(() => Task.FromResult(Sent >= until), $"{until} messages are sent");
        }

        public async Task EndAsync(Task running)
        {
            await _ending.CancelAsync();
            await running;
        }

        public ValueTask DisposeAsync()
        {
            _ending.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Clients of all users, spread over the nodes or on one of them.</summary>
    private sealed class Listeners : IAsyncDisposable
    {
        private readonly List<(int User, WsClient Client)> _clients = [];

        public static async Task<Listeners> OpenAsync(NodeGroup group, int users, int copies, int? node = null)
        {
            var listeners = new Listeners();
            for (var user = 0; user < users; user++)
            {
                for (var copy = 0; copy < copies; copy++)
                {
                    listeners._clients.Add((user, await group[node ?? copy].UpdatesAsync("u" + user)));
                }
            }

            return listeners;
        }

        public async Task AssertAsync(Worker worker)
        {
            foreach (var (user, client) in _clients)
            {
                var expected = Enumerable.Range(0, worker.Sent).Where(number => number % Users == user).Select(worker.Text).ToList();
                var heard = new List<string>();
                foreach (var text in expected)
                {
                    heard.Add(await client.NextTextAsync());
                    Assert.True(text == heard[^1], $"user {user}, message {heard.Count} of {expected.Count}: {heard[^1]} instead of {text}");
                }

                Assert.Empty(client.Pending());
            }
        }

        // In order up to the end of a channel's owner, then in order from a moment before.
        public async Task AssertAgainAsync(Worker worker)
        {
            const int LastMoment = 120;
            foreach (var (user, client) in _clients)
            {
                var expected = Enumerable.Range(0, worker.Sent).Where(number => number % Users == user).ToList();
                var (next, returns) = (0, 0);
                while (next < expected.Count)
                {
                    var text = await client.NextTextAsync();
                    var index = expected.FindIndex(number => worker.Text(number) == text);
                    if (index != next)
                    {
                        Assert.True(index < next && next - index <= LastMoment && ++returns == 1, $"user {user}: {text} instead of {worker.Text(expected[next])}");
                    }

                    next = index + 1;
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var (_, client) in _clients)
            {
                await client.DisposeAsync();
            }
        }
    }
}
