using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// Publishers and subscribers on durable channels, with everything they do recorded. A test brings faults in between; <see cref="EndAsync"/> lets all be
/// finished, kills the node once more so that only what the journal has can answer, and checks the whole history.
/// </summary>
internal sealed class DurabilityRun : IAsyncDisposable
{
    /// <summary>A bound for a failing test. A restart takes a second or two, a thousand acks as much on a slow machine.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(90);

    private readonly RunShape _shape;
    private readonly HistoryRecorder _recorder = new();
    private readonly AckCounter _acks = new();
    private readonly List<RestartedNode> _nodes;
    private readonly List<RecordedPublisher> _publishers;
    private readonly List<RecordedSubscriber> _subscribers;
    private readonly List<Task> _clients = [];
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DurabilityRun(NodeStart start, RunShape shape, int seed)
    {
        _shape = shape;
        _nodes = [.. Enumerable.Range(0, shape.Nodes).Select(node => new RestartedNode(shape.Each(node, start)))];
        _publishers = [.. Enumerable.Range(1, shape.Publishers).Select(n => new RecordedPublisher($"p{n}", shape.Channels, Place(n, seed), _recorder, _acks, seed + n) { Pause = shape.Pause })];
        _subscribers = [.. Enumerable.Range(1, shape.Subscribers).Select(n => new RecordedSubscriber($"s{n}", shape.ChannelsOf(n), Place(n, seed), _recorder, seed - n)
        {
            EventsPerConnection = shape.EventsPerConnection,
            PresentOn = shape.PresentOn,
        })];
    }

    /// <summary>Starts the node, then the subscribers, and when they listen the publishers.</summary>
    /// <param name="seed">Of every client's decisions.</param>
    /// <param name="storage">Settings that say where the journal is, the namespace's durability among them.</param>
    public static Task<DurabilityRun> StartAsync(int seed, params (string Key, string Value)[] storage) => StartAsync(nodes: 1, seed, storage);

    /// <summary>As above with several nodes that know nothing of each other and share the journal; the clients are spread over them.</summary>
    public static Task<DurabilityRun> StartAsync(int nodes, int seed, params (string Key, string Value)[] storage) => StartAsync(nodes, seed, NodeStart.With(storage));

    /// <summary>As above with nodes that are started in a way of their own.</summary>
    public static Task<DurabilityRun> StartAsync(int nodes, int seed, NodeStart start) => StartAsync(new RunShape { Nodes = nodes }, seed, start);

    /// <summary>As above with clients of another number.</summary>
    public static async Task<DurabilityRun> StartAsync(RunShape shape, int seed, NodeStart start)
    {
        // Everything is kept, so that the whole history can be compared.
        var run = new DurabilityRun(
            start.Or(
                ("Namespaces:topics:HistoryLength", "1000000"), ("Namespaces:topics:HistoryAge", "24h"), ("Namespaces:topics:DedupeIds", "1000000"),
                ("Namespaces:topics:DedupeWindow", "24h")),
            shape,
            seed);
        try
        {
            await run.StartNodesAsync();
            run._clients.AddRange(run._subscribers.Select(subscriber => run.WatchedAsync(subscriber.RunAsync())));
            await run.UntilAsync(Task.WhenAll(run._subscribers.Select(static subscriber => subscriber.BeganAsync())));
            run._clients.AddRange(run._publishers.Select(publisher => run.WatchedAsync(publisher.RunAsync())));
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends when so many more publishes were acknowledged; fails when a client does.</summary>
    public Task FurtherAcksAsync(int acks) => UntilAsync(_acks.FurtherAsync(acks));

    /// <summary>For faults of one of them.</summary>
    public IReadOnlyList<RestartedNode> Nodes => _nodes;

    public IReadOnlyList<RecordedSubscriber> Subscribers => _subscribers;

    /// <summary>Waits for something else; fails when a client does.</summary>
    public Task WhileClientsAreWellAsync(Task other) => UntilAsync(other);

    /// <summary>The node that runs, the first of them.</summary>
    public Task<NodeProcess> NodeAsync() => _nodes[0].CurrentAsync();

    /// <summary>SIGKILL of the node, or of all of them, and new ones on what is left.</summary>
    /// <param name="whileDead">Happens when all are dead, before the next are started.</param>
    public async Task KillAndRestartAsync(Func<Task>? whileDead = null)
    {
        await Task.WhenAll(_nodes.Select(static node => node.KillAsync()));
        if (whileDead is not null)
        {
            await whileDead();
        }

        await StartNodesAsync();
    }

    /// <summary>Nodes that are started from now on are started like this.</summary>
    public void Change(Func<NodeStart, NodeStart> change) => _nodes.ForEach(node => node.Change(change));

    /// <summary>The whole history, checked.</summary>
    /// <param name="fromTheJournal">False where there is none: the nodes that run answer.</param>
    public async Task<CheckReport> EndAsync(bool fromTheJournal = true)
    {
        foreach (var publisher in _publishers)
        {
            publisher.Stop();
        }

        await UntilAsync(Task.WhenAll(_clients.TakeLast(_shape.Publishers)));
        if (fromTheJournal)
        {
            await KillAndRestartAsync();
        }

        var heads = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var channel in _shape.Channels)
        {
            heads[channel] = await JournalReader.RecordAsync(await _nodes[0].CurrentAsync(), channel, _recorder);
        }

        foreach (var subscriber in _subscribers)
        {
            subscriber.Finish(heads);
        }

        await UntilAsync(Task.WhenAll(_clients));
        return HistoryChecker.Check(_recorder.Entries);
    }

    /// <summary>
    /// Nothing is wrong, every publish was acknowledged and is stored, no gap was told, and each subscriber's log is the journal from where it began. Told
    /// gaps would be allowed, but here everything is kept: an excuse would hide a loss. The checker alone would excuse a subscriber that gives places up by
    /// itself, so the logs are compared as well.
    /// </summary>
    public void AssertPerfect(CheckReport report)
    {
        try
        {
            Compare(report);
        }
        catch (Exception failure)
        {
            throw Explained(failure);
        }
    }

    private void Compare(CheckReport report)
    {
        Assert.True(report.Findings.Count == 0, report.ToString());
        Assert.Equal(report.Published, report.Acknowledged);
        Assert.Equal(report.Published, report.Stored);
        Assert.True(report.ToldGaps == 0, string.Join('\n', _recorder.Entries.Where(static entry => entry is GapTold or Subscribed { Since: not null, Recovered: false })));
        CompleteLogs.Assert(_recorder.Entries);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var node in _nodes)
            {
                await node.DisposeAsync();
            }
        }
        finally
        {
            // Clients of a failed test end with the node; why they do is no news any more.
            await Task.WhenAll(_clients).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _recorder.Dispose();
        }
    }

    private INodeSource Place(int client, int seed) => _shape.Roams ? new AnyNode(_nodes, seed + client) : _nodes[client % _nodes.Count];

    // Nodes of a cluster serve some seconds after they listen. Others may be started while what they depend on is away.
    private async Task StartNodesAsync()
    {
        await Task.WhenAll(_nodes.Select(static node => node.StartAsync()));
        foreach (var node in _nodes.Where(_ => _shape.Roams))
        {
            await (await node.CurrentAsync()).BecomesReadyAsync();
        }
    }

    private async Task WatchedAsync(Task client)
    {
        try
        {
            await client;
        }
        catch (Exception failure)
        {
            _broken.TrySetException(failure);
            throw;
        }
    }

    private async Task UntilAsync(Task reached)
    {
        try
        {
            await await Task.WhenAny(reached, _broken.Task).WaitAsync(Bound, TimeProvider.System);
        }
        catch (Exception failure)
        {
            throw Explained(failure);
        }
    }

    // What everybody saw stays behind for looking into the failure, as JSON lines.
    private InvalidOperationException Explained(Exception failure)
    {
        var path = Path.Combine(Path.GetTempPath(), $"relay-history-{Guid.NewGuid():N}.jsonl");
        File.WriteAllLines(path, _recorder.Entries.Select(HistoryFile.Format));
        return new InvalidOperationException($"{failure.Message}\nWhat every client saw: {path}", failure);
    }
}
